// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/machine.h"

#include <gtest/gtest.h>

#include "base/record/machine_record.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

TEST(Setting, takes_valid_values_and_names_the_range_of_others) {
    const std::pair<const char*, std::pair<std::vector<std::string>, std::vector<std::string>>> cases[] = {
        {"mode", {{"network", "local", "install"}, {"x", "network "}}},
        {"keymap", {{"de", "us-intl"}, {"a b", "../x", "-de", std::string(33, 'a')}}},
        {"time_zone",
         {{"Europe/Berlin", "UTC", "Etc/GMT+1"}, {"/etc/passwd", "../x", "a b", "Europe//Berlin"}}},
        {"ntp",
         {{"10.0.0.1", "a.org,b.org", "[fd00::1],fd00::2"}, {",", "a,", "a b", "[a]", "1,2,3,4,5,6,7,8,9"}}},
        {"data", {{"auto", "none", "remake", "remake-1a"}, {"yes", "remake-"}}},
        {"console", {{"tty1", "ttyS0", "ttyS1,9600"}, {"tty2", "ttyS0,1", "ttyS0 init=/bin/sh"}}},
        {"image", {{"berth", "berth-17"}, {"..", "a/b", ".x"}}},
        {"site", {{"school"}, {"a b"}}},
        {"nfs_server",
         {{"fs1", "10.0.0.1", "fs1.", "fd00::1", "[fd00::1]"}, {"a b", "a;b", "a/b", "a..b", "-a"}}},
        {"nfs_directory", {{"/export/users/{user}"}, {"export", "/a b", "/a/../b", "/$(x)"}}},
        {"nfs_port", {{"0", "2049", "65535"}, {"65536", "-1", "x", "1 "}}},
        {"mount_port", {{"20048"}, {"1e3"}}},
        {"shared",
         {{"fs1:/export/shared", "[fd00::1]:/path"}, {"fs1", "fd00::1:/path", "fs1:x", ":/x", "fs1:/a b"}}},
        {"bridge", {{"br0"}, {"a b", "-br0", "0123456789abcdef"}}},
        {"guest_address", {{"any", "leased"}, {"fixed", "10.0.0.1", "Leased"}}},
    };
    EXPECT_EQ(std::size(cases), setting_rules().size());
    for (const auto& [key, values] : cases) {
        const auto* rule = find_setting(key);
        ASSERT_NE(rule, nullptr) << key;
        for (const auto& good : values.first) EXPECT_TRUE(checked_setting(*rule, good)) << key << good;
        for (const auto& bad : values.second) {
            const auto refused = checked_setting(*rule, bad);
            ASSERT_FALSE(refused) << key << bad;
            EXPECT_NE(refused.error().detail().find(rule->range), std::string::npos);
        }
        EXPECT_TRUE(rule->built_in.empty() || rule->valid(rule->built_in)) << key;
    }
}

TEST(Setting, is_kept_in_one_form) {
    EXPECT_EQ(checked_setting(*find_setting("nfs_server"), "[fd00::1]"), "fd00::1");
    EXPECT_EQ(checked_setting(*find_setting("ntp"), "[fd00::1],a,fd00::2"), "fd00::1,a,fd00::2");
    EXPECT_EQ(checked_setting(*find_setting("shared"), "[fd00::1]:/path"), "[fd00::1]:/path");
}

TEST(Setting, comes_from_machine_then_policy_then_built_in) {
    Machine m;
    Policy p;
    EXPECT_EQ(effective(m, p, "image"), "berth");
    p.defaults["image"] = "site-image";
    EXPECT_EQ(effective(m, p, "image"), "site-image");
    m.settings["image"] = "own";
    EXPECT_EQ(effective(m, p, "image"), "own");
}

TEST(MachineRecord, is_exactly_this_with_every_setting_and_with_none) {
    Machine m{.id = "m-0001",
              .name = "berth-12",
              .settings = {{"keymap", "de"},
                           {"time_zone", "Europe/Berlin"},
                           {"ntp", "10.0.0.1,t.org"},
                           {"data", "auto"},
                           {"nfs_server", "fs1"},
                           {"nfs_directory", "/export/users/{user}"},
                           {"nfs_port", "2049"},
                           {"mount_port", "20048"},
                           {"shared", "fs1:/export/shared"},
                           {"bridge", "br0"},
                           {"guest_address", "leased"}}};
    const auto record = machine_record(m, {}, "00ff");
    EXPECT_EQ(record,
              nlohmann::json::parse(
                  R"({"schema":1,"id":"m-0001","name":"berth-12","keymap":"de","time_zone":"Europe/Berlin",
        "ntp":["10.0.0.1","t.org"],"data":"auto","nfs":{"server":"fs1","directory":"/export/users/{user}","nfs_port":2049,"mount_port":20048,
        "shared":"fs1:/export/shared"},"vm":{"network_bridge":"br0","guest_address":"leased"},"boot_token":"00ff"})"));
    EXPECT_EQ(machine_record({.id = "m-0002", .name = "b"}, {}, ""),
              nlohmann::json::parse(R"({"schema":1,"id":"m-0002","name":"b","data":"none"})"));
}

