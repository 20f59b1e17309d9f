// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/virtual_terminals.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "base/fd.h"

namespace berth::supervisor {
namespace {

constexpr Duration k_interval = std::chrono::milliseconds(10);
constexpr Duration k_switch = std::chrono::milliseconds(500);
constexpr Duration k_switch_of_dead = std::chrono::milliseconds(200);

}  // namespace

Result<int> KernelVtCalls::active() {
    vt_stat state{};
    if (ioctl(fd_, VT_GETSTATE, &state) != 0) return fail_errno("VT_GETSTATE");
    return state.v_active;
}

Status KernelVtCalls::lock(bool locked) {
    if (ioctl(fd_, locked ? VT_LOCKSWITCH : VT_UNLOCKSWITCH, 1) != 0)
        return fail_errno(locked ? "VT_LOCKSWITCH" : "VT_UNLOCKSWITCH");
    return {};
}

Status KernelVtCalls::ask_for(int number) {
    if (ioctl(fd_, VT_ACTIVATE, number) != 0) return fail_errno(fmt::format("VT_ACTIVATE {}", number));
    return {};
}

Status KernelVtCalls::reclaim(int number) {
    const std::string path = fmt::format("/dev/tty{}", number);
    UniqueFd fd(open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail_errno("open " + path);
    vt_mode mode{};
    mode.mode = VT_AUTO;
    if (ioctl(fd.get(), VT_SETMODE, &mode) != 0) return fail_errno("VT_SETMODE " + path);
    if (ioctl(fd.get(), KDSETMODE, KD_TEXT) != 0) return fail_errno("KDSETMODE " + path);
    if (ioctl(fd.get(), KDSKBMODE, K_UNICODE) != 0) return fail_errno("KDSKBMODE " + path);
    return {};
}

Result<Arrival> VirtualTerminals::activate(int number, BootTime deadline) {
    const auto arrival = switch_to(number, deadline);
    BERTH_TRY(calls_.lock(true));
    return arrival;
}

void VirtualTerminals::force(int number, int held, Report& report, const std::function<void()>& kill_seat) {
    const auto arrived = activate(number, clock_.now() + k_switch);
    if (!arrived) return report.error("virtual terminal", arrived.error());
    if (*arrived == Arrival::arrived) return;
    report.event(Level::warning, "the seat does not let go of its terminal");
    kill_seat();
    // The kernel takes the terminal back when its owner is dead and reaped, and somebody asks then.
    for (int i = 0; i < 10; ++i) {
        const auto again = activate(number, clock_.now() + k_switch_of_dead);
        if (!again || *again == Arrival::arrived) return;
    }
    if (Status s = reclaim(held); !s) report.error("virtual terminal", s.error());
    (void)activate(number, clock_.now() + k_switch);
}

Result<Arrival> VirtualTerminals::switch_to(int number, BootTime deadline) {
    int in_front = BERTH_TRY(calls_.active());
    if (in_front == number) return Arrival::arrived;
    BERTH_TRY(calls_.lock(false));
    BERTH_TRY(calls_.ask_for(number));
    while (true) {
        const int now_in_front = BERTH_TRY(calls_.active());
        if (now_in_front == number) return Arrival::arrived;
        if (now_in_front != in_front) {
            // Somebody else asked for another one meanwhile, and the kernel keeps the last wish only.
            in_front = now_in_front;
            BERTH_TRY(calls_.ask_for(number));
        }
        const BootTime now = clock_.now();
        if (now >= deadline) return Arrival::held;
        clock_.sleep(std::min(k_interval, deadline - now));
    }
}

}  // namespace berth::supervisor
