// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/status.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

TEST(StatusPost, takes_every_part_and_none) {
    EXPECT_TRUE(parse_status("{}"));
    const auto post = parse_status(
        R"({"boot_id":"b","stage":"fetch","percent":40,"error":null,"facts":{"cpu":"QEMU","cores":2,"memory_mib":3072,)"
        R"("disks":[{"name":"vda","bytes":8589934592}],"nics":[{"mac":"52:54:00:12:34:56","driver":"virtio_net"}],)"
        R"("kvm":{"usable":false,"why":"no svm"},"data":{"kind":"memory","why":"no disk","remade":"remake-1"}},"session":{"user":"ann","vm":"work","since":"2026-01-01T00:00:00Z"}})");
    ASSERT_TRUE(post) << post.error().to_log();
    EXPECT_EQ(post->stage, "fetch");
    EXPECT_EQ(post->percent, 40);
    EXPECT_EQ(post->error, "");
    EXPECT_EQ((*post->facts)["cores"], 2);
    EXPECT_EQ((*post->facts)["data"]["why"], "no disk");
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
                             R"({"facts":null})",
                             R"({"facts":[]})",
                             R"({"facts":{"disks":{}}})",
                             R"({"facts":{"disks":[1]}})",
                             R"({"facts":{"disks":[{"bytes":"1"}]}})",
                             R"({"facts":{"cpu":7}})",
                             R"({"facts":{"left_out":"x"}})",
                             R"({"facts":{"left_out":[1]}})",
                             R"({"facts":{"kvm":true}})",
                             R"({"facts":{"data":"memory"}})",
                             R"({"facts":{"data":{"kind":1}}})",
                             R"({"facts":{"data":{"more":""}}})",
                             R"({"facts":{"kvm":{"usable":"yes"}}})",
                             R"({"facts":{"x":1}})",
                             R"({"session":"ann"})",
                             R"({"session":{"user":1}})",
                             R"({"session":{"password":"x"}})",
                             "\xff"})
        EXPECT_EQ(code_of(parse_status(text)), "BERTH-P01") << text;
}

nlohmann::json facts_of(const nlohmann::json& facts) {
    const auto post = parse_status(nlohmann::json{{"stage", "setup"}, {"facts", facts}}.dump());
    EXPECT_TRUE(post) << facts << post.error().to_log();
    if (!post) return {};
    EXPECT_EQ(post->stage, "setup");
    return *post->facts;
}

TEST(StatusPost, takes_a_card_without_a_mac_and_says_so) {
    // A modem, InfiniBand as it is and as it was cut once, an address that was never set, a group's.
    for (const nlohmann::json& mac :
         {nlohmann::json(""), nlohmann::json("80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c"),
          nlohmann::json("80:00:02:08:fe:80:00:00:00:00:00"), nlohmann::json("00:00:00:00:00:00"),
          nlohmann::json("01:00:5e:00:00:01"), nlohmann::json("x"), nlohmann::json(nullptr)}) {
        const auto facts = facts_of(
            {{"cpu", "x"},
             {"nics",
              {{{"mac", "52:54:00:12:34:56"}, {"driver", "e1000e"}}, {{"mac", mac}, {"driver", "iosm"}}}}});
        EXPECT_EQ(facts,
                  nlohmann::json::parse(
                      R"({"cpu":"x","nics":[{"mac":"52:54:00:12:34:56","driver":"e1000e"},{"driver":"iosm"}],
                                 "left_out":["facts.nics[1].mac: not a MAC address"]})"))
            << mac;
    }
}

TEST(StatusPost, an_odd_value_costs_itself_only) {
    EXPECT_EQ(
        facts_of({{"cpu", "a\x1b[2Jb"}, {"cores", 2}}),
        nlohmann::json::parse(
            R"({"cpu":"a\\x1b[2Jb","cores":2,"left_out":["facts.cpu: longer than 128 bytes, or not plain text"]})"));
    const auto facts = facts_of({{"cores", 0},
                                 {"memory_mib", 2},
                                 {"disks", {{{"name", std::string(300, 'x')}, {"bytes", -1}}}},
                                 {"kvm", {{"usable", true}, {"why", std::string(2000, 'y')}}}});
    EXPECT_FALSE(facts.contains("cores"));
    EXPECT_EQ(facts["memory_mib"], 2);
    EXPECT_EQ(facts["disks"], nlohmann::json::array({{{"name", std::string(61, 'x') + "..."}}}));
    EXPECT_EQ(facts["kvm"]["usable"], true);
    EXPECT_EQ(facts["kvm"]["why"].get<std::string>().size(), 256u);
    EXPECT_EQ(facts["left_out"].size(), 4u) << facts["left_out"];
    const auto post =
        parse_status(R"({"boot_id":"\u001b[2J","error":"a\nb","session":{"user":"ann","vm":"\u009b"}})");
    ASSERT_TRUE(post);
    EXPECT_EQ(post->boot_id, "\\x1b[2J");
    EXPECT_EQ(post->error, "a\\x0ab");
    EXPECT_EQ((*post->session)["vm"], "\\xc2\\x9b");
    EXPECT_EQ(post->left_out.size(), 3u);
}

TEST(StatusPost, takes_the_first_of_many_disks_and_says_how_many_more_there_are) {
    auto disks = nlohmann::json::array();
    for (int n = 0; n < 200; ++n) disks.push_back({{"name", fmt::format("sd{}", n)}, {"bytes", n}});
    const auto facts = facts_of({{"disks", disks}, {"left_out", {"record: keymap"}}});
    EXPECT_EQ(facts["disks"].size(), k_max_listed);
    EXPECT_EQ(facts["left_out"], nlohmann::json::parse(R"(["record: keymap","facts.disks: 136 more"])"));
}

TEST(StatusPost, refuses_depth_and_size_before_building_a_value) {
    EXPECT_FALSE(parse_status(R"({"facts":)" + std::string(30'000, '[') + std::string(30'000, ']') + "}"));
    EXPECT_EQ(code_of(parse_status(std::string(k_max_status_bytes + 1, ' '))), "BERTH-P08");
}

}  // namespace
}  // namespace berth::server
