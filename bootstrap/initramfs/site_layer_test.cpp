// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/site_layer.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace berth::boot {
namespace {

namespace fs = std::filesystem;

/// Plain folders for the three layers: what the kernel's overlay shows is made by hand, so that no privilege
/// is needed.
class SiteLayer : public testing::Test {
  protected:
    SiteLayer() {
        char name[] = "/tmp/berth-site-XXXXXX";
        root_ = mkdtemp(name);
    }
    ~SiteLayer() override { fs::remove_all(root_); }
    std::string layer(const char* name) const { return root_ / name; }
    void folder(const char* layer_name, const std::string& path, mode_t mode) const {
        const std::string whole = layer(layer_name) + path;
        fs::create_directories(whole);
        ASSERT_EQ(chmod(whole.c_str(), mode), 0);
    }
    mode_t mode(const std::string& path) const {
        struct stat st{};
        return lstat((layer("merged") + path).c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
    }
    void keep() const {
        const Status status = keep_folder_modes(layer("image"), layer("site"), layer("merged"));
        EXPECT_TRUE(status) << status.error().to_log();
    }

  private:
    fs::path root_;
};

TEST_F(SiteLayer, gives_folders_of_the_image_their_mode_and_leaves_the_sites_own) {
    folder("image", "", 0755), folder("image", "/etc", 0755), folder("image", "/tmp", 01777);
    for (const char* name : {"site", "merged"}) {
        folder(name, "", 0700), folder(name, "/etc", 0700), folder(name, "/etc/sssd", 0711);
        folder(name, "/etc/sssd/private", 0700), folder(name, "/tmp", 0700);
        std::ofstream(layer(name) + "/etc/key") << "x";
        ASSERT_EQ(chmod((layer(name) + "/etc/key").c_str(), 0600), 0);
    }
    keep();
    EXPECT_EQ(mode(""), 0755u);
    EXPECT_EQ(mode("/etc"), 0755u);
    EXPECT_EQ(mode("/tmp"), 01777u);
    EXPECT_EQ(mode("/etc/sssd"), 0711u);
    EXPECT_EQ(mode("/etc/sssd/private"), 0700u);
    EXPECT_EQ(mode("/etc/key"), 0600u);
}

TEST_F(SiteLayer, follows_no_link_of_either_layer) {
    folder("image", "", 0755), folder("image", "/usr/lib", 0755);
    fs::create_directory_symlink("usr/lib", layer("image") + "/lib");
    for (const char* name : {"site", "merged"}) {
        folder(name, "", 0755), folder(name, "/lib", 0700), folder(name, "/elsewhere", 0700);
        fs::create_directory_symlink("elsewhere", layer(name) + "/usr");
    }
    folder("merged", "/elsewhere/lib", 0700);
    keep();
    EXPECT_EQ(mode("/lib"), 0700u);
    EXPECT_EQ(mode("/elsewhere/lib"), 0700u);
}

TEST_F(SiteLayer, is_content_with_a_site_that_is_empty) {
    folder("image", "", 0755), folder("site", "", 0755), folder("merged", "", 0755);
    keep();
    EXPECT_EQ(mode(""), 0755u);
}

}  // namespace
}  // namespace berth::boot
