// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/nvram.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

namespace fs = std::filesystem;

class FirmwareFiles : public testing::Test {
  protected:
    FirmwareFiles() {
        std::string name = "/tmp/berth-nvram-XXXXXX";
        folder_ = mkdtemp(name.data());
        config_.uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10";
        config_.firmware = Firmware::uefi;
        config_.tpm = true;
        paths_ = firmware_paths(config_, folder_, folder_ + "/swtpm");
        template_ = folder_ + "/OVMF_VARS.fd";
        std::ofstream(template_) << "fresh variables";
    }
    ~FirmwareFiles() override { fs::remove_all(folder_); }

    std::string folder_, template_;
    MachineConfig config_;
    FirmwarePaths paths_;
};

TEST_F(FirmwareFiles, are_none_for_a_bios_without_tpm) {
    const FirmwarePaths none = firmware_paths({.uuid = "x"}, folder_);
    EXPECT_EQ(none.nvram + none.tpm + none.tpm_folder, "");
    EXPECT_TRUE(place_firmware(none, {}, "/nonexistent"));
    const auto changed = changed_firmware(none, {});
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->nvram || changed->tpm);
    EXPECT_TRUE(remove_firmware(none));
}

TEST_F(FirmwareFiles, lie_where_libvirt_looks) {
    EXPECT_EQ(firmware_paths(config_, "/run/berth/vm/s1").nvram, "/run/berth/vm/s1/nvram");
    EXPECT_EQ(firmware_paths(config_, "/run/berth/vm/s1").tpm,
              "/var/lib/libvirt/swtpm/2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10/tpm2/tpm2-00.permall");
}

TEST_F(FirmwareFiles, are_made_anew_when_the_server_has_none) {
    ASSERT_TRUE(place_firmware(paths_, {}, template_));
    EXPECT_EQ(read_file(paths_.nvram).value(), "fresh variables");
    EXPECT_FALSE(fs::exists(paths_.tpm_folder));
    const auto changed = changed_firmware(paths_, {});
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->nvram, "fresh variables");
    EXPECT_FALSE(changed->tpm);
}

TEST_F(FirmwareFiles, come_from_the_server_and_go_back_only_when_changed) {
    const FirmwareBytes stored{"some variables!", "tpm"};
    ASSERT_TRUE(place_firmware(paths_, stored, template_));
    struct stat st{};
    ASSERT_EQ(stat(paths_.tpm.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
    auto changed = changed_firmware(paths_, stored);
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->nvram || changed->tpm);

    std::ofstream(paths_.tpm) << "TPM's";
    changed = changed_firmware(paths_, stored);
    ASSERT_TRUE(changed);
    EXPECT_FALSE(changed->nvram);
    EXPECT_EQ(changed->tpm, "TPM's");
}

TEST_F(FirmwareFiles, refuse_variables_of_another_size) {
    const Status placed = place_firmware(paths_, {"short", std::nullopt}, template_);
    ASSERT_FALSE(placed);
    EXPECT_EQ(code_of(placed), "BERTH-C03");
    EXPECT_EQ(placed.error().detail(), "nvram: 5 bytes: must be 15, or missing to be made anew");
}

TEST_F(FirmwareFiles, leave_no_tpm_of_an_earlier_session) {
    ASSERT_TRUE(place_firmware(paths_, {std::nullopt, "old"}, template_));
    ASSERT_TRUE(place_firmware(paths_, {}, template_));
    EXPECT_FALSE(fs::exists(paths_.tpm_folder));
}

TEST_F(FirmwareFiles, are_removed_once_and_again) {
    ASSERT_TRUE(place_firmware(paths_, {std::nullopt, "tpm"}, template_));
    EXPECT_TRUE(remove_firmware(paths_));
    EXPECT_FALSE(fs::exists(paths_.nvram) || fs::exists(paths_.tpm_folder));
    EXPECT_TRUE(remove_firmware(paths_));
}

TEST_F(FirmwareFiles, are_never_read_through_a_folder_that_became_a_link) {
    ASSERT_TRUE(place_firmware(paths_, {.nvram = {}, .tpm = "tpm"}, template_));
    fs::create_directory(folder_ + "/private");
    std::ofstream(folder_ + "/private/tpm2-00.permall") << "a secret of root's";
    fs::remove_all(paths_.tpm_folder + "/tpm2");
    fs::create_symlink(folder_ + "/private", paths_.tpm_folder + "/tpm2");
    EXPECT_FALSE(changed_firmware(paths_, {}));
    fs::remove_all(paths_.tpm_folder);
    fs::create_symlink(folder_ + "/private", paths_.tpm_folder);
    EXPECT_FALSE(changed_firmware(paths_, {}));
}

TEST_F(FirmwareFiles, are_never_read_through_a_link_that_qemus_user_put_there) {
    ASSERT_TRUE(place_firmware(paths_, {}, template_));
    std::ofstream(folder_ + "/shadow") << "root's secret";
    fs::remove(paths_.nvram);
    fs::create_symlink(folder_ + "/shadow", paths_.nvram);
    EXPECT_FALSE(changed_firmware(paths_, {}));
}

}  // namespace
}  // namespace berth::guest
