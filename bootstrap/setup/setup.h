// SPDX-License-Identifier: GPL-3.0-or-later
// berth-setup(8): makes the started system this workstation's own before the first password is typed.
#pragma once

#include "base/clock.h"
#include "base/record/machine_record.h"
#include "base/report.h"
#include "base/result.h"
#include "bootstrap/initramfs/boot_parameters.h"
#include "net/http_client.h"

namespace berth::boot {

struct SetupContext {
    BootParameters parameters;
    net::HttpClient& http;
    Clock& clock;
    Report& report;
};

/// Host name, key map, time zone, time servers, data partition, facts, boot.json, stage `setup`. A part that
/// fails is reported and the rest continues: a workstation with a wrong key map is better than none. Only a
/// missing /var/lib/berth or boot.json is an error.
Status run_setup(const SetupContext& context);

/// Keeps boot.json true (clock, network, missing firmware), time servers as the lease says, and delivers
/// facts that could not be posted. Never returns.
[[noreturn]] void watch(const SetupContext& context);

/// Posts stage `prompt`.
void post_prompt(const SetupContext& context);

}  // namespace berth::boot
