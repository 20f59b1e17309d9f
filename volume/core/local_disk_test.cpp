// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/local_disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <random>
#include <set>

#include "tests/testing/crash_store.h"

namespace berth::volume {
namespace {

using Kind = BlockRequest::Kind;

struct LocalDiskTest : ::testing::Test {
    LocalDiskTest() {
        auto made = std::make_unique<CrashStore>(std::string(4096, '.'));
        store = made.get();
        disk.emplace(std::move(made));
    }
    struct Asked {
        std::string bytes;
        std::optional<int> error;
    };
    std::shared_ptr<Asked> ask(Kind kind, uint64_t offset, std::string bytes, bool fua = false) {
        auto asked = std::make_shared<Asked>(std::move(bytes));
        auto request = std::make_shared<BlockRequest>();
        request->kind = kind;
        request->offset = offset;
        request->count = static_cast<uint32_t>(asked->bytes.size());
        request->buffer = asked->bytes.data();
        request->from = asked->bytes.data();
        request->fua = fua;
        request->done = [asked](int error) {
            EXPECT_FALSE(asked->error) << "done twice";
            asked->error = error;
        };
        disk->submit(std::move(request));
        return asked;
    }
    /// What it holds after a crash that keeps as little as may be kept.
    std::string least() { return store->crashes().front().bytes.substr(0, 4); }

    CrashStore* store = nullptr;
    std::optional<LocalDisk> disk;
};

TEST_F(LocalDiskTest, has_a_request_done_before_submit_returns_if_its_store_has) {
    EXPECT_EQ(disk->size(), 4096u);
    EXPECT_EQ(ask(Kind::write, 1, "ab")->error, 0);
    const auto read = ask(Kind::read, 0, "????");
    EXPECT_EQ(read->error, 0);
    EXPECT_EQ(read->bytes, ".ab.");
    EXPECT_EQ(disk->step(), k_never);
}

TEST_F(LocalDiskTest, is_done_when_its_store_is_and_no_earlier) {
    store->hold();
    const auto written = ask(Kind::write, 0, "ab");
    EXPECT_FALSE(written->error);
    store->complete_all();
    EXPECT_EQ(written->error, 0);
}

TEST_F(LocalDiskTest, has_on_its_medium_what_was_flushed) {
    ask(Kind::write, 0, "abcd");
    EXPECT_EQ(least(), "....");
    EXPECT_EQ(ask(Kind::flush, 0, "")->error, 0);
    EXPECT_EQ(least(), "abcd");
}

TEST_F(LocalDiskTest, has_on_its_medium_what_was_changed_with_fua) {
    EXPECT_EQ(ask(Kind::write, 0, "abcd", true)->error, 0);
    EXPECT_EQ(least(), "abcd");
    EXPECT_EQ(ask(Kind::zero, 0, "?", true)->error, 0);
    EXPECT_EQ(least(), std::string("\0bcd", 4));
    EXPECT_EQ(ask(Kind::trim, 1, "?", true)->error, 0);
    EXPECT_EQ(least(), std::string("\0\0cd", 4));
    EXPECT_EQ(ask(Kind::trim, 2, "?")->error, 0);
    EXPECT_EQ(least(), std::string("\0\0cd", 4)) << "without FUA it waits for a flush";
}

TEST_F(LocalDiskTest, does_not_sync_what_was_not_written) {
    store->fail_writes = 1;
    store->fail_syncs = 1;
    EXPECT_EQ(ask(Kind::write, 0, "a", true)->error, EIO);
    EXPECT_EQ(store->fail_syncs, 1);
}

/// Of each byte: what the last flush left, and all that was written since.
TEST_F(LocalDiskTest, holds_after_any_crash_what_was_flushed_or_what_was_written_since) {
    std::minstd_rand random(7);
    std::vector<std::set<char>> may_be(disk->size(), {'.'});
    const auto write = [&](size_t offset, size_t count, char value) {
        ASSERT_EQ(ask(Kind::write, offset, std::string(count, value))->error, 0);
        for (size_t i = offset; i < offset + count; i++) may_be[i].insert(value);
    };
    std::string now(disk->size(), '.');
    size_t crashes = 0;
    for (int step = 0; step < 60; step++) {
        if (random() % 5 == 0) {
            ASSERT_EQ(ask(Kind::flush, 0, "")->error, 0);
            for (size_t i = 0; i < now.size(); i++) may_be[i] = {now[i]};
        } else {
            const size_t offset = random() % disk->size();
            const size_t count = std::min<size_t>(random() % 1500, disk->size() - offset);
            const char value = static_cast<char>('a' + step % 26);
            write(offset, count, value);
            now.replace(offset, count, count, value);
        }
        for (const auto& crash : store->crashes()) {
            crashes++;
            for (size_t i = 0; i < crash.bytes.size(); i++)
                ASSERT_TRUE(may_be[i].contains(crash.bytes[i]))
                    << crash.kept << " at " << i << " in step " << step;
        }
    }
    EXPECT_GT(crashes, 500u);
}

TEST_F(LocalDiskTest, says_of_every_flush_behind_a_failed_one_that_it_failed) {
    ask(Kind::write, 0, "abcd");
    store->fail_syncs = 1;
    EXPECT_EQ(ask(Kind::flush, 0, "")->error, EIO);
    EXPECT_EQ(ask(Kind::flush, 0, "")->error, EIO);
    EXPECT_EQ(ask(Kind::write, 0, "efgh", true)->error, EIO);
    EXPECT_EQ(ask(Kind::read, 0, "????")->bytes, "efgh") << "it is read as it was written";
}

TEST_F(LocalDiskTest, can_what_its_store_can) {
    EXPECT_TRUE(disk->abilities().zero);
    EXPECT_TRUE(disk->abilities().trim);
    EXPECT_FALSE(disk->abilities().extents);
    EXPECT_EQ(ask(Kind::extents, 0, "?")->error, ENOTSUP);
    EXPECT_EQ(ask(Kind::prefetch, 0, "?")->error, ENOTSUP);
}

TEST_F(LocalDiskTest, counts_reads_and_writes) {
    ask(Kind::write, 0, "abcd");
    ask(Kind::read, 0, "??");
    ask(Kind::trim, 0, "??");
    EXPECT_EQ(disk->counters().writes, 1u);
    EXPECT_EQ(disk->counters().bytes_written, 4u);
    EXPECT_EQ(disk->counters().reads, 1u);
    EXPECT_EQ(disk->counters().bytes_read, 2u);
    EXPECT_EQ(disk->counters().uncommitted, 0u);
}

TEST_F(LocalDiskTest, refuses_requests_when_it_is_abandoned) {
    store->hold();
    const auto before = ask(Kind::write, 0, "abcd");
    disk->abandon();
    EXPECT_EQ(ask(Kind::read, 0, "????")->error, ESHUTDOWN);
    store->complete_all();
    EXPECT_EQ(before->error, 0);
}

}  // namespace
}  // namespace berth::volume
