// SPDX-License-Identifier: GPL-3.0-or-later
// Every workstation and server of a site must keep the same times of the lock, so what is shipped has no
// option for them. A laboratory, whose test cannot wait 90 s, has.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <vector>

#include "lock/record.h"

namespace berth {

/// --lock-times-ms RENEW,HOLD,TAKEOVER,SWEEP, into `times`, which outlives the parser.
inline void add_lock_times(CLI::App& app, lock::LockTimes& times) {
    app.add_option_function<std::vector<int64_t>>(
           "--lock-times-ms",
           [&times](const std::vector<int64_t>& ms) {
               using std::chrono::milliseconds;
               times = {milliseconds(ms[0]), milliseconds(ms[1]), milliseconds(ms[2]), milliseconds(ms[3])};
           },
           "renew,hold,take-over,sweep-wait in milliseconds")
        ->delimiter(',')
        ->expected(4);
}

}  // namespace berth
