// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/control_wire.h"

#include <gtest/gtest.h>

#include "tests/testing/message_contract.h"
#include "volume/api/control_forms.h"

namespace berth::volume {
namespace {

using nlohmann::json;

const VolumeStatus status{.state = VolumeState::silent,
                          .disks = {{.name = "software",
                                     .reads = 1,
                                     .writes = 2,
                                     .bytes_read = 3,
                                     .bytes_written = UINT64_MAX,
                                     .uncommitted = 5},
                                    {.name = "files", .uncommitted = 6}},
                          .silent_seconds = 7,
                          .lease_left = std::chrono::seconds(49),
                          .claim = VolumeClaim{.host = "berth-12", .user = "ann"}};

Result<ControlReply> read_reply(std::string_view text) {
    Message message{.body = json::parse(text), .fd = {}};
    return read<ControlReply>(message);
}

TEST(ControlMessages, come_out_as_they_went_in_and_are_checked_field_by_field_in_a_request) {
    message_contract::holds_for<ControlRequest>({AskStatus{}, Watch{}, Stop{}});
}

TEST(ControlMessages, come_out_as_they_went_in_and_are_checked_field_by_field_in_a_reply) {
    message_contract::holds_for<ControlReply>(
        {status, Drained{std::chrono::milliseconds(1500)}, StopFailed{"No space is left"}});
}

TEST(ControlMessages, are_the_tables_of_the_architecture) {
    message_contract::is_the_table<ControlRequest>("to berth-volume");
    message_contract::is_the_table<ControlReply>("from berth-volume");
}

TEST(ControlMessages, count_what_is_not_committed_over_all_disks) {
    EXPECT_EQ(status.uncommitted(), 11U);
}

TEST(ControlMessages, leave_out_a_claim_and_a_lost_write_that_are_not_there) {
    EXPECT_FALSE(write_message(ControlReply(VolumeStatus{})).contains("claim"));
    EXPECT_EQ(write_message(ControlReply(Drained{})), (json{{"type", "stopped"}}));
    const auto drained = read_reply(R"({"type":"stopped"})");
    ASSERT_TRUE(drained);
    EXPECT_EQ(std::get<Drained>(*drained).write_lost, std::nullopt);
}

TEST(ControlMessages, are_refused_when_a_disk_or_a_claim_in_them_is_not_right) {
    const std::string before =
        R"({"type":"status","state":"claimed","silent_seconds":0,"lease_ms":0,"disks":)";
    EXPECT_TRUE(read_reply(before + "[]}"));
    EXPECT_TRUE(read_reply(before + R"([],"claim":{"host":"","user":""}})"));
    for (
        const std::string rest :
        {R"([],"claim":null})", R"([],"claim":{}})", R"([],"claim":{"host":7,"user":""}})",
         R"([],"claim":{"host":"a\u0007","user":""}})", R"([],"claim":{"host":"","user":"","lease_ms":1}})",
         "[7]}", "[{}]}",
         R"([{"name":"x","reads":-1,"writes":0,"bytes_read":0,"bytes_written":0,"uncommitted":0}]})",
         R"([{"name":"x","reads":0,"writes":0,"bytes_read":0,"bytes_written":0,"uncommitted":0,"more":0}]})"})
        EXPECT_FALSE(read_reply(before + rest)) << rest;
}

}  // namespace
}  // namespace berth::volume
