// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/record.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::lock {
namespace {

LockRecord sample() {
    return {{"m-0001", "berth-12", "ann", "boot-id"},
            "0123456789abcdef0123456789abcdef",
            41,
            LockMode::lease,
            "2026-01-02T03:04:05Z"};
}

TEST(LockRecord, comes_back_as_it_was_written) {
    const std::string text = format_lock_record(sample());
    EXPECT_EQ(text.size(), k_lock_record_size);
    auto back = parse_lock_record(text);
    ASSERT_TRUE(back) << back.error().to_log();
    EXPECT_EQ(back->owner.client, "m-0001");
    EXPECT_EQ(back->owner.host, "berth-12");
    EXPECT_EQ(back->nonce, sample().nonce);
    EXPECT_EQ(back->sequence, 41u);
    EXPECT_EQ(back->since, "2026-01-02T03:04:05Z");
}

TEST(LockRecord, says_when_its_holder_is_closing) {
    LockRecord record = sample();
    EXPECT_FALSE(parse_lock_record(format_lock_record(record))->closing);
    record.closing = true;
    EXPECT_EQ(format_lock_record(record).size(), k_lock_record_size);
    EXPECT_TRUE(parse_lock_record(format_lock_record(record))->closing);
}

TEST(LockRecord, a_late_renewal_over_a_longer_released_record_leaves_one_that_can_be_read) {
    LastUsed last{sample(), 7, std::vector<DiskIdentity>(20, {"software.raw", 1, 2, 3, 4})};
    std::string file = format_last_used(last);
    ASSERT_GT(file.size(), k_lock_record_size);
    file.replace(0, k_lock_record_size, format_lock_record(sample()));
    auto back = parse_last_used(file);
    ASSERT_TRUE(back) << back.error().to_log();
    EXPECT_EQ(back->record.nonce, sample().nonce);
    EXPECT_TRUE(back->disks.empty());
}

/// With everything in it that a record can have.
LockRecord largest(const std::string& of_names) {
    LockRecord record = sample();
    record.sequence = UINT64_MAX;
    record.mode = LockMode::declared;
    record.closing = true;
    record.cache = std::string(32, 'c');
    record.owner.client = record.owner.host = record.owner.user = record.owner.boot_id = record.since =
        of_names;
    return record;
}

TEST(LockRecord, keeps_its_size_whatever_the_names_are) {
    for (const std::string& name : {std::string(300, 'x'), std::string(300, '"'), std::string(300, '\\'),
                                    std::string(300, '\n'), std::string(300, '\0'), std::string(300, '\xff'),
                                    "\xc3" + std::string(300, '\xa4'), std::string(127, 'x') + "\xc3\xa4"}) {
        const std::string text = format_lock_record(largest(name));
        EXPECT_EQ(text.size(), k_lock_record_size) << name;
        const auto back = parse_lock_record(text);
        ASSERT_TRUE(back) << back.error().to_log();
        EXPECT_EQ(back->cache, std::string(32, 'c'));
        EXPECT_EQ(format_lock_record(*back), text);
    }
}

TEST(LockRecord, keeps_the_cache_it_belongs_to) {
    LockRecord record = sample();
    EXPECT_FALSE(parse_lock_record(format_lock_record(record))->cache);
    record.cache = "fedcba9876543210fedcba9876543210";
    EXPECT_EQ(parse_lock_record(format_lock_record(record))->cache, record.cache);
    EXPECT_EQ(parse_last_used(format_last_used({record, 7, {}}))->record.cache, record.cache);
}

/// `sample()` as a later version may have written it.
std::string with_more(const std::string& members) {
    std::string text = format_lock_record(sample());
    return text.replace(text.find('}'), 1, "," + members + "}");
}

TEST(LockRecord, keeps_what_another_version_has_written_in_it) {
    auto record =
        parse_lock_record(with_more(R"("replica":{"base":7,"of":["a\u00e4",null,-1.5]},"fence":true)"));
    ASSERT_TRUE(record) << record.error().to_log();
    EXPECT_EQ(record->owner.host, "berth-12");
    EXPECT_EQ(record->others.size(), 2u);
    record->sequence++;
    record->closing = true;
    const std::string text = format_lock_record(*record);
    EXPECT_EQ(text.size(), k_lock_record_size);
    for (const auto& again :
         {parse_lock_record(text).value(),
          parse_last_used(format_last_used({*record, 7, {{"files", 1, 2, 3, 4}}}))->record}) {
        EXPECT_EQ(again.sequence, 42u);
        EXPECT_EQ(again.others, record->others);
    }
}

TEST(LockRecord, keeps_its_size_whatever_another_version_has_written_in_it) {
    const auto kept = [](size_t size) {
        const auto record =
            parse_lock_record(with_more(R"("a":1,"x":")" + std::string(size, 'x') + R"(","y":2)"));
        EXPECT_TRUE(record) << record.error().to_log();
        const std::string text = format_lock_record(*record);
        EXPECT_EQ(text.size(), k_lock_record_size);
        return parse_lock_record(text)->others.size();
    };
    EXPECT_EQ(kept(100), 3u);
    EXPECT_EQ(kept(k_lock_record_size), 2u) << "what does not fit is left out, and nothing else";
}

TEST(LockRecord, carries_the_disks_of_a_released_lock) {
    LastUsed last{
        sample(), 7, {{"software.raw", 11, 8192, 1'700'000'000'000'000'000, 1'700'000'000'000'000'001}}};
    auto back = parse_last_used(format_last_used(last));
    ASSERT_TRUE(back) << back.error().to_log();
    ASSERT_EQ(back->disks.size(), 1u);
    EXPECT_EQ(back->disks[0].name, "software.raw");
    EXPECT_EQ(back->disks[0].fileid, 11u);
    EXPECT_EQ(back->disks[0].ctime_ns, 1'700'000'000'000'000'001);
    EXPECT_TRUE(parse_lock_record(format_last_used(last)))
        << "a holder may die between the record's last write and the rename";
}

TEST(LockRecord, refuses_what_is_no_record) {
    for (
        const char* text :
        {"", "{}", "[]", "nonsense",
         R"({"schema":2,"client":"","host":"","user":"","boot_id":"","nonce":"0123456789abcdef0123456789abcdef","sequence":0,"mode":"lease","since":""})",
         R"({"schema":1,"client":"","host":"","user":"","boot_id":"","nonce":"0123456789ABCDEF0123456789abcdef","sequence":0,"mode":"lease","since":""})",
         R"({"schema":1,"client":"","host":"","user":"","boot_id":"","nonce":"0123456789abcdef0123456789abcdef","sequence":-1,"mode":"lease","since":""})",
         R"({"schema":1,"client":"","host":"","user":"","boot_id":"","nonce":"0123456789abcdef0123456789abcdef","sequence":0,"mode":"mine","since":""})",
         R"({"schema":1,"client":"","host":"","user":"","boot_id":"","nonce":"0123456789abcdef0123456789abcdef","sequence":0,"mode":"lease","since":"","cache":"1"})"}) {
        auto record = parse_lock_record(text);
        ASSERT_FALSE(record) << text;
        EXPECT_EQ(code_of(record), "BERTH-K04") << text;
    }
}

}  // namespace
}  // namespace berth::lock
