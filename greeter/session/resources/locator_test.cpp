// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/locator.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/code_of.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Script : public testing::Test {
  protected:
    Script() {
        char name[] = "/tmp/berth-locate-XXXXXX";
        folder_ = mkdtemp(name);
    }
    ~Script() override { std::filesystem::remove_all(folder_); }
    LocateConfig printing(const std::string& body) {
        const std::string path = folder_ + "/locate";
        std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
        chmod(path.c_str(), 0755);
        return {.method = LocateMethod::script,
                .server = {},
                .directory = {},
                .script = path,
                .nfs_port = 2049,
                .mount_port = 0};
    }
    std::string error(const std::string& body, Duration limit = seconds(10)) {
        auto location = locate_user(printing(body), "ann", limit);
        EXPECT_FALSE(location);
        if (location) return "";
        EXPECT_EQ(code_of(location), "BERTH-M30");
        return location.error().detail();
    }
    std::string folder_;
};

TEST(Static, puts_the_user_into_every_place) {
    auto location = locate_user(
        {.server = "fs1", .directory = "/export/{user}/vms/{user}", .nfs_port = 1, .mount_port = 2}, "ann",
        seconds(1));
    ASSERT_TRUE(location);
    EXPECT_EQ(
        *location,
        (NfsLocation{.server = "fs1", .directory = "/export/ann/vms/ann", .nfs_port = 1, .mount_port = 2}));
}

TEST(Static, refuses_a_user_name_that_would_leave_the_tree) {
    for (const char* name : {"", ".", "..", "a/b", "../ann"})
        EXPECT_FALSE(locate_user({.server = "fs1", .directory = "/x/{user}"}, name, seconds(1))) << name;
}

TEST(Static, is_an_error_without_a_server) {
    EXPECT_EQ(code_of(locate_user({}, "ann", seconds(1))), "BERTH-M30");
}

TEST_F(Script, gets_the_user_as_its_argument_and_prints_the_place) {
    auto location = locate_user(printing("echo \"fs2:/home/$1\""), "ann; rm -rf /", seconds(10));
    ASSERT_FALSE(location);  // a slash cannot be part of a name
    location = locate_user(printing("echo \"fs2:/home/$1\""), "an n", seconds(10));
    ASSERT_TRUE(location);
    EXPECT_EQ(*location,
              (NfsLocation{.server = "fs2", .directory = "/home/an n", .nfs_port = 2049, .mount_port = 0}));
}

TEST_F(Script, is_quoted_when_it_prints_something_else) {
    EXPECT_TRUE(error("echo no such user").contains("printed \"no such user\": must be one line"));
    EXPECT_TRUE(
        error("echo fs1:/a; echo fs1:/b").contains("printed \"fs1:/a\\x0afs1:/b\": must be one line"));
    EXPECT_TRUE(error("head -c 5000 /dev/zero | tr '\\0' x").contains("...\""));
}

TEST_F(Script, is_quoted_when_it_fails) {
    EXPECT_TRUE(error("echo not here >&2; exit 3").contains("ended with code 3: \"not here\""));
}

TEST_F(Script, is_ended_when_it_takes_too_long) {
    EXPECT_TRUE(error("exec /bin/sleep 100", milliseconds(50)).contains("not finished"));
}

TEST_F(Script, is_named_when_it_is_missing) {
    auto location = locate_user(
        {.method = LocateMethod::script, .server = {}, .directory = {}, .script = folder_ + "/none"}, "ann",
        seconds(1));
    ASSERT_FALSE(location);
    EXPECT_TRUE(location.error().detail().contains("/none"));
}

TEST(LocateUser, uses_no_other_server_when_the_records_is_wrong) {
    auto record = parse_machine_record(R"({"schema":1,"id":"m","nfs":{"server":"a..b","directory":"/x"}})");
    ASSERT_TRUE(record);
    ClientConfig config;
    config.locate = {.server = "fs1", .directory = "/export/{user}"};
    config = with_record(config, *record);
    for (const auto method : {LocateMethod::fixed, LocateMethod::script}) {
        config.locate.method = method;
        config.locate.script = "/bin/false";
        const auto place = locate_user(config.locate, "ann", std::chrono::seconds(5));
        ASSERT_FALSE(place);
        EXPECT_EQ(code_of(place), "BERTH-M30");
        EXPECT_NE(place.error().detail().find("nfs.server \"a..b\""), std::string::npos)
            << place.error().to_log();
    }
}

}  // namespace
}  // namespace berth::session
