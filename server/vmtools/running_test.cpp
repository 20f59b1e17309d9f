// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/running.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "lock/record.h"
#include "tests/testing/memory_files.h"

namespace berth::server {
namespace {

using namespace std::chrono_literals;

const WallTime k_now{std::chrono::seconds(1'800'000'000)};
constexpr int64_t k_now_ns = int64_t{1'800'000'000} * 1'000'000'000;

std::string lock(const std::string& host, bool closing = false, lock::LockMode mode = lock::LockMode::lease) {
    lock::LockRecord record{
        {"m-" + host, host, "ann", "b"}, std::string(32, 'a'), 1, mode, "2026-01-02T03:04:05Z"};
    record.closing = closing;
    return format_lock_record(record);
}

std::vector<std::string> states(const RunningList& list) {
    std::vector<std::string> found;
    for (const auto& v : list.vms) found.push_back(fmt::format("{}/{} {} {}", v.user, v.vm, v.host, v.state));
    return found;
}

struct RunningOnServer : ::testing::Test {
    void put(const std::string& path, const std::string& text, std::chrono::seconds age) {
        server.put(path, files::FileType::regular, text)->mtime_ns = k_now_ns - age.count() * 1'000'000'000;
    }
    RunningList look() {
        return running_of_user(ops, files::MemoryServer::handle(*server.at("ann")), "ann", k_now);
    }
    files::MemoryServer server;
    files::MemoryFiles ops{server};
};

TEST_F(RunningOnServer, names_who_runs_what_since_when) {
    put("ann/work/lock.7", lock("berth-7"), 4s);
    put("ann/work/last-used.6", lock("berth-1"), 1h);
    put("ann/play/last-used.2", lock("berth-1"), 1h);
    put("ann/notes.txt", "", 0s);
    put("ann/.hidden/lock.1", lock("berth-9"), 1s);
    const auto list = look();
    EXPECT_TRUE(list.errors.empty());
    ASSERT_EQ(states(list), std::vector<std::string>{"ann/work berth-7 running"});
    EXPECT_EQ(list.vms[0].client, "m-berth-7");
    EXPECT_EQ(list.vms[0].since, "2026-01-02T03:04:05Z");
    EXPECT_EQ(list.vms[0].last_sign, 4);
}

TEST_F(RunningOnServer, shows_a_move_and_a_silent_holder) {
    put("ann/a/lock.3", lock("berth-3", true), 2s);
    put("ann/a/lock.10", lock("berth-10"), 1s);
    put("ann/b/lock.1", lock("berth-4"), 61s);
    put("ann/c/lock.1", lock("laptop", false, lock::LockMode::declared), 200h);
    put("ann/d/lock.1", "noise", 1s);
    EXPECT_EQ(states(look()), (std::vector<std::string>{"ann/a berth-3 closing", "ann/a berth-10 waiting",
                                                        "ann/b berth-4 silent", "ann/c laptop checked-out",
                                                        "ann/d  unreadable"}));
}

TEST_F(RunningOnServer, is_not_confused_by_a_lock_that_goes_while_it_looks) {
    put("ann/a/lock.3", lock("berth-3"), 2s);
    files::MemoryFiles racing(server, [&](std::string_view call, const std::string& name) {
        if (call == "LOOKUP" && name == "lock.3") server.at("ann/a")->entries.erase("lock.3");
        return files::Fault::none;
    });
    const auto list = running_of_user(racing, files::MemoryServer::handle(*server.at("ann")), "ann", k_now);
    EXPECT_TRUE(list.vms.empty());
    EXPECT_TRUE(list.errors.empty());
}

TEST(RunningByPosts, lists_sessions_and_marks_the_silent_ones) {
    Machine a, b, c;
    a.id = "m-0001", a.name = "desk-1", a.status.seen = 1'800'000'000 - 60;
    a.status.session = {{"user", "bob"}, {"vm", "work"}, {"since", "2026-01-02T03:04:05Z"}};
    b.id = "m-0002", b.name = "desk-2", b.status.seen = 1'800'000'000 - 16 * 60;
    b.status.session = {{"user", "ann"}, {"vm", "play"}, {"since", "2026-01-02T03:04:05Z"}};
    c.id = "m-0003", c.name = "desk-3", c.status.seen = 1'800'000'000;
    const auto list = running_by_posts({a, b, c}, k_now);
    EXPECT_EQ(states(list), (std::vector<std::string>{"ann/play desk-2 silent", "bob/work desk-1 running"}));
    EXPECT_EQ(list.vms[1].client, "m-0001");
    EXPECT_EQ(list.vms[1].last_sign, 60);
}

TEST(RunningInFolder, finds_locks_and_follows_no_link) {
    namespace fs = std::filesystem;
    char name[] = "/tmp/berth-running-XXXXXX";
    const fs::path folder = mkdtemp(name);
    fs::create_directories(folder / "users/ann/work");
    fs::create_directories(folder / "elsewhere/vm");
    std::ofstream(folder / "users/ann/work/lock.4") << lock("berth-4");
    std::ofstream(folder / "elsewhere/vm/lock.1") << lock("berth-5");
    fs::create_directory_symlink(folder / "elsewhere", folder / "users/eve");
    fs::create_symlink(folder / "elsewhere/vm/lock.1", folder / "users/ann/work/lock.5");
    const auto list = running_in_folder(folder / "users", std::chrono::system_clock::now());
    ASSERT_TRUE(list);
    EXPECT_EQ(states(*list), (std::vector<std::string>{"ann/work berth-4 running", "ann/work  unreadable"}));
    EXPECT_FALSE(running_in_folder(folder / "nothing", k_now));
    fs::remove_all(folder);
}

TEST(RunningList, is_a_row_for_each_with_a_dash_for_what_is_not_known) {
    RunningList list;
    list.vms.push_back({"ann", "work", "berth", "m-1", "", 7300, "silent"});
    EXPECT_EQ(running_rows(list)[1],
              (std::vector<std::string>{"ann", "work", "berth", "m-1", "-", "2 h", "silent"}));
    const auto json = running_json(list);
    EXPECT_EQ(json[0]["last_sign_seconds"], 7300);
    EXPECT_EQ(json[0]["state"], "silent");
}

}  // namespace
}  // namespace berth::server