TEST(MachineRecord, is_accepted_by_the_clients_parser_for_every_setting) {
    Machine m{.id = "m-0001",
              .name = "berth-12",
              .settings = {{"keymap", "us-intl"},
                           {"time_zone", "Etc/GMT+1"},
                           {"ntp", "10.0.0.1,t.org"},
                           {"data", "auto"},
                           {"nfs_server", "10.0.0.2"},
                           {"nfs_directory", "/export/users/{user}"},
                           {"nfs_port", "0"},
                           {"mount_port", "20048"},
                           {"shared", "fs1:/export/shared"},
                           {"bridge", "br0"},
                           {"guest_address", "leased"}}};
    const auto parsed =
        parse_machine_record(machine_record(m, {}, "00112233445566778899aabbccddeeff").dump());
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    EXPECT_EQ(parsed->id, "m-0001");
    EXPECT_EQ(parsed->ntp.size(), 2u);
    EXPECT_TRUE(parsed->data_auto);
    EXPECT_EQ(parsed->nfs.mount_port, 20048);
}

TEST(MachineRecord, leaves_out_what_the_database_holds_and_the_client_would_not_accept) {
    Machine m{.id = "m-0001", .name = "bad name", .settings = {{"ntp", "10.0.0.1"}}};
    m.refused = {{"keymap", "-de"}, {"time_zone", "Europe//Berlin"}};
    const auto record = machine_record(m, {}, "no token");
    EXPECT_EQ(record,
              nlohmann::json::parse(R"({"schema":1,"id":"m-0001","data":"none","ntp":["10.0.0.1"]})"));
    EXPECT_EQ(list_row(m, {})[3], "network (not valid: keymap, time-zone)");
    EXPECT_EQ(editable_lines(m)[3].find("keymap: -de (not valid, left out: must be "), 0u);
}

TEST(MachineRecord, names_no_other_file_server_in_the_place_of_one_that_is_not_valid) {
    Policy policy{.defaults = {{"nfs_server", "fs1"}, {"nfs_directory", "/export/{user}"}}};
    Machine m{.id = "m-0001", .name = "a"};
    m.refused = {{"nfs_server", "fs2..\x1b"}};
    const auto parsed = parse_machine_record(machine_record(m, policy, "").dump());
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    EXPECT_EQ(parsed->nfs.server + parsed->nfs.directory, "");
    EXPECT_NE(parsed->nfs.unusable.find("nfs-server \"fs2..\\x1b\""), std::string::npos)
        << parsed->nfs.unusable;
    // A default that is not valid counts only for machines without a value of their own.
    policy = {.defaults = {}, .refused = {{"nfs_server", "fs2.."}}};
    m.refused.clear();
    EXPECT_NE(parse_machine_record(machine_record(m, policy, "").dump())->nfs.unusable, "");
    m.settings["nfs_server"] = "fs3";
    EXPECT_EQ(parse_machine_record(machine_record(m, policy, "").dump())->nfs.server, "fs3");
    EXPECT_TRUE(left_out(m, policy).empty());
}

TEST(MachineView, row_names_what_the_machine_said) {
    Machine m{.id = "m-0001", .name = "a", .macs = {"52:54:00:12:34:56"}};
    m.status = {.seen = 1'700'000'000,
                .boot_id = "",
                .stage = "session",
                .error = "",
                .platform = "efi",
                .percent = -1,
                .facts = nlohmann::json::parse(
                    R"({"cpu":"EPYC","cores":2,"memory_mib":3072,"disks":[{"name":"vda","bytes":8589934592}],
                         "kvm":{"usable":false,"why":"no svm"}})"),
                .session = {{"user", "ann"}, {"vm", "work"}}};
    EXPECT_EQ(list_row(m, {}), (std::vector<std::string>{"m-0001", "a", "52:54:00:12:34:56", "network",
                                                         "session", "2023-11-14 22:13:20Z", "no: no svm",
                                                         "EPYC", "2", "3072 MiB", "vda 8.6 GB", "ann/work"}));
    EXPECT_EQ(list_row(m, {}).size(), list_head().size());
}

TEST(MachineView, says_where_the_data_is_and_why) {
    const auto shown_data = [](const nlohmann::json& facts) {
        Machine m{.id = "m-0001", .name = "a"};
        m.status.facts = facts;
        for (const auto& line : status_lines(m))
            if (line.starts_with("data: ")) return line;
        return std::string();
    };
    EXPECT_EQ(shown_data(nullptr), "data: -");
    EXPECT_EQ(shown_data({{"data", {{"kind", "persistent"}}}}), "data: persistent");
    EXPECT_EQ(shown_data({{"data", {{"kind", "memory"}, {"why", "/dev/sda1: fsck.ext4 ended with code 4"}}}}),
              "data: memory (/dev/sda1: fsck.ext4 ended with code 4)");
}

TEST(MachineView, shows_no_time_as_never_and_bytes_in_decimal_units) {
    EXPECT_EQ(show_time(0), "never");
    EXPECT_EQ(show_bytes(999), "999 B");
    EXPECT_EQ(show_bytes(1'000'000'000'000), "1.0 TB");
}

}  // namespace
}  // namespace berth::server
