// SPDX-License-Identifier: GPL-3.0-or-later
// The client's clock: which servers chrony is to ask, and whether it has an answer. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/record/boot_record.h"

namespace berth::boot {

/// From `chronyc -c tracking` (comma-separated; the third field is the stratum, the last the leap status) and
/// how long chrony had time. An empty text: chrony does not answer.
ClockState clock_state(std::string_view chronyc_tracking, Duration since_start);
inline constexpr std::chrono::seconds k_clock_patience{60};

/// NTP= of one of systemd-networkd's lease files (DHCP option 42, RFC 2132 8.3). What is not an address is left
/// out.
std::vector<std::string> ntp_of_lease(std::string_view lease);

/// chrony.conf(5) "sourcedir": the record's servers, else the lease's; empty: neither, the site's
/// configuration stands.
std::string chrony_sources(const std::vector<std::string>& record, const std::vector<std::string>& lease);

}  // namespace berth::boot
