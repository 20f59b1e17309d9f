// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/user_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lock/names.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"
#include "tests/testing/recording_report.h"

namespace berth::guest {
namespace {

using namespace std::chrono_literals;

/// "work" with a lock of ours, over a file server in memory that counts calls.
struct UserDirectoryTest : ::testing::Test {
    UserDirectoryTest() {
        fill("work", "first");
        ops = std::make_shared<files::MemoryFiles>(server,
                                                   [this](std::string_view call, const std::string& name) {
                                                       if (before_call) before_call(call, name);
                                                       calls[std::string(call)]++;
                                                       if (fault) return fault(call, name);
                                                       if (call == "LOOKUP" && name == "work")
                                                           lookups_of_folder++;
                                                       return files::Fault::none;
                                                   });
        directory = user_directory_on(ops, nullptr, "", times, clock, report);
    }
    void fill(const std::string& folder, const std::string& text) {
        server.put(folder + "/machine.toml", files::FileType::regular, text);
    }
    /// Another folder takes the name; the old one is moved aside, or gone.
    void replace_folder(bool keep_old = true) {
        auto& entries = server.root()->entries;
        if (keep_old) entries["aside"] = entries["work"];
        entries.erase("work");
        fill("work", "second");
    }
    Result<std::string> read() { return directory->read("work", "machine.toml", 1 << 20); }
    Result<lock::TakenLock> lock() {
        return directory->lock("work", {"m-1", "berth-1", "ann", "b"}, false, nullptr,
                               [](auto) { return true; });
    }

    std::set<std::string> names_in(const std::string& folder) {
        std::set<std::string> found;
        for (const auto& [name, node] : server.at(folder)->entries) found.insert(name);
        return found;
    }
    static Status always() { return {}; }

