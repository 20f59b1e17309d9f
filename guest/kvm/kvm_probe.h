// SPDX-License-Identifier: GPL-3.0-or-later
// Is KVM usable? Only if a guest really runs: a /dev/kvm that opens proves nothing, on some hosts a kernel
// hangs at its first instruction. So a child process, which can be killed, runs a guest of a few instructions
// into 64-bit mode.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace berth::guest {

/// How far the probe came.
enum class KvmStage {
    open,     ///< open(2) of /dev/kvm
    version,  ///< KVM_GET_API_VERSION is 12
    vm,       ///< KVM_CREATE_VM, its memory and one CPU
    run,      ///< The guest's letters arrived at its port, and it halted.
    hung,     ///< It did not end in time.
    done,
};

/// All that the explanation needs.
struct KvmFacts {
    KvmStage stage = KvmStage::done;
    int error = 0;        ///< errno of `stage`, 0 if it had none.
    bool cpu_has = true;  ///< CPUID: VT-x (leaf 1 ECX bit 5) or AMD-V (leaf 8000_0001h ECX bit 2).
    bool kernel_sees =
        true;  ///< "vmx" or "svm" in /proc/cpuinfo; the kernel drops it when the firmware switched it off.
    bool module_loaded = true;  ///< /sys/module/kvm_intel, kvm_amd, or another vendor module of kvm.
    bool intel = true;
    unsigned seconds = 0;  ///< How long `hung` waited.
};

/// Why KVM cannot be used, for the screen; empty when it can. Pure.
std::string explain_kvm(const KvmFacts& facts);

/// Looks at this workstation and runs the probe in a child, at most `timeout`. H01 with the explanation. Any
/// thread.
Status probe_kvm(const std::string& device = "/dev/kvm", Duration timeout = std::chrono::seconds(10));

/// The child's part (kvm_guest.cpp): makes and runs the guest on `device`, may hang. Async-signal-safe. The
/// stage it came to and errno.
struct KvmRun {
    KvmStage stage;
    int error;
};
KvmRun run_probe_guest(const char* device);

}  // namespace berth::guest
