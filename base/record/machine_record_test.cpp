// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/machine_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/testing/code_of.h"

namespace berth {
namespace {

// The example of docs/architecture.md.
const char* k_example =
    R"({"schema":1,"id":"m-0001","name":"berth-12","keymap":"de","time_zone":"Europe/Berlin","ntp":["10.0.0.1"],"data":"auto",
 "nfs":{"server":"fs1","directory":"/export/users/{user}","nfs_port":2049,"mount_port":20048,"shared":"fs1:/export/shared"},
 "vm":{"network_bridge":"br0","guest_address":"leased"},"boot_token":"0a1b","minimum_version":3,"allow_older":true})";

nlohmann::json with(const char* pointer, const nlohmann::json& value) {
    auto j = nlohmann::json::parse(k_example);
    j[nlohmann::json::json_pointer(pointer)] = value;
    return j;
}

void expect_refused(const char* pointer, const nlohmann::json& value) {
    auto r = parse_machine_record(with(pointer, value).dump());
    ASSERT_FALSE(r) << pointer << " " << value;
    EXPECT_EQ(code_of(r), "BERTH-B08");
}

/// The record counts without the setting, which is told.
MachineRecord expect_left_out(const char* pointer, const nlohmann::json& value) {
    auto r = parse_machine_record(with(pointer, value).dump());
    EXPECT_TRUE(r) << pointer << " " << value << r.error().to_log();
    if (!r) return {};
    EXPECT_EQ(r->left_out.size(), 1u) << pointer << " " << value;
    for (const auto& error : r->left_out) EXPECT_EQ(code_of(error), "BERTH-B12");
    EXPECT_EQ(r->id, "m-0001");
    return *r;
}

TEST(MachineRecord, reads_every_key_of_the_documented_example) {
    auto r = parse_machine_record(k_example);
    ASSERT_TRUE(r) << r.error().to_log();
    EXPECT_EQ(r->id, "m-0001");
    EXPECT_EQ(r->name, "berth-12");
    EXPECT_EQ(r->keymap, "de");
    EXPECT_EQ(r->time_zone, "Europe/Berlin");
    EXPECT_EQ(r->ntp, std::vector<std::string>{"10.0.0.1"});
    EXPECT_TRUE(r->data_auto);
    EXPECT_EQ(r->nfs.server, "fs1");
    EXPECT_EQ(r->nfs.directory, "/export/users/{user}");
    EXPECT_EQ(r->nfs.nfs_port, 2049);
    EXPECT_EQ(r->nfs.mount_port, 20048);
    EXPECT_EQ(r->nfs.shared, "fs1:/export/shared");
    EXPECT_EQ(r->network_bridge, "br0");
    EXPECT_EQ(r->guest_address, "leased");
    EXPECT_EQ(r->boot_token, "0a1b");
    EXPECT_EQ(r->minimum_version, 3u);
    EXPECT_TRUE(r->allow_older);
}

TEST(MachineRecord, needs_no_more_than_schema_and_id) {
    auto r = parse_machine_record(R"({"schema":1,"id":"m"})");
    ASSERT_TRUE(r) << r.error().to_log();
    EXPECT_FALSE(r->data_auto);
    EXPECT_FALSE(parse_machine_record(R"({"schema":1})"));
    EXPECT_FALSE(parse_machine_record(R"({"id":"m"})"));
}

TEST(MachineRecord, refuses_unknown_keys_so_that_it_can_name_no_program) {
    expect_refused("/exec", "/bin/sh");
    expect_refused("/nfs/script", "/bin/sh");
    expect_refused("/vm/emulator", "/bin/sh");
}

TEST(MachineRecord, boots_without_a_value_that_would_mean_more_to_a_tool_than_a_name) {
    for (const char* bad : {"-x", "../de", "de;reboot", "a b", ""})
        EXPECT_EQ(expect_left_out("/keymap", bad).keymap, "") << bad;
    for (const char* bad : {"../../etc/shadow", "/etc/passwd", "Europe//Berlin", "Europe/..", "-x", ""})
        EXPECT_EQ(expect_left_out("/time_zone", bad).time_zone, "") << bad;
    for (const char* bad : {"-host", "a..b", "a_b", "a b", "host\n"})
        EXPECT_EQ(expect_left_out("/name", bad).name, "") << bad;
    for (const char* bad : {"10.0.0.1 iburst", "-s", "a\nserver b", ""})
        EXPECT_TRUE(expect_left_out("/ntp", nlohmann::json::array({bad})).ntp.empty()) << bad;
    EXPECT_FALSE(expect_left_out("/data", "always").data_auto);
    EXPECT_EQ(expect_left_out("/data", "remake-").remake, "");
    for (const char* bad : {"sixteen-letters-", "-br0", "..", ""})
        EXPECT_EQ(expect_left_out("/vm/network_bridge", bad).network_bridge, "") << bad;
    for (const char* bad : {"fixed", "10.0.0.1", ""})
        EXPECT_EQ(expect_left_out("/vm/guest_address", bad).guest_address, "") << bad;
    EXPECT_EQ(expect_left_out("/boot_token", "a b").boot_token, "");
    EXPECT_EQ(expect_left_out("/keymap", 7).keymap, "");
    EXPECT_EQ(expect_left_out("/vm", "br0").network_bridge, "");
    EXPECT_TRUE(expect_left_out("/ntp", "a").ntp.empty());
}