    files::MemoryServer server;
    FakeClock clock;
    RecordingReport report;
    lock::LockTimes times;
    std::map<std::string, int> calls;
    int lookups_of_folder = 0;
    files::MemoryFiles::FaultSource before_call, fault;
    std::shared_ptr<files::MemoryFiles> ops;
    std::unique_ptr<UserDirectory> directory;
};

TEST_F(UserDirectoryTest, leaves_no_private_file_when_one_reply_is_lost) {
    for (const char* call : {"CREATE", "WRITE", "RENAME", "REMOVE"})
        for (files::Fault lost : {files::Fault::not_sent, files::Fault::no_reply}) {
            int left = 1;
            fault = [&](std::string_view c, const std::string&) {
                return c == call && left-- > 0 ? lost : files::Fault::none;
            };
            (void)directory->check_writable("work");
            left = 1;
            (void)directory->replace("work", "nvram", "new", always);
            for (const auto& [name, node] : server.at("work")->entries)
                EXPECT_FALSE(lock::is_private_name(name)) << call << " " << name;
        }
}

TEST_F(UserDirectoryTest, removes_what_an_earlier_holder_left_beside_a_file_in_a_folder) {
    const std::string old = "work/fw/.new-" + std::string(32, '0');
    server.put(old, files::FileType::regular, "");
    server.put("work/fw/nvram", files::FileType::regular, "old");
    server.set_time(std::chrono::nanoseconds(20min).count());
    ASSERT_TRUE(directory->replace("work", "fw/nvram", "new", always));
    EXPECT_FALSE(server.at(old));
    EXPECT_EQ(server.at("work/fw/nvram")->data, "new");
}

TEST_F(UserDirectoryTest, looks_a_folder_up_once_for_what_is_done_in_it) {
    ASSERT_TRUE(directory->check_writable("work"));
    EXPECT_EQ(*read(), "first");
    EXPECT_TRUE(directory->facts("work", "machine.toml"));
    EXPECT_EQ(lookups_of_folder, 1);
    EXPECT_EQ(calls["READ"], 1) << "a file is not read behind its end";
}

TEST_F(UserDirectoryTest, checks_and_locks_the_folder_that_has_the_name_by_then) {
    EXPECT_EQ(*read(), "first");
    replace_folder();
    ASSERT_TRUE(directory->check_writable("work"));
    EXPECT_EQ(*read(), "second");

    server.root()->entries["work"] = server.root()->entries["aside"];
    ASSERT_TRUE(lock());
    EXPECT_TRUE(server.at("aside/lock.1"));
    EXPECT_EQ(*read(), "first");
}

TEST_F(UserDirectoryTest, stays_in_the_folder_that_it_locked) {
    auto taken = lock();
    ASSERT_TRUE(taken);
    replace_folder();
    EXPECT_EQ(*read(), "first");
    ASSERT_TRUE(directory->replace("work", "nvram", "ours", always));
    EXPECT_TRUE(server.at("aside/nvram"));
    EXPECT_FALSE(server.at("work/nvram"));
    ASSERT_TRUE(directory->release("work", taken->epoch, taken->nonce, {}));
    EXPECT_TRUE(server.at("aside/last-used.1"));
}

TEST_F(UserDirectoryTest, asks_immediately_before_it_renames_and_replaces_nothing_if_it_may_not) {
    server.put("work/nvram", files::FileType::regular, "theirs");
    std::vector<std::string> order;
    before_call = [&](std::string_view call, const std::string&) {
        order.emplace_back(call);
        return files::Fault::none;
    };
    const auto before = names_in("work");
    const auto may_not = [&]() -> Status {
        order.emplace_back("asked");
        return fail(ErrorCode::K05);
    };
    auto refused = directory->replace("work", "nvram", "ours", may_not);
    ASSERT_FALSE(refused);
    EXPECT_EQ(code_of(refused), "BERTH-K05");
    EXPECT_EQ(server.at("work/nvram")->data, "theirs");
    EXPECT_EQ(names_in("work"), before) << "its private file is gone";

    order.clear();
    ASSERT_TRUE(directory->replace("work", "nvram", "ours", [&] {
        order.emplace_back("asked");
        return Status{};
    }));
    EXPECT_EQ(server.at("work/nvram")->data, "ours");
    const auto asked = std::ranges::find(order, "asked");
    ASSERT_TRUE(asked != order.end() && std::next(asked) != order.end());
    EXPECT_EQ(*std::next(asked), "RENAME");
}

TEST_F(UserDirectoryTest, looks_a_folder_up_anew_when_its_handle_is_stale) {
    EXPECT_EQ(*read(), "first");
    replace_folder(/*keep_old=*/false);
    EXPECT_EQ(*read(), "second");
    EXPECT_EQ(lookups_of_folder, 2);
    EXPECT_EQ(*read(), "second");
    EXPECT_EQ(lookups_of_folder, 2);

    server.root()->entries.erase("work");
    auto nothing = read();
    ASSERT_FALSE(nothing);
    EXPECT_EQ(code_of(nothing), "BERTH-M09");
}

TEST_F(UserDirectoryTest, looks_a_folder_up_anew_before_it_says_that_a_file_is_missing) {
    EXPECT_EQ(*read(), "first");
    server.at("work")->entries.clear();
    replace_folder();
    EXPECT_EQ(*read(), "second") << "some servers say so of everything in a folder that was removed";

    server.at("work")->entries.clear();
    auto missing = read();
    ASSERT_FALSE(missing);
    EXPECT_EQ(code_of(missing), "BERTH-M09");
}

TEST_F(UserDirectoryTest, follows_no_link_that_took_the_folders_name) {
    EXPECT_EQ(*read(), "first");
    auto& entries = server.root()->entries;
    entries["elsewhere"] = entries["work"];
    entries.erase("work");
    server.put("work", files::FileType::symlink, "elsewhere");
    EXPECT_EQ(code_of(lock()), "BERTH-M09");
    EXPECT_EQ(code_of(read()), "BERTH-M09");
    EXPECT_EQ(code_of(directory->check_writable("work")), "BERTH-M09");
}

TEST_F(UserDirectoryTest, asks_for_the_servers_limits_only_for_what_is_large) {
    ASSERT_TRUE(directory->check_writable("work"));
    EXPECT_EQ(*read(), "first");
    EXPECT_EQ(calls["FSINFO"], 0);
    const std::string large(300'000, 'x');
    ASSERT_TRUE(directory->replace("work", "nvram", large, always));
    EXPECT_EQ(*directory->read("work", "nvram", 1 << 20), large);
    EXPECT_GT(calls["FSINFO"], 0);
}

TEST_F(UserDirectoryTest, reads_on_when_a_file_ends_before_the_size_that_was_known) {
    before_call = [this](std::string_view call, const std::string&) {
        if (call == "READ" && calls["READ"] == 0) server.at("work/machine.toml")->data = "cut";
        return files::Fault::none;
    };
    EXPECT_EQ(*read(), "cut");
    EXPECT_EQ(calls["READ"], 2);
}

}  // namespace
}  // namespace berth::guest
