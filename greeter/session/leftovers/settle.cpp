// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/settle.h"

#include <set>

namespace berth::session {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string going_down_text(seconds limit) {
    return fmt::format(
        "This workstation is going down. It waits until a virtual machine is closed and saved, {} s at most.",
        limit.count());
}

Result<size_t> settle(const SweepSeams& seams, Duration limit, const std::function<void(pid_t)>& ask,
                      const std::function<bool()>& go_on) {
    const BootTime end = seams.clock.now() + limit;
    const auto waiting = [&](seconds) { return seams.clock.now() < end && go_on(); };
    // Something that the lost power would end in the middle.
    const auto lives = [&](const SessionState& state) {
        auto domain = seams.hypervisor.find(guest::domain_name(state.session));
        return !domain || *domain != nullptr || !seams.processes.volume_processes(state).empty();
    };
    Sweeper sweeper(seams);
    std::set<std::string> asked;
    while (true) {
        auto stored = BERTH_TRY(seams.store.list());
        size_t left = 0;
        for (const auto& entry : stored) {
            if (!entry.state || entry.state->boot_id != seams.boot_id) continue;
            auto claim = BERTH_TRY(seams.store.claim(entry.session));
            if (!claim) {
                ++left;
                if (auto pid = seams.store.session_pid(entry.session))
                    if (asked.insert(entry.session).second) ask(*pid);
                continue;
            }
            auto now = BERTH_TRY(seams.store.load(entry.session));
            if (!now || !now->state) continue;
            const SessionState& state = *now->state;
            if (Status s = sweeper.finish(state, waiting); !s) {
                seams.report.error("a session is not finished", s.error().with_prefix(entry.session));
                if (lives(state)) ++left;
            }
        }
        if (left == 0 || !waiting({})) return left;
        seams.clock.sleep(milliseconds(500));
    }
}

}  // namespace berth::session
