// SPDX-License-Identifier: GPL-3.0-or-later
// Against a folder that is laid out as /sys/class/backlight.
#include "greeter/levels/backlight.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"

namespace berth::levels {
namespace {

class PanelTest : public testing::Test {
  protected:
    PanelTest() : folder_(testing::TempDir() + "berth-backlight-" + std::to_string(getpid())) {
        std::filesystem::create_directories(folder_);
    }
    ~PanelTest() override { std::filesystem::remove_all(folder_); }
    void panel(const std::string& name, const std::string& type, const std::string& value,
               const std::string& most) {
        std::filesystem::create_directories(folder_ + "/" + name);
        std::ofstream(folder_ + "/" + name + "/type") << type << "\n";
        std::ofstream(folder_ + "/" + name + "/brightness") << value << "\n";
        std::ofstream(folder_ + "/" + name + "/max_brightness") << most << "\n";
    }
    std::string brightness(const std::string& name) {
        const auto text = read_file(folder_ + "/" + name + "/brightness");
        return text ? text->substr(0, text->find('\n')) : "";
    }
    std::string folder_;
};

TEST_F(PanelTest, is_none_without_a_panel_and_with_one_that_says_nothing) {
    EXPECT_FALSE(Panel::find("/nonexistent"));
    EXPECT_FALSE(Panel::find(folder_));
    panel("odd", "raw", "many", "100");
    EXPECT_FALSE(Panel::find(folder_));
    panel("odd", "raw", "1", "1");
    EXPECT_FALSE(Panel::find(folder_)) << "it can be on or off only";
}

TEST_F(PanelTest, is_turned_by_a_tenth) {
    panel("intel_backlight", "raw", "600", "1200");
    auto found = Panel::find(folder_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->percent(), 50);
    ASSERT_TRUE(found->step(true));
    EXPECT_EQ(brightness("intel_backlight"), "720");
    EXPECT_EQ(found->percent(), 60);
    ASSERT_TRUE(found->step(false));
    EXPECT_EQ(brightness("intel_backlight"), "600");
}

TEST_F(PanelTest, never_goes_dark) {
    panel("fine", "raw", "300", "1000");
    auto fine = Panel::find(folder_);
    ASSERT_TRUE(fine);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(fine->step(false));
    EXPECT_EQ(brightness("fine"), "50");
    std::filesystem::remove_all(folder_ + "/fine");
    panel("coarse", "raw", "7", "7");
    auto coarse = Panel::find(folder_);
    ASSERT_TRUE(coarse);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(coarse->step(false));
    EXPECT_EQ(brightness("coarse"), "1");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(coarse->step(true));
    EXPECT_EQ(brightness("coarse"), "7");
}

TEST_F(PanelTest, says_when_it_cannot_be_turned) {
    panel("gone", "raw", "3", "7");
    auto found = Panel::find(folder_);
    ASSERT_TRUE(found);
    std::filesystem::remove_all(folder_ + "/gone");
    EXPECT_FALSE(found->step(true));
    EXPECT_EQ(found->percent(), 43);
}

}  // namespace
}  // namespace berth::levels