TEST(MachineRecord, keeps_the_good_time_servers_beside_a_bad_one) {
    EXPECT_EQ(expect_left_out("/ntp", {"a", "-b", "[fd00::1]"}).ntp,
              (std::vector<std::string>{"a", "fd00::1"}));
    EXPECT_EQ(expect_left_out("/ntp", {"a", "b", "c", "d", "e", "f", "g", "h", "i"}).ntp.size(), 8u);
}

TEST(MachineRecord, names_no_file_server_when_a_part_of_where_the_files_are_is_wrong) {
    const auto unusable = [](const char* pointer, const nlohmann::json& value, const char* word) {
        const auto nfs = expect_left_out(pointer, value).nfs;
        EXPECT_EQ(nfs.server + nfs.directory + nfs.shared, "") << pointer << value;
        EXPECT_EQ(nfs.nfs_port + nfs.mount_port, 0);
        EXPECT_NE(nfs.unusable.find(word), std::string::npos) << nfs.unusable;
    };
    for (const char* bad : {"", "a..b", "-x", "[fs1]", "fs1\n"}) unusable("/nfs/server", bad, "nfs.server");
    for (const char* bad : {"relative", "/a/../b", "/a/..", "/a b"})
        unusable("/nfs/directory", bad, "nfs.directory");
    for (const char* bad : {"fs1", "fs1:relative", ":/x", "a b:/x", "fd00::1:/x"})
        unusable("/nfs/shared", bad, "nfs.shared");
    unusable("/nfs/nfs_port", 65536, "nfs.nfs_port");
    unusable("/nfs/mount_port", "2049", "nfs.mount_port");
    unusable("/nfs", "fs1", "nfs");
    unusable("/nfs/unusable", "nfs-server \"a b\": must be a host", "a b");
}

TEST(MachineRecord, shows_no_control_character_of_what_it_left_out) {
    const auto record = expect_left_out("/keymap", "\x1b[2J" + std::string(5000, 'x'));
    EXPECT_EQ(record.left_out[0].detail().find('\x1b'), std::string::npos);
    EXPECT_LT(record.left_out[0].detail().size(), 300u);
}

TEST(MachineRecord, takes_an_ipv6_address_with_and_without_brackets) {
    for (const char* text : {"fd00::1", "[fd00::1]"}) {
        const auto r =
            parse_machine_record(R"({"schema":1,"id":"m","ntp":[")" + std::string(text) +
                                 R"("],"nfs":{"server":")" + text + R"(","shared":"[fd00::2]:/export"}})");
        ASSERT_TRUE(r) << r.error().to_log();
        EXPECT_TRUE(r->left_out.empty());
        EXPECT_EQ(r->ntp, std::vector<std::string>{"fd00::1"});
        EXPECT_EQ(r->nfs.server, "fd00::1");
        EXPECT_EQ(r->nfs.shared, "[fd00::2]:/export");
    }
}

TEST(MachineRecord, is_refused_where_leaving_out_is_not_safe) {
    expect_refused("/id", "../x");
    expect_refused("/schema", 2);
    expect_refused("/minimum_version", "3");
    expect_refused("/allow_older", "yes");
}

TEST(MachineRecord, survives_being_written_and_read) {
    const auto read = parse_machine_record(k_example);
    ASSERT_TRUE(read);
    EXPECT_EQ(machine_record_json(*read), nlohmann::json::parse(k_example));
    const auto least = machine_record_json({.id = "m"});
    EXPECT_EQ(least, nlohmann::json::parse(R"({"schema":1,"id":"m","data":"none"})"));
    // A request to make the partition anew lets one be made, too.
    const auto again = parse_machine_record(R"({"schema":1,"id":"m","data":"remake-1a"})");
    ASSERT_TRUE(again && again->data_auto);
    EXPECT_EQ(again->remake, "remake-1a");
    EXPECT_EQ(machine_record_json(*again)["data"], "remake-1a");
}

}  // namespace
}  // namespace berth
