// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "volume/volume_process.h"

namespace berth::volume {
namespace {

using nlohmann::json;

TEST(VolumeStatusMessage, is_read_as_it_is_written) {
    const auto status = parse_volume_status(json::parse(
        R"({"type":"status","state":"silent","silent_seconds":7,"disks":[{"name":"software","reads":1,"writes":2,
            "bytes_read":3,"bytes_written":18446744073709551615,"uncommitted":5}]})"));
    ASSERT_TRUE(status) << status.error().to_log();
    EXPECT_EQ(status->state, VolumeState::silent);
    EXPECT_EQ(status->silent_seconds, 7u);
    ASSERT_EQ(status->disks.size(), 1u);
    EXPECT_EQ(status->disks[0].name, "software");
    EXPECT_EQ(status->disks[0].bytes_written, UINT64_MAX);
    EXPECT_EQ(status->disks[0].uncommitted, 5u);
}

TEST(VolumeStatusMessage, says_who_claimed_the_lock_and_what_is_left) {
    json message = json::parse(
        R"({"type":"status","state":"claimed","silent_seconds":0,"disks":[],
            "claim":{"host":"berth-12","user":"ann","lease_ms":49000}})");
    const auto status = parse_volume_status(message);
    ASSERT_TRUE(status) << status.error().to_log();
    EXPECT_EQ(status->state, VolumeState::claimed);
    ASSERT_TRUE(status->claim);
    EXPECT_EQ(status->claim->host, "berth-12");
    EXPECT_EQ(status->claim->user, "ann");
    EXPECT_EQ(status->claim->lease_left, std::chrono::seconds(49));
    for (const std::string value : {"null", "[]", "{}", R"({"host":7,"user":"","lease_ms":1})",
                                    R"({"host":"","user":"","lease_ms":-1})"}) {
        message["claim"] = json::parse(value);
        EXPECT_FALSE(parse_volume_status(message)) << value;
    }
}

TEST(VolumeStatusMessage, is_refused_when_a_field_is_no_such_thing) {
    const json good = json::parse(R"({"type":"status","state":"running","silent_seconds":0,"disks":[]})");
    ASSERT_TRUE(parse_volume_status(good));
    for (const std::string key : {"state", "silent_seconds", "disks"})
        for (const std::string value :
             {"-1", "1.5", "1.8446744073709552e19", "true", "null", "\"x\"", "{}", "[7]"}) {
            json bad = good;
            bad[key] = json::parse(value);
            EXPECT_FALSE(parse_volume_status(bad)) << key << " " << value;
        }
    EXPECT_FALSE(parse_volume_status(json::array()));
    EXPECT_FALSE(parse_volume_status(json(7)));
}

TEST(VolumeStopAnswer, is_stopped_or_an_error_whatever_it_holds) {
    EXPECT_TRUE(parse_stop_answer(json::parse(R"({"type":"stopped"})")));
    const auto told = parse_stop_answer(json::parse(R"({"type":"error","text":"No space is left"})"));
    EXPECT_EQ(told.error().code(), ErrorCode::V04);
    EXPECT_EQ(told.error().detail(), "No space is left");
    for (const auto* text : {R"({"type":"error","text":7})", R"({"type":7})", "[]", "7", "{}"})
        EXPECT_FALSE(parse_stop_answer(json::parse(text))) << text;
}

}  // namespace
}  // namespace berth::volume
