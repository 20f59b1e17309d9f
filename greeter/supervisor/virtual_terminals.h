// SPDX-License-Identifier: GPL-3.0-or-later
// Which virtual terminal is in front. Nobody but the supervisor may change it: switching is locked (VT_LOCKSWITCH, see
// terminal.h) except while activate() runs. ioctl_vt(2); what the kernel does is in drivers/tty/vt/vt_ioctl.c.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"

namespace berth::supervisor {

/// The kernel's calls, as one of a test has them too.
class VtCalls {
  public:
    virtual ~VtCalls() = default;
    /// The terminal in front (VT_GETSTATE).
    virtual Result<int> active() = 0;
    /// VT_LOCKSWITCH or VT_UNLOCKSWITCH.
    virtual Status lock(bool locked) = 0;
    /// VT_ACTIVATE: asks for it and does not wait. The kernel says nothing if it refuses.
    virtual Status ask_for(int number) = 0;
    /// Text mode and switching by the kernel (KD_TEXT, VT_AUTO), whoever owns that terminal.
    virtual Status reclaim(int number) = 0;
};

/// By the descriptor of any virtual terminal, which must outlive this; needs CAP_SYS_TTY_CONFIG.
class KernelVtCalls final : public VtCalls {
  public:
    explicit KernelVtCalls(int fd) : fd_(fd) {}
    Result<int> active() override;
    Status lock(bool locked) override;
    Status ask_for(int number) override;
    Status reclaim(int number) override;

  private:
    int fd_;
};

enum class Arrival {
    arrived,
    /// Whoever owns the terminal that is in front (seatd) does not let go of it. Once it is dead and reaped, the next
    /// activate() arrives: the kernel then takes the terminal back itself. One that only slept may let go later.
    held,
};

class VirtualTerminals {
  public:
    VirtualTerminals(VtCalls& calls, Clock& clock) : calls_(calls), clock_(clock) {}

    Result<int> active() { return calls_.active(); }
    /// Brings `number` (1 to 63) to the front and waits for it until `deadline`, looking each 10 ms and once at least.
    /// Switching is locked afterwards, whatever happened; also where `number` was in front already.
    Result<Arrival> activate(int number, BootTime deadline);
    /// The last resort, where an owner cannot be killed: `number` becomes a text terminal that the kernel switches
    /// itself, so that the next activate() of another one arrives. What its owner draws stays on the monitor while it
    /// has the display (DRM master).
    Status reclaim(int number) { return calls_.reclaim(number); }

    /// activate(), whatever holds the terminal that is in front: `kill_seat` ends who does, and where that does not help
    /// `held` is reclaimed. Takes 3 s at most; reports what happened.
    void force(int number, int held, Report& report, const std::function<void()>& kill_seat);

  private:
    Result<Arrival> switch_to(int number, BootTime deadline);

    VtCalls& calls_;
    Clock& clock_;
};

}  // namespace berth::supervisor
