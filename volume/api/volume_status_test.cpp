// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "tests/testing/code_of.h"
#include "volume/api/volume_process.h"

namespace berth::volume {
namespace {

using nlohmann::json;

TEST(VolumeStatusMessage, is_read_as_it_is_written) {
    const auto status = parse_volume_status(json::parse(
        R"({"type":"status","state":"silent","silent_seconds":7,"lease_ms":49000,"disks":[
            {"name":"software","reads":1,"writes":2,"bytes_read":3,"bytes_written":18446744073709551615,"uncommitted":5},
            {"name":"files","reads":0,"writes":0,"bytes_read":0,"bytes_written":0,"uncommitted":6}]})"));
    ASSERT_TRUE(status) << status.error().to_log();
    EXPECT_EQ(status->state, VolumeState::silent);
    EXPECT_EQ(status->silent_seconds, 7u);
    EXPECT_EQ(status->lease_left, std::chrono::seconds(49));
    EXPECT_EQ(status->uncommitted(), 11u);
    ASSERT_EQ(status->disks.size(), 2u);
    EXPECT_EQ(status->disks[0].name, "software");
    EXPECT_EQ(status->disks[0].bytes_written, UINT64_MAX);
    EXPECT_EQ(status->disks[0].uncommitted, 5u);
}

TEST(VolumeStatusMessage, says_who_claimed_the_lock) {
    json message = json::parse(
        R"({"type":"status","state":"claimed","silent_seconds":0,"lease_ms":49000,"disks":[],
            "claim":{"host":"berth-12","user":"ann"}})");
    const auto status = parse_volume_status(message);
    ASSERT_TRUE(status) << status.error().to_log();
    EXPECT_EQ(status->state, VolumeState::claimed);
    ASSERT_TRUE(status->claim);
    EXPECT_EQ(status->claim->host, "berth-12");
    EXPECT_EQ(status->claim->user, "ann");
    for (const std::string value :
         {"null", "[]", "{}", R"({"host":7,"user":""})", R"({"host":"","user":"","lease_ms":1})"}) {
        message["claim"] = json::parse(value);
        EXPECT_FALSE(parse_volume_status(message)) << value;
    }
}

TEST(VolumeStatusMessage, is_refused_when_a_field_is_no_such_thing) {
    const json good =
        json::parse(R"({"type":"status","state":"running","silent_seconds":0,"lease_ms":0,"disks":[]})");
    ASSERT_TRUE(parse_volume_status(good));
    for (const std::string key : {"state", "silent_seconds", "lease_ms", "disks"})
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
    const auto drained = parse_stop_answer(json::parse(R"({"type":"stopped"})"));
    ASSERT_TRUE(drained);
    EXPECT_EQ(drained->write_lost, std::nullopt);
    const auto lately = parse_stop_answer(json::parse(R"({"type":"stopped","write_lost_ms":1500})"));
    ASSERT_TRUE(lately);
    EXPECT_EQ(lately->write_lost, std::chrono::milliseconds(1500));
    const auto told = parse_stop_answer(json::parse(R"({"type":"error","text":"No space is left"})"));
    EXPECT_EQ(code_of(told), "BERTH-V04");
    EXPECT_EQ(told.error().detail(), "No space is left");
    for (const auto* text : {R"({"type":"stopped","write_lost_ms":"x"})", R"({"type":"stopped","more":1})",
                             R"({"type":"error","text":7})", R"({"type":7})", "[]", "7", "{}"})
        EXPECT_FALSE(parse_stop_answer(json::parse(text))) << text;
}

}  // namespace
}  // namespace berth::volume
