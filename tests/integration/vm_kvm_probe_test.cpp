// SPDX-License-Identifier: GPL-3.0-or-later
// The KVM probe in a machine that has KVM and in one that has not: QEMU emulates a CPU with AMD's
// virtualisation, so the inner /dev/kvm is real whatever this host can do.
#include <gmock/gmock.h>

#include <filesystem>

#include "base/spawn.h"
#include "tests/integration/vm_guest.h"

namespace berth::guest {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

/// The newest kernel of this host with its modules.
std::string kernel_version() {
    std::string newest;
    for (const auto& entry : std::filesystem::directory_iterator("/lib/modules"))
        if (std::filesystem::exists("/boot/vmlinuz-" + entry.path().filename().string()))
            newest = std::max(newest, entry.path().filename().string());
    return newest;
}

/// What the machine with this CPU says on its serial port until it powers off.
std::string boot_with_cpu(const std::string& cpu) {
    const Folder folder;
    const std::string kernel = kernel_version();
    const auto made =
        run_checked({.arguments = {std::string(BERTH_SOURCE_DIR) + "/tests/integration/vm_probe_initrd",
                                   BERTH_KVM_PROBE, kernel, folder.path("initrd")}},
                    seconds(60));
    if (!made) return made.error().detail();
    const auto said = run_checked({.arguments = {"qemu-system-x86_64",
                                                 "-accel",
                                                 "tcg,thread=multi",
                                                 "-cpu",
                                                 cpu,
                                                 "-machine",
                                                 "q35",
                                                 "-m",
                                                 "512",
                                                 "-nodefaults",
                                                 "-display",
                                                 "none",
                                                 "-serial",
                                                 "stdio",
                                                 "-no-reboot",
                                                 "-kernel",
                                                 "/boot/vmlinuz-" + kernel,
                                                 "-initrd",
                                                 folder.path("initrd"),
                                                 "-append",
                                                 "console=ttyS0 quiet"}},
                                  seconds(200));
    return said ? *said : said.error().detail();
}

TEST(KvmProbeInVm, finds_kvm_usable_once_its_module_is_there) {
    const std::string said = boot_with_cpu("qemu64,+svm,+npt");
    EXPECT_THAT(
        said,
        HasSubstr(
            R"(before: {"usable":false,"why":"the kernel module kvm_amd is not loaded; if it cannot be, virtualisation )"
            R"((AMD-V) is switched off in the firmware setup"})"));
    EXPECT_THAT(said, HasSubstr(R"(after: {"usable":true,"why":""})"));
}

TEST(KvmProbeInVm, says_that_the_cpu_has_no_virtualisation) {
    const std::string said = boot_with_cpu("qemu64,-svm");
    EXPECT_THAT(
        said,
        HasSubstr(
            R"(after: {"usable":false,"why":"this CPU has no virtualisation (AMD-V), or a hypervisor hides it"})"));
}

}  // namespace
}  // namespace berth::guest
