// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/testing/crash_store.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

namespace berth::volume {
namespace {

struct CrashStoreTest : ::testing::Test {
    void write(uint64_t offset, const std::string& bytes) {
        store.write(offset, bytes, [](int error) { EXPECT_EQ(error, 0); });
    }
    std::shared_ptr<std::optional<int>> sync() {
        auto ended = std::make_shared<std::optional<int>>();
        store.sync([ended](int error) { *ended = error; });
        return ended;
    }
    std::string read(uint64_t offset, size_t count) {
        std::string bytes(count, '?');
        store.read(offset, bytes, [](int error) { EXPECT_EQ(error, 0); });
        return bytes;
    }
    /// By their names, of the first bytes.
    std::map<std::string, std::string> crashes(size_t count) {
        std::map<std::string, std::string> found;
        for (auto& crash : store.crashes()) {
            EXPECT_EQ(crash.bytes.size(), store.size());
            EXPECT_TRUE(found.emplace(crash.kept, crash.bytes.substr(0, count)).second) << crash.kept;
        }
        return found;
    }

    CrashStore store{std::string(2048, '.')};
};

TEST_F(CrashStoreTest, reads_what_was_written_whether_it_outlives_a_crash_or_not) {
    write(1, "ab");
    store.zero(2, 2, true, [](int error) { EXPECT_EQ(error, 0); });
    EXPECT_EQ(read(0, 5), std::string(".a\0\0.", 5));
}

TEST_F(CrashStoreTest, keeps_all_that_a_sync_covers_and_nothing_else_for_sure) {
    write(0, "a");
    EXPECT_EQ(*sync(), 0);
    EXPECT_EQ(crashes(2), (std::map<std::string, std::string>{{"nothing", "a."}}));
    write(1, "b");
    const auto after = crashes(2);
    EXPECT_EQ(after.at("nothing"), "a.");
    EXPECT_EQ(after.at("all"), "ab");
}

TEST_F(CrashStoreTest, lists_all_but_one_each_alone_and_16_random_choices) {
    for (uint64_t i = 0; i < 3; i++) write(i, std::string(1, static_cast<char>('a' + i)));
    auto found = crashes(3);
    EXPECT_EQ(found.at("nothing"), "...");
    EXPECT_EQ(found.at("all"), "abc");
    EXPECT_EQ(found.at("all but 1"), "a.c");
    EXPECT_EQ(found.at("0 alone"), "a..");
    EXPECT_EQ(found.at("2 alone"), "..c");
    EXPECT_EQ(found.size(), 2u + 3 + 3 + 16);
    std::set<std::string> random;
    for (const auto& [name, bytes] : found)
        if (name.starts_with("random")) random.insert(bytes);
    EXPECT_GT(random.size(), 4u) << "they differ";
    EXPECT_EQ(crashes(3), found) << "and are the same for every reader";
}

TEST_F(CrashStoreTest, tears_a_write_between_any_two_sectors_behind_what_came_before_it) {
    write(0, "before");
    write(500, std::string(1000, 'x'));
    const auto found = crashes(2048);
    const auto torn = [&](size_t to) {
        std::string bytes(2048, '.');
        bytes.replace(0, 6, "before");
        return bytes.replace(500, to - 500, to - 500, 'x');
    };
    EXPECT_EQ(found.at("1 torn at 1"), torn(512));
    EXPECT_EQ(found.at("1 torn at 2"), torn(1024));
    EXPECT_FALSE(found.contains("1 torn at 3")) << "there it is whole";
    EXPECT_FALSE(found.contains("0 torn at 1")) << "a sector is written or not";
}

TEST_F(CrashStoreTest, covers_by_a_sync_only_what_was_done_when_it_was_begun) {
    store.hold();
    write(0, "a");
    EXPECT_EQ(crashes(1).at("all"), "a") << "what is under way may be there";
    auto early = sync();
    store.complete(0);
    EXPECT_FALSE(*early);
    store.complete_all();
    EXPECT_EQ(**early, 0);
    EXPECT_EQ(crashes(1).at("nothing"), ".");
    auto late = sync();
    store.complete_all();
    EXPECT_EQ(**late, 0);
    EXPECT_EQ(crashes(1), (std::map<std::string, std::string>{{"nothing", "a"}}));
}

TEST_F(CrashStoreTest, lets_a_test_end_the_calls_in_any_order) {
    store.hold();
    write(0, "a");
    write(0, "b");
    ASSERT_EQ(store.waiting(), 2u);
    store.complete(1);
    store.complete(0);
    std::string bytes(1, '?');
    store.read(0, bytes, [](int) {});
    store.complete_all();
    EXPECT_EQ(bytes, "a");
    EXPECT_EQ(crashes(1).at("all"), "a");
}

TEST_F(CrashStoreTest, is_poisoned_by_a_failed_sync) {
    write(0, "a");
    store.fail_syncs = 1;
    EXPECT_EQ(**sync(), EIO);
    EXPECT_EQ(**sync(), EIO) << "and not that all is well";
    EXPECT_EQ(read(0, 1), "a");
    EXPECT_EQ(crashes(1).at("nothing"), ".");
}

TEST_F(CrashStoreTest, does_not_know_what_is_on_the_disk_of_a_failed_write) {
    store.fail_writes = 1;
    std::optional<int> ended;
    store.write(0, "a", [&](int error) { ended = error; });
    EXPECT_EQ(*ended, EIO);
    EXPECT_EQ(read(0, 1), ".");
    const auto found = crashes(1);
    EXPECT_EQ(found.at("all"), "a");
    EXPECT_EQ(found.at("nothing"), ".");
}

}  // namespace
}  // namespace berth::volume
