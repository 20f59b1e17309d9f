// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/status.h"

#include <gtest/gtest.h>

namespace berth::server {
namespace {

TEST(StatusPost, takes_every_part_and_none) {
    EXPECT_TRUE(parse_status("{}"));
    const auto post = parse_status(
        R"({"boot_id":"b","stage":"fetch","percent":40,"error":null,"facts":{"cpu":"QEMU","cores":2,"memory_mib":3072,)"
        R"("disks":[{"name":"vda","bytes":8589934592}],"nics":[{"mac":"52:54:00:12:34:56","driver":"virtio_net"}],)"
        R"("kvm":{"usable":false,"why":"no svm"}},"session":{"user":"ann","vm":"work","since":"2026-01-01T00:00:00Z"}})");
    ASSERT_TRUE(post) << post.error().to_log();
    EXPECT_EQ(post->stage, "fetch");
    EXPECT_EQ(post->percent, 40);
    EXPECT_EQ(post->error, "");
    EXPECT_EQ((*post->facts)["cores"], 2);
    EXPECT_EQ((*post->session)["user"], "ann");
    EXPECT_TRUE(parse_status(R"({"session":null})")->session->is_null());
    EXPECT_FALSE(parse_status("{}")->session.has_value());
}

TEST(StatusPost, refuses_what_the_schema_does_not_have) {
    for (const char* text : {"",
                             "[]",
                             "null",
                             "{",
                             "{}x",
                             R"({"x":1})",
                             R"({"stage":"dance"})",
                             R"({"stage":1})",
                             R"({"percent":101})",
                             R"({"percent":-1})",
                             R"({"percent":1.5})",
                             R"({"percent":18446744073709551615})",
                             R"({"error":1})",
                             R"({"error":"a\nb"})",
                             R"({"boot_id":"\u001b[2J"})",
                             R"({"facts":null})",
                             R"({"facts":[]})",
                             R"({"facts":{"cores":0}})",
                             R"({"facts":{"disks":{}}})",
                             R"({"facts":{"disks":[1]}})",
                             R"({"facts":{"disks":[{"bytes":-1}]}})",
                             R"({"facts":{"nics":[{"mac":"x"}]}})",
                             R"({"facts":{"kvm":true}})",
                             R"({"facts":{"kvm":{"usable":"yes"}}})",
                             R"({"facts":{"x":1}})",
                             R"({"session":"ann"})",
                             R"({"session":{"user":1}})",
                             R"({"session":{"password":"x"}})",
                             "\xff"})
        EXPECT_EQ(parse_status(text).error().code(), ErrorCode::P01) << text;
}

TEST(StatusPost, refuses_depth_and_size_before_building_a_value) {
    EXPECT_FALSE(parse_status(R"({"facts":)" + std::string(30'000, '[') + std::string(30'000, ']') + "}"));
    EXPECT_EQ(parse_status(std::string(k_max_status_bytes + 1, ' ')).error().code(), ErrorCode::P08);
}

}  // namespace
}  // namespace berth::server
