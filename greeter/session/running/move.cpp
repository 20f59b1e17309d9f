// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/running/move.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/plain_text.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

constexpr Duration k_longest_notice = seconds(10);

int64_t until(BootTime t, BootTime now) {
    return std::max<int64_t>(0, std::chrono::floor<seconds>(t - now).count());
}

std::string named(const volume::VolumeClaim& claim) {
    return claim.host.empty() ? "Another workstation" : "Workstation " + shown_host(claim.host);
}

}  // namespace

MovePlan plan_move(BootTime now, Duration lease_left, Duration power_button) {
    MovePlan plan;
    plan.lease_end = now + lease_left;
    plan.press_button = now + std::min(lease_left / 5, k_longest_notice);
    plan.switch_off = std::min(now + (lease_left - lease_left / 6), plan.press_button + power_button);
    return plan;
}

std::string shown_host(const std::string& host, size_t longest) {
    return host.empty() ? "?" : printable(host, longest);
}

std::string shown_age(seconds age) {
    const int64_t s = age.count();
    if (s < 120) return fmt::format("{} s", s);
    if (s < 120 * 60) return fmt::format("{} minutes", s / 60);
    if (s < 48 * 3600) return fmt::format("{} hours", s / 3600);
    return fmt::format("{} days", s / (24 * 3600));
}

std::string claimed_text(const volume::VolumeClaim& claim, const MovePlan& plan, BootTime now) {
    return fmt::format(
        "{} asks for your virtual machine: save your work now. It will be asked to shut down in {} s and "
        "switched "
        "off in {} s.",
        named(claim), until(plan.press_button, now), until(plan.switch_off, now));
}

std::string closing_text(const volume::VolumeClaim& claim, const MovePlan& plan, BootTime now) {
    return fmt::format("Your virtual machine is being closed to move to {}: {} s are left.",
                       claim.host.empty() ? "another workstation" : "workstation " + shown_host(claim.host),
                       until(plan.switch_off, now));
}

std::string waiting_text(const std::optional<lock::LockHolder>& lower, seconds asked, seconds left,
                         const lock::LockTimes& times) {
    if (!lower) return fmt::format("Waiting for the other workstation; at most {} s", left.count());
    const std::string host = shown_host(lower->record.owner.host);
    if (lower->record.closing) return fmt::format("{} is closing your VM; at most {} s", host, left.count());
    // A holder looks at each renewal; one that missed two is silent, or gone.
    if (asked > 2 * times.renew)
        return fmt::format("{} does not answer; taken over in {} s", host, left.count());
    return fmt::format("Asked {} to close it; at most {} s", host, left.count());
}

}  // namespace berth::session
