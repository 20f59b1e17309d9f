// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/configured_chords.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "tests/testing/recording_report.h"

namespace berth::supervisor {
namespace {

class ConfiguredChords : public testing::Test {
  protected:
    ConfiguredChords() : file_(testing::TempDir() + "berth-" + std::to_string(getpid()) + ".toml") {}
    ~ConfiguredChords() override { unlink(file_.c_str()); }
    std::vector<Chord> of(const std::string& text) {
        std::ofstream(file_) << text;
        return configured_chords(file_, report_);
    }
    std::string file_;
    RecordingReport report_;
};

TEST_F(ConfiguredChords, are_the_sites) {
    EXPECT_EQ(of("[attention]\nchords = \"Ctrl+Alt+End\"\n"),
              std::vector{parse_chord("Ctrl+Alt+End").value()});
    EXPECT_EQ(of("[lock]\nbreak = \"nobody\"\n"), default_chords());
    EXPECT_EQ(configured_chords("/nonexistent/berth.toml", report_), default_chords());
    EXPECT_TRUE(report_.entries().empty());
}

TEST_F(ConfiguredChords, are_the_default_ones_with_a_file_that_is_wrong_which_the_log_names) {
    EXPECT_EQ(of("[attention]\nchords = \"Ctrl+Alt+A\"\n"), default_chords());
    EXPECT_EQ(of("[attention]\nchords = \"Ctrl+Alt+End\"\n[locks]\n"), default_chords());
    const auto entries = report_.entries();
    ASSERT_EQ(entries.size(), 2U);
    std::string said;
    for (const auto& entry : entries)
        for (const auto& field : entry.fields) said += std::string(field.second) + "\n";
    EXPECT_THAT(said, testing::HasSubstr(file_ + ", line 2: attention.chords: must be 1 to 8 chords"));
    EXPECT_THAT(said, testing::HasSubstr(file_ + ", line 3: locks: unknown section"));
}

}  // namespace
}  // namespace berth::supervisor
