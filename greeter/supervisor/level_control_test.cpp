// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/level_control.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/testing/recording_report.h"

namespace berth::supervisor {
namespace {

using protocol::MenuAction;

TEST(ParseLevels, takes_what_is_there) {
    const auto both = parse_levels("volume off (40 %)\nbrightness 70 %\n");
    EXPECT_EQ(both.volume, "off (40 %)");
    EXPECT_EQ(both.brightness, "70 %");
    EXPECT_EQ(parse_levels("brightness 5 %\n").volume, "");
    const auto none = parse_levels("");
    EXPECT_EQ(none.volume + none.brightness, "");
    EXPECT_EQ(parse_levels("odd\n\nvolume 3 %").volume, "3 %");
}

class LevelControlTest : public testing::Test {
  protected:
    LevelControlTest() : program_(testing::TempDir() + "berth-levels-" + std::to_string(getpid())) {}
    ~LevelControlTest() override { unlink(program_.c_str()); }
    void program(const std::string& body) {
        std::ofstream(program_) << "#!/bin/sh\n" << body << "\n";
        chmod(program_.c_str(), 0755);
    }
    /// Until `count` answers came.
    void run(LevelControl& control, size_t count) {
        for (int turns = 0; said_.size() < count; ++turns) {
            ASSERT_LT(turns, 100);
            Turn turn;
            control.wait_for(turn);
            ASSERT_TRUE(turn.run(10'000));
        }
    }
    LevelControl made() {
        return {program_, report_, [this](Event event) { said_.push_back(std::get<event::Levels>(event)); }};
    }
    std::string program_;
    RecordingReport report_;
    std::vector<event::Levels> said_;
};

TEST_F(LevelControlTest, asks_for_one_change_after_the_other) {
    program("echo volume \"${1:-nothing}\"");
    auto control = made();
    control.ask({});
    for (const auto action : {MenuAction::louder, MenuAction::quieter, MenuAction::mute, MenuAction::brighter,
                              MenuAction::darker})
        control.ask({action});
    run(control, 6);
    std::string words;
    for (const auto& levels : said_) words += levels.volume + " ";
    EXPECT_EQ(words, "nothing louder quieter mute brighter darker ");
}

TEST_F(LevelControlTest, has_neither_when_the_program_dies_or_is_not_there) {
    program("kill -KILL $$");
    auto control = made();
    control.ask({});
    run(control, 1);
    EXPECT_EQ(said_.at(0).volume + said_.at(0).brightness, "");
    unlink(program_.c_str());
    control.ask({});
    EXPECT_EQ(said_.size(), 1U);
    EXPECT_TRUE(report_.has("no volume and no brightness"));
}

TEST_F(LevelControlTest, drops_what_nobody_could_have_typed) {
    program("echo volume \"${1:-nothing}\"");
    auto control = made();
    for (int i = 0; i < 100; ++i) control.ask({MenuAction::louder});
    run(control, 17);
    control.ask({});
    run(control, 18);
    EXPECT_EQ(said_.at(16).volume, "louder") << "one that ran and sixteen that waited";
    EXPECT_EQ(said_.at(17).volume, "nothing") << "none of the others is before it";
}

}  // namespace
}  // namespace berth::supervisor
