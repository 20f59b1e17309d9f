// SPDX-License-Identifier: GPL-3.0-or-later
// What last-used.<n> says behind a release, and what a record of another version keeps on its way there.
#include <gtest/gtest.h>

#include "lock/protocol.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"
#include "tests/testing/recording_report.h"

namespace berth::lock {
namespace {

using files::FileType;

struct ReleasedTest : ::testing::Test {
    ReleasedTest() {
        server.put("vm/software.raw", FileType::regular, "disk");
        server.put("vm/other/files", FileType::regular, "files!");
        server.put("vm/iso", FileType::symlink, "other/files");
        server.put("vm/shared.raw", FileType::symlink, "/shared/image.raw");
        server.put("vm/folder.raw", FileType::directory);
    }
    files::FileHandle directory() { return files::MemoryServer::handle(*server.at("vm")); }
    LockProtocol protocol(files::MemoryFiles& through) {
        return {through, directory(), times, clock, report};
    }
    TakenLock taken() {
        auto lock = protocol(ops).take({"m-1", "berth-1", "ann", "b"}, false, nullptr, nullptr);
        EXPECT_TRUE(lock) << lock.error().to_log();
        return *lock;
    }
    LastUsed released(const TakenLock& lock, const std::vector<ConfiguredDisk>& disks) {
        const auto done = protocol(ops).release(lock.epoch, lock.nonce, disks);
        EXPECT_TRUE(done) << done.error().to_log();
        return *parse_last_used(server.at("vm/" + last_used_name(lock.epoch))->data);
    }
    static std::vector<std::string> names(const LastUsed& last) {
        std::vector<std::string> found;
        for (const auto& disk : last.disks) found.push_back(disk.name);
        return found;
    }
    /// What the holder of lock.1 has written, with members of another version.
    void add_members(const std::string& members) {
        std::string& text = server.at("vm/lock.1")->data;
        text.replace(text.find('}'), 1, "," + members + "}");
    }

    files::MemoryServer server;
    FakeClock clock;
    RecordingReport report;
    LockTimes times;
    files::MemoryFiles ops{server};
};

TEST_F(ReleasedTest, names_the_disks_as_the_configuration_does_wherever_their_files_are) {
    server.put("vm/notes.raw", FileType::regular, "no disk, whatever it is called");
    const LastUsed last =
        released(taken(), {{"software", "software.raw"}, {"files", "other/files"}, {"medium", "iso"}});
    ASSERT_EQ(names(last), (std::vector<std::string>{"software", "files", "medium"}));
    EXPECT_EQ(last.disks[0].fileid, server.at("vm/software.raw")->id);
    EXPECT_EQ(last.disks[0].size, 4u);
    EXPECT_EQ(last.disks[1].fileid, server.at("vm/other/files")->id);
    EXPECT_EQ(last.disks[1].size, 6u);
    EXPECT_EQ(last.disks[2].fileid, last.disks[1].fileid);
}

TEST_F(ReleasedTest, says_nothing_of_a_disk_whose_file_is_not_one_of_this_directory) {
    const LastUsed last = released(taken(), {{"gone", "gone.raw"},
                                             {"shared", "shared.raw"},
                                             {"folder", "folder.raw"},
                                             {"out", "../vm/software.raw"},
                                             {"under", "software.raw/x"},
                                             {"software", "software.raw"}});
    EXPECT_EQ(names(last), (std::vector<std::string>{"software"}));
}

TEST_F(ReleasedTest, says_nothing_of_disks_that_nobody_named) {
    EXPECT_TRUE(released(taken(), {}).disks.empty());
}

TEST_F(ReleasedTest, waits_for_an_answer_about_each_disk) {
    files::MemoryFiles silent(server, [](std::string_view call, const std::string& name) {
        return call == "LOOKUP" && name == "software.raw" ? files::Fault::not_sent : files::Fault::none;
    });
    const TakenLock lock = taken();
    const auto done = protocol(silent).release(lock.epoch, lock.nonce, {{"software", "software.raw"}});
    ASSERT_FALSE(done) << "that it does not answer says nothing of the disk";
    EXPECT_TRUE(server.at("vm/lock.1"));
    EXPECT_EQ(names(released(lock, {{"software", "software.raw"}})), (std::vector<std::string>{"software"}));
}

TEST_F(ReleasedTest, keeps_the_cache_and_what_another_version_wrote_through_renewals_and_closing) {
    const TakenLock lock = taken();
    const std::string cache(32, 'c');
    add_members(R"("cache":")" + cache + R"(","later":{"x":[1]})");
    ASSERT_TRUE(good_since(protocol(ops).renew(1, lock.nonce)));
    ASSERT_TRUE(protocol(ops).say_closing(1, lock.nonce));
    ASSERT_TRUE(good_since(protocol(ops).renew(1, lock.nonce)));
    const LastUsed last = released(lock, {{"software", "software.raw"}});
    EXPECT_EQ(last.record.sequence, 4u);
    EXPECT_EQ(last.record.cache, cache);
    EXPECT_EQ(last.record.others, (std::map<std::string, std::string>{{"later", R"({"x":[1]})"}}));
    EXPECT_EQ(names(last), (std::vector<std::string>{"software"}));
    // The next owner begins without them, and is told of them.
    const TakenLock next = taken();
    ASSERT_TRUE(next.predecessor);
    EXPECT_EQ(next.predecessor->record.cache, cache);
    const auto ours = parse_lock_record(server.at("vm/lock.2")->data);
    ASSERT_TRUE(ours);
    EXPECT_FALSE(ours->cache);
    EXPECT_TRUE(ours->others.empty());
}

TEST_F(ReleasedTest, refuses_to_read_take_or_release_a_lock_of_another_schema) {
    const TakenLock lock = taken();
    std::string& text = server.at("vm/lock.1")->data;
    const std::string ours = R"("schema":1)";
    text.replace(text.find(ours), ours.size(), R"("schema":2)");
    EXPECT_EQ(code_of(protocol(ops).take({"m-2", "berth-2", "ann", "b"}, false, nullptr, nullptr)),
              "BERTH-K04");
    EXPECT_EQ(code_of(protocol(ops).renew(1, lock.nonce)), "BERTH-K04");
    EXPECT_EQ(code_of(protocol(ops).release(1, lock.nonce, {})), "BERTH-K04");
    EXPECT_TRUE(server.at("vm/lock.1"));
}

TEST_F(ReleasedTest, reads_what_a_version_has_released_that_named_the_files) {
    server.put(
        "vm/last-used.4", FileType::regular,
        R"({"schema":1,"client":"m-1","host":"h","user":"ann","boot_id":"b","nonce":")" +
            std::string(32, 'a') +
            R"(","sequence":9,"mode":"lease","since":"","disks":[{"name":"software.raw","fileid":2,"size":4,"mtime_ns":0,"ctime_ns":0}]})");
    const TakenLock next = taken();
    EXPECT_EQ(next.epoch, 5u);
    ASSERT_TRUE(next.predecessor);
    EXPECT_EQ(names(*next.predecessor), (std::vector<std::string>{"software.raw"}));
}

}  // namespace
}  // namespace berth::lock
