// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/display.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace berth::supervisor {
namespace {

/// A folder like /sys/class/drm.
class DisplayTest : public testing::Test {
  protected:
    DisplayTest() {
        char name[] = "/tmp/berth-display-XXXXXX";
        root_ = mkdtemp(name);
    }
    ~DisplayTest() override { std::filesystem::remove_all(root_); }
    void connector(const std::string& name, const std::string& status, const std::string& modes) {
        const auto folder = root_ / name;
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "status") << status << "\n";
        std::ofstream(folder / "enabled") << "disabled\n";
        std::ofstream(folder / "modes") << modes;
    }
    std::optional<Display> find() { return find_display(root_.string()); }
    std::filesystem::path root_;
};

TEST_F(DisplayTest, is_none_without_drm) {
    EXPECT_EQ(find(), std::nullopt);
    EXPECT_EQ(find_display((root_ / "missing").string()), std::nullopt);
    std::ofstream(root_ / "version") << "drm 1.1.0 20060810\n";
    EXPECT_EQ(find(), std::nullopt);
    EXPECT_EQ(find_display((root_ / "version").string()), std::nullopt);
}

TEST_F(DisplayTest, is_a_connected_monitor_in_its_first_mode) {
    std::filesystem::create_directories(root_ / "card0");
    std::filesystem::create_directories(root_ / "renderD128");
    connector("card0-Virtual-1", "connected", "1280x800\n1920x1200\n640x480\n");
    EXPECT_EQ(find(), (Display{.connector = "card0-Virtual-1", .mode = {.width = 1280, .height = 800}}));
}

TEST_F(DisplayTest, has_cards_beside_connectors) {
    EXPECT_EQ(find_cards((root_ / "missing").string()), std::vector<std::string>());
    EXPECT_EQ(find_cards("/proc/self/cmdline"), std::nullopt) << "who cannot look knows nothing";
    for (const char* name : {"card10", "card2", "renderD128", "card", "cards"})
        std::filesystem::create_directories(root_ / name);
    connector("card2-HDMI-A-1", "disconnected", "");
    EXPECT_EQ(find_cards(root_.string()), (std::vector<std::string>{"card2", "card10"}));
}

TEST_F(DisplayTest, is_none_when_nothing_is_connected) {
    connector("card0-HDMI-A-1", "disconnected", "");
    connector("card0-VGA-1", "unknown", "1024x768\n");
    EXPECT_EQ(find(), std::nullopt);
}

TEST_F(DisplayTest, takes_the_first_of_two_monitors) {
    connector("card10-DP-1", "connected", "800x600\n");
    connector("card1-HDMI-A-2", "connected", "3840x2160\n");
    connector("card1-DP-3", "connected", "1920x1080i\n");
    connector("card1-DP-1", "disconnected", "");
    EXPECT_EQ(find(), (Display{.connector = "card1-DP-3", .mode = {.width = 1920, .height = 1080}}));
}

TEST_F(DisplayTest, passes_over_a_connector_without_a_mode_that_can_be_used) {
    connector("card0-DP-1", "connected", "");
    connector("card0-DP-2", "connected", "nonsense\n1280x800\n");
    std::filesystem::create_directories(root_ / "card0-DP-3");
    connector("card0-Writeback-1", "unknown", "");
    EXPECT_EQ(find(), std::nullopt);
    connector("card1-eDP-1", "connected", "1366x768\n");
    EXPECT_EQ(find()->connector, "card1-eDP-1");
}

TEST(DisplayMode, is_two_sides_and_perhaps_interlaced) {
    EXPECT_EQ(parse_display_mode("1280x800"), (DisplayMode{.width = 1280, .height = 800}));
    EXPECT_EQ(parse_display_mode("1920x1080i"), (DisplayMode{.width = 1920, .height = 1080}));
    EXPECT_EQ(parse_display_mode("16384x1"), (DisplayMode{.width = 16384, .height = 1}));
    for (const char* line :
         {"", "x", "1280", "1280x", "x800", "0x800", "1280x0", "16385x1", "-1x2", "1280 x800", "1280x800p",
          "1280x800ii", "1280x800 ", "99999999999999999999x1", "1280X800"})
        EXPECT_EQ(parse_display_mode(line), std::nullopt) << line;
}

}  // namespace
}  // namespace berth::supervisor
