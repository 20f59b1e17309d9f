// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/machine_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace berth {
namespace {

// The example of docs/architecture.md.
const char* k_example =
    R"({"schema":1,"id":"m-0001","name":"berth-12","keymap":"de","time_zone":"Europe/Berlin","ntp":["10.0.0.1"],"data":"auto",
 "nfs":{"server":"fs1","directory":"/export/users/{user}","nfs_port":2049,"mount_port":20048,"shared":"fs1:/export/shared"},
 "vm":{"network_bridge":"br0"},"boot_token":"0a1b","minimum_version":3,"allow_older":true})";

void expect_refused(const char* pointer, const nlohmann::json& value) {
    auto j = nlohmann::json::parse(k_example);
    j[nlohmann::json::json_pointer(pointer)] = value;
    auto r = parse_machine_record(j.dump());
    ASSERT_FALSE(r) << pointer << " " << value;
    EXPECT_EQ(r.error().code(), ErrorCode::B08);
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

TEST(MachineRecord, refuses_values_that_would_mean_more_to_a_tool_than_a_name) {
    for (const char* bad : {"-x", "../de", "de;reboot", "a b", ""}) expect_refused("/keymap", bad);
    for (const char* bad : {"../../etc/shadow", "/etc/passwd", "Europe//Berlin", "Europe/..", "-x", ""})
        expect_refused("/time_zone", bad);
    for (const char* bad : {"-host", "a..b", "a_b", "a b", "host\n"}) expect_refused("/name", bad);
    for (const char* bad : {"10.0.0.1 iburst", "-s", "a\nserver b", ""})
        expect_refused("/ntp", nlohmann::json::array({bad}));
    for (const char* bad : {"relative", "/a/../b", "/a/.."}) expect_refused("/nfs/directory", bad);
    for (const char* bad : {"fs1", "fs1:relative", ":/x", "a b:/x"}) expect_refused("/nfs/shared", bad);
    expect_refused("/nfs/nfs_port", 65536);
    expect_refused("/data", "always");
    expect_refused("/vm/network_bridge", "sixteen-letters-");
    expect_refused("/boot_token", "a b");
    expect_refused("/id", "../x");
    expect_refused("/ntp", nlohmann::json::array({"a", "b", "c", "d", "e", "f", "g", "h", "i"}));
}

}  // namespace
}  // namespace berth
