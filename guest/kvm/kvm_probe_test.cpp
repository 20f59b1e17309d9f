// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/kvm/kvm_probe.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

TEST(KvmProbe, has_nothing_to_explain_when_the_guest_ran) {
    EXPECT_EQ(explain_kvm({}), "");
}

TEST(KvmProbe, says_that_the_cpu_cannot) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::open,
                           .error = ENOENT,
                           .cpu_has = false,
                           .kernel_sees = false,
                           .module_loaded = false}),
              "this CPU has no virtualisation (VT-x), or a hypervisor hides it");
}

TEST(KvmProbe, says_that_the_firmware_switched_it_off) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::open,
                           .error = ENOENT,
                           .kernel_sees = false,
                           .module_loaded = false,
                           .intel = false}),
              "virtualisation (AMD-V) is switched off in this computer's firmware setup");
}

TEST(KvmProbe, says_that_the_module_is_missing) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::open, .error = ENOENT, .module_loaded = false}),
              "the kernel module kvm_intel is not loaded; if it cannot be, virtualisation (VT-x) is switched "
              "off in the firmware setup");
}

TEST(KvmProbe, says_that_permission_is_missing) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::open, .error = EACCES}),
              "no permission to use KVM: Permission denied");
}

TEST(KvmProbe, says_that_another_hypervisor_has_the_cpu) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::vm, .error = EBUSY}),
              "another hypervisor uses this CPU's virtualisation");
}

TEST(KvmProbe, says_that_the_guest_hung) {
    EXPECT_EQ(explain_kvm({.stage = KvmStage::hung, .seconds = 10}),
              "KVM is there, but a test guest did not finish within 10 s");
}

TEST(KvmProbe, refuses_a_device_that_is_not_there) {
    const Status usable = probe_kvm("/nonexistent/kvm");
    ASSERT_FALSE(usable);
    EXPECT_EQ(code_of(usable), "BERTH-H01");
    EXPECT_NE(usable.error().detail(), "");
}

TEST(KvmProbe, refuses_a_device_that_is_something_else) {
    const Status usable = probe_kvm("/dev/null");
    ASSERT_FALSE(usable);
    EXPECT_EQ(code_of(usable), "BERTH-H01");
}

}  // namespace
}  // namespace berth::guest
