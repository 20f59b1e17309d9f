// SPDX-License-Identifier: GPL-3.0-or-later
// OVMF and swtpm under libvirt: the firmware starts, and its files go to the VM and come back.
#include <gmock/gmock.h>

#include <filesystem>

#include "guest/hypervisor.h"
#include "guest/nvram.h"
#include "tests/integration/vm_guest.h"
#include "tests/testing/recording_report.h"

namespace berth::guest {
namespace {

using testing::HasSubstr;

class FirmwareInVm : public testing::Test {
  protected:
    FirmwareInVm() {
        config_.memory = 128ULL << 20;  // OVMF's least
        config_.firmware = Firmware::uefi;
        config_.nvram = "nvram";
        client_.firmware_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    }
    void TearDown() override {
        auto domain = hypervisor_->find(client_.domain_name);
        if (domain && *domain) {
            EXPECT_TRUE((*domain)->destroy());
        }
    }

    FirmwarePaths paths() { return firmware_paths(config_, folder_.path("")); }

    std::unique_ptr<Domain> start(const FirmwareBytes& stored) {
        const Status placed = place_firmware(paths(), stored, "/usr/share/OVMF/OVMF_VARS_4M.fd");
        if (!placed) throw std::runtime_error(placed.error().to_log());
        client_.nvram_copy = paths().nvram;
        auto domain = hypervisor_->start(*domain_xml(config_, client_));
        if (!domain) throw std::runtime_error(domain.error().to_log());
        return std::move(*domain);
    }

    SystemClock clock_;
    RecordingReport report_;
    std::unique_ptr<Hypervisor> hypervisor_ = connect_libvirt("qemu:///system", clock_, report_);
    Folder folder_;
    MachineConfig config_ = guest_config();
    ClientFacts client_ = guest_client(folder_);
};

TEST_F(FirmwareInVm, speaks_on_the_console_and_keeps_its_variables) {
    NbdServer nbd(folder_, {"software"});
    auto domain = start({});
    auto console = domain->console();
    ASSERT_TRUE(console);
    ASSERT_TRUE(domain->resume());
    // OVMF finds no boot loader on the disk and says so.
    EXPECT_THAT(read_until(console->get(), "BdsDxe", std::chrono::seconds(120)), HasSubstr("BdsDxe"));
    ASSERT_TRUE(domain->destroy());
    const auto variables = changed_firmware(paths(), {});
    ASSERT_TRUE(variables) << variables.error().detail();
    ASSERT_TRUE(variables->nvram);
    // Boot entries were written since.
    EXPECT_NE(*variables->nvram, *read_file("/usr/share/OVMF/OVMF_VARS_4M.fd"));

    // The next session starts with them.
    start(*variables);
    const auto none = changed_firmware(paths(), *variables);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->nvram);
}

TEST_F(FirmwareInVm, keeps_the_identity_of_its_tpm) {
    NbdServer nbd(folder_, {"software"});
    config_.tpm = true;
    auto domain = start({});
    ASSERT_TRUE(domain->destroy());
    const auto made = changed_firmware(paths(), {});
    ASSERT_TRUE(made) << made.error().detail();
    ASSERT_TRUE(made->tpm);
    EXPECT_GT(made->tpm->size(), 1000u);
    ASSERT_TRUE(remove_firmware(paths()));

    // Were it made again, its random seeds would differ.
    domain = start(*made);
    ASSERT_TRUE(domain->destroy());
    const auto after = changed_firmware(paths(), *made);
    ASSERT_TRUE(after) << after.error().detail();
    EXPECT_FALSE(after->tpm);
    ASSERT_TRUE(remove_firmware(paths()));
    EXPECT_FALSE(std::filesystem::exists(paths().tpm_folder));
}

}  // namespace
}  // namespace berth::guest
