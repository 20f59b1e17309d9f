// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/protocol.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "files/local/local_ops.h"
#include "lock/lease.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"
#include "tests/testing/recording_report.h"

namespace berth::lock {
namespace {

using namespace std::chrono_literals;

template <typename What>
bool is(const Result<Renewal>& renewed) {
    return renewed && std::holds_alternative<What>(*renewed);
}

TEST(LockNames, are_plain_positive_numbers) {
    EXPECT_EQ(epoch_of("lock.17", "lock."), 17u);
    for (const char* name : {"lock.", "lock.0", "lock.017", "lock.-1", "lock.1x", "lock.99999999999999999999",
                             "lock.9223372036854775807", ".lock.1", "Lock.1"})
        EXPECT_FALSE(epoch_of(name, "lock.")) << name;
    auto names = lock_names({{"lock.3"}, {"last-used.2"}, {"lock.10"}, {"lock.x"}, {"machine.toml"}});
    EXPECT_EQ(names.locks, (std::vector<uint64_t>{3, 10}));
    EXPECT_EQ(names.highest(), 10u);
}

TEST(LockNames, tell_private_files_from_all_others) {
    const std::string nonce(32, 'a');
    for (const char* prefix : {".lock-", ".new-", ".check-", ".put-"})
        EXPECT_TRUE(is_private_name(prefix + nonce));
    for (const std::string& name :
         {".lock-" + nonce + "0", ".lock-" + nonce.substr(1), ".lock-" + std::string(32, 'A'),
          ".lock-" + std::string(32, 'g'), "lock-" + nonce, ".new-" + nonce + "-" + nonce,
          std::string(".lock-"), std::string(".profile")})
        EXPECT_FALSE(is_private_name(name)) << name;
}

struct LockTest : ::testing::Test {
    LockTest() { server.put("vm/software.raw", files::FileType::regular, "disk"); }
    files::FileHandle directory() { return files::MemoryServer::handle(*server.at("vm")); }
    LockProtocol protocol(files::MemoryFiles& through) {
        return {through, directory(), times, clock, report};
    }
    std::set<std::string> names() {
        std::set<std::string> found;
        for (const auto& [name, node] : server.at("vm")->entries) found.insert(name);
        return found;
    }
    /// A fault for the n-th call of that name (from 1), once.
    static files::MemoryFiles::FaultSource once(std::string call, files::Fault fault, int n = 1) {
        auto left = std::make_shared<int>(n);
        return [=](std::string_view c, const std::string&) {
            return c == call && --*left == 0 ? fault : files::Fault::none;
        };
    }
    Result<TakenLock> take(LockProtocol p, bool may_break = false) {
        return p.take({"m-1", "berth-1", "ann", "b"}, may_break, nullptr, [](auto) { return true; });
    }

    files::MemoryServer server;
    FakeClock clock;
    RecordingReport report;
    LockTimes times;
    files::MemoryFiles ops{server};
    const std::vector<ConfiguredDisk> disks{{"software", "software.raw"}};
    const std::set<std::string> locked{"lock.1", "software.raw"}, released{"last-used.1", "software.raw"};
};

TEST_F(LockTest, is_one_above_the_highest_and_leaves_no_private_file) {
    server.put("vm/last-used.41", files::FileType::regular, "damaged");
    auto taken = take(protocol(ops));
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_EQ(taken->epoch, 42u);
    EXPECT_FALSE(taken->predecessor) << "a record that cannot be read says nothing";
    EXPECT_EQ(names(), (std::set<std::string>{"lock.42", "last-used.41", "software.raw"}));
}

TEST_F(LockTest, survives_any_one_lost_reply_on_the_way) {
    for (const char* call : {"CREATE", "WRITE", "LINK", "REMOVE", "READDIR", "LOOKUP", "READ"})
        for (files::Fault fault : {files::Fault::not_sent, files::Fault::no_reply})
            for (int n : {1, 2, 3}) {
                server = files::MemoryServer();
                server.put("vm/software.raw", files::FileType::regular, "disk");
                files::MemoryFiles faulty(server, once(call, fault, n));
                auto taken = take(protocol(faulty));
                ASSERT_TRUE(taken) << call << " " << n << ": " << taken.error().to_log();
                EXPECT_EQ(names(), locked) << call << " " << n;
            }
}

TEST_F(LockTest, survives_any_one_lost_reply_of_its_release) {
    for (const char* call : {"WRITE", "RENAME", "READDIR", "LOOKUP", "READ", "REMOVE"})
        for (files::Fault fault : {files::Fault::not_sent, files::Fault::no_reply})
            for (int n : {1, 2, 3}) {
                server = files::MemoryServer();
                server.put("vm/software.raw", files::FileType::regular, "disk");
                server.put("vm/last-used.1", files::FileType::regular, "x");
                auto taken = take(protocol(ops));
                ASSERT_TRUE(taken);
                files::MemoryFiles faulty(server, once(call, fault, n));
                auto done = protocol(faulty).release(taken->epoch, taken->nonce, disks);
                ASSERT_TRUE(done) << call << " " << n << ": " << done.error().to_log();
                EXPECT_EQ(names(), (std::set<std::string>{"last-used.2", "software.raw"}))
                    << call << " " << n;
            }
}

TEST_F(LockTest, a_lock_that_vanishes_while_it_is_taken_is_not_taken) {
    files::MemoryFiles with_admin(server, [&](std::string_view call, const std::string& name) {
        if (call == "REMOVE" && name.starts_with(".lock-")) (void)server.remove(directory(), "lock.1");
        return files::Fault::none;
    });
    auto taken = take(protocol(with_admin));
    ASSERT_FALSE(taken);
    EXPECT_EQ(code_of(taken), "BERTH-K05");
}

TEST_F(LockTest, takes_a_free_vm_without_a_call_that_nothing_rests_on) {
    std::map<std::string, int> calls;
    files::MemoryFiles counted(server, [&](std::string_view call, const std::string&) {
        calls[std::string(call)]++;
        return files::Fault::none;
    });
    ASSERT_TRUE(take(protocol(counted)));
    // The number, what is above and below, the renewal; read back behind the LINK and in the renewal.
    EXPECT_EQ(calls, (std::map<std::string, int>{{"CREATE", 1},
                                                 {"LINK", 1},
                                                 {"LOOKUP", 2},
                                                 {"READ", 2},
                                                 {"READDIR", 3},
                                                 {"REMOVE", 1},
                                                 {"WRITE", 2}}));
}

TEST_F(LockTest, a_lock_that_vanishes_before_its_first_renewal_is_not_taken) {
    int listings = 0;
    files::MemoryFiles with_admin(server, [&](std::string_view call, const std::string&) {
        // Behind the last listing before the renewal.
        if (call == "READDIR") listings++;
        if (call == "WRITE" && listings == 2) (void)server.remove(directory(), "lock.1");
        return files::Fault::none;
    });
    auto taken = take(protocol(with_admin));
    ASSERT_FALSE(taken);
    EXPECT_EQ(code_of(taken), "BERTH-K05") << "the stale handle is looked up anew";
}

TEST_F(LockTest, is_looked_at_before_its_renewal_when_it_had_to_wait) {
    ASSERT_TRUE(take(protocol(ops)));
    std::vector<std::string> calls;
    files::MemoryFiles seen(server, [&](std::string_view call, const std::string& name) {
        calls.push_back(std::string(call) + " " + name);
        return files::Fault::none;
    });
    ASSERT_TRUE(take(protocol(seen), /*may_break=*/true));
    const auto last_write = std::find(calls.rbegin(), calls.rend(), "WRITE ");
    ASSERT_NE(last_write, calls.rend());
    EXPECT_EQ(*(last_write + 1), "READ ");
    EXPECT_EQ(*(last_write + 2), "LOOKUP lock.2");
}

TEST_F(LockTest, a_late_copy_of_its_link_makes_no_second_lock) {
    files::MemoryFiles faulty(server, once("LINK", files::Fault::duplicated));
    auto taken = take(protocol(faulty));
    ASSERT_TRUE(taken);
    ASSERT_TRUE(protocol(ops).release(taken->epoch, taken->nonce, disks));
    for (auto& call : server.late) call();
    // The copy names a file that is last-used.1 now: the ghost it makes is below what the next taker looks
    // at.
    auto next = take(protocol(ops), true);
    ASSERT_TRUE(next) << next.error().to_log();
    EXPECT_EQ(next->epoch, 2u);
    EXPECT_FALSE(names().contains("lock.1"));
}

/// Private files as they stay: a reply was lost for ever, or a call came late.
struct LeftBehindTest : LockTest {
    static constexpr int64_t k_minute_ns = 60'000'000'000;
    std::set<std::string> private_names() {
        std::set<std::string> found;
        for (const auto& name : names())
            if (is_private_name(name)) found.insert(name);
        return found;
    }
};

TEST_F(LeftBehindTest, whatever_lost_replies_leave_a_later_holder_removes) {
    for (const char* call : {"CREATE", "WRITE", "LINK", "REMOVE"})
        for (files::Fault fault :
             {files::Fault::not_sent, files::Fault::no_reply, files::Fault::late, files::Fault::duplicated}) {
            SCOPED_TRACE(fmt::format("{} {}", call, static_cast<int>(fault)));
            server = files::MemoryServer();
            server.put("vm/software.raw", files::FileType::regular, "disk");
            server.set_time(k_minute_ns);
            // From the first such call on there is no answer to anything.
            bool silent = false;
            files::MemoryFiles faulty(server, [&](std::string_view c, const std::string&) {
                if (silent) return files::Fault::not_sent;
                silent = c == call;
                return silent ? fault : files::Fault::none;
            });
            auto first = take(protocol(faulty));
            for (auto& late : server.late) late();
            server.set_time(17 * k_minute_ns);
            auto next = take(protocol(ops), /*may_break=*/true);
            ASSERT_TRUE(next) << next.error().to_log();
            EXPECT_TRUE(private_names().empty()) << *private_names().begin();
        }
}

TEST_F(LeftBehindTest, what_a_living_claimer_may_still_link_stays) {
    server.set_time(20 * k_minute_ns);
    const std::string claimers = ".lock-" + std::string(32, 'c');
    server.put("vm/" + claimers, files::FileType::regular, "")->mtime_ns = 5 * k_minute_ns + 1;
    ASSERT_TRUE(take(protocol(ops)));
    EXPECT_EQ(private_names(), std::set<std::string>{claimers});
}

TEST_F(LeftBehindTest, a_file_that_claims_to_be_of_any_time_does_no_harm) {
    server.set_time(20 * k_minute_ns);
    const std::string future = ".new-" + std::string(32, 'f'), past = ".new-" + std::string(32, '0');
    server.put("vm/" + future, files::FileType::regular, "")->mtime_ns = INT64_MAX;
    server.put("vm/" + past, files::FileType::regular, "")->mtime_ns = INT64_MIN;
    ASSERT_TRUE(take(protocol(ops)));
    EXPECT_EQ(private_names(), std::set<std::string>{future});
}

TEST_F(LeftBehindTest, only_a_verified_holder_removes) {
    server.put("vm/.check-" + std::string(32, '1'), files::FileType::regular, "");
    server.set_time(20 * k_minute_ns);
    server.put("vm/lock.1", files::FileType::regular,
               format_lock_record({{"m-2", "berth-2", "ben", "c"}, std::string(32, 'c'), 1}));
    EXPECT_FALSE(take(protocol(ops)));
    auto given_up =
        protocol(ops).take({"m-1", "berth-1", "ann", "b"}, true, nullptr, [](auto) { return false; });
    EXPECT_FALSE(given_up);
    EXPECT_EQ(private_names().size(), 1u);
    ASSERT_TRUE(take(protocol(ops), /*may_break=*/true));
    EXPECT_TRUE(private_names().empty());
}

TEST_F(LeftBehindTest, what_cannot_be_removed_is_no_reason_to_fail) {
    server.put("vm/.check-" + std::string(32, '1'), files::FileType::regular, "");
    server.set_time(20 * k_minute_ns);
    files::MemoryFiles faulty(server, [](std::string_view call, const std::string& name) {
        return call == "REMOVE" && name.starts_with(".check-") ? files::Fault::no_reply : files::Fault::none;
    });
    EXPECT_TRUE(take(protocol(faulty)));
}

TEST_F(LeftBehindTest, nothing_of_the_users_own_is_touched) {
    server.put("vm/.lock-mine", files::FileType::regular, "");
    server.put("vm/.check-" + std::string(32, '1'), files::FileType::directory);
    server.set_time(20 * k_minute_ns);
    ASSERT_TRUE(take(protocol(ops)));
    EXPECT_EQ(names(), (std::set<std::string>{".check-" + std::string(32, '1'), ".lock-mine", "lock.1",
                                              "software.raw"}));
}

TEST_F(LockTest, refuses_to_break_and_names_the_holder) {
    ASSERT_TRUE(take(protocol(ops)));
    bool announced = false;
    auto second = protocol(ops).take(
        {"m-2", "berth-2", "ann", "b"}, false,
        [&](auto, const auto&) {
            announced = true;
            return Status{};
        },
        nullptr);
    ASSERT_FALSE(second);
    EXPECT_EQ(code_of(second), "BERTH-K01");
    EXPECT_NE(second.error().detail().find("berth-1"), std::string::npos);
    EXPECT_FALSE(announced);
    EXPECT_EQ(names(), locked) << "nothing written";
}

TEST_F(LockTest, waits_the_whole_time_after_its_link_before_it_writes) {
    ASSERT_TRUE(take(protocol(ops)));
    const BootTime begin = clock.now();
    std::vector<int64_t> left;
    auto second =
        protocol(ops).take({"m-2", "berth-2", "ann", "b"}, true, nullptr, [&](std::chrono::seconds s) {
            left.push_back(s.count());
            return true;
        });
    ASSERT_TRUE(second);
    EXPECT_GE(clock.now() - begin, times.take_over);
    EXPECT_EQ(left.front(), 90);
    EXPECT_EQ(left.back(), 1);
    EXPECT_TRUE(second->broke);
    EXPECT_EQ(names(), (std::set<std::string>{"lock.2", "software.raw"}));
}

TEST_F(LockTest, starts_at_once_when_the_holder_releases_and_knows_its_predecessor) {
    auto first = take(protocol(ops));
    ASSERT_TRUE(first);
    const BootTime begin = clock.now();
    auto second = protocol(ops).take({"m-2", "berth-2", "ann", "b"}, true, nullptr, [&](auto) {
        EXPECT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
        return true;
    });
    ASSERT_TRUE(second);
    EXPECT_LT(clock.now() - begin, 5s);
    ASSERT_TRUE(second->predecessor);
    EXPECT_EQ(second->predecessor->record.nonce, first->nonce);
    ASSERT_EQ(second->predecessor->disks.size(), 1u);
}

TEST_F(LockTest, leaves_its_claim_when_waiting_is_given_up) {
    ASSERT_TRUE(take(protocol(ops)));
    auto second =
        protocol(ops).take({"m-2", "berth-2", "ann", "b"}, true, nullptr, [](auto) { return false; });
    ASSERT_FALSE(second);
    EXPECT_EQ(code_of(second), "BERTH-K03");
    EXPECT_EQ(names(), (std::set<std::string>{"lock.1", "lock.2", "software.raw"}));
}

TEST_F(LockTest, is_not_taken_when_the_intent_cannot_be_written_down) {
    auto taken = protocol(ops).take(
        {"m-1", "berth-1", "ann", "b"}, false,
        [](auto, const auto&) -> Status { return fail(ErrorCode::I01); }, nullptr);
    ASSERT_FALSE(taken);
    EXPECT_EQ(names(), (std::set<std::string>{"software.raw"}));
}

TEST_F(LockTest, a_renewal_under_a_claim_is_none_and_says_so) {
    auto taken = take(protocol(ops));
    ASSERT_TRUE(is<GoodRenewal>(protocol(ops).renew(taken->epoch, taken->nonce)));
    server.put("vm/lock.2", files::FileType::regular, "");
    auto renewed = protocol(ops).renew(taken->epoch, taken->nonce);
    EXPECT_TRUE(is<Claimed>(renewed));
}

TEST_F(LockTest, a_renewal_fails_for_good_once_a_claimer_removed_it) {
    auto taken = take(protocol(ops));
    server.put("vm/lock.2", files::FileType::regular, "");
    ASSERT_TRUE(server.remove(directory(), "lock.1"));
    auto renewed = protocol(ops).renew(taken->epoch, taken->nonce);
    EXPECT_TRUE(is<Lost>(renewed));
}

TEST_F(LockTest, a_renewal_under_a_claim_that_another_claim_passed_leaves_the_lease_too) {
    auto first = take(protocol(ops));
    // Both between two renewals of the first: the second is passed by the third, and what it leaves is a
    // last-used above the first.
    auto second = protocol(ops).take({"m-2", "berth-2", "ann", "b"}, true, nullptr, [&](auto) {
        server.put("vm/lock.3", files::FileType::regular,
                   format_lock_record({{"m-3", "berth-3", "ann", "c"}, std::string(32, 'c'), 1}));
        return true;
    });
    ASSERT_FALSE(second);
    EXPECT_EQ(code_of(second), "BERTH-K02");
    const std::string nonce = parse_lock_record(server.at("vm/lock.2")->data)->nonce;
    ASSERT_TRUE(protocol(ops).release(2, nonce, disks));
    ASSERT_TRUE(names().contains("last-used.2"));
    auto renewed = protocol(ops).renew(first->epoch, first->nonce);
    EXPECT_TRUE(is<Claimed>(renewed));
    EXPECT_TRUE(protocol(ops).say_closing(first->epoch, first->nonce));
    EXPECT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
    EXPECT_EQ((*protocol(ops).claim_above(first->epoch))->owner.host, "berth-3");
}

TEST_F(LockTest, a_holder_answers_a_claim_and_the_claimer_starts_as_soon_as_it_released) {
    auto first = take(protocol(ops));
    ASSERT_TRUE(first);
    const BootTime begin = clock.now();
    std::vector<bool> closing;
    auto second = protocol(ops).take({"m-2", "berth-2", "ann", "b"}, true, nullptr, [&](auto) {
        auto lower = protocol(ops).holder_below(2);
        EXPECT_TRUE(lower && *lower && (*lower)->record.nonce == first->nonce);
        closing.push_back((*lower)->record.closing);
        if (closing.size() == 1) {
            // The holder's next renewal sees the claim and whose it is.
            auto renewed = protocol(ops).renew(first->epoch, first->nonce);
            EXPECT_TRUE(is<Claimed>(renewed));
            auto claim = protocol(ops).claim_above(first->epoch);
            EXPECT_TRUE(claim && *claim && (*claim)->owner.host == "berth-2");
            EXPECT_TRUE(protocol(ops).say_closing(first->epoch, first->nonce));
        }
        if (closing.size() == 3) {
            EXPECT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
        }
        return true;
    });
    ASSERT_TRUE(second) << second.error().to_log();
    EXPECT_EQ(closing, (std::vector<bool>{false, true, true}));
    EXPECT_LT(clock.now() - begin, times.hold) << "long before the take-over time";
    ASSERT_TRUE(second->predecessor);
    EXPECT_EQ(second->predecessor->record.nonce, first->nonce);
    EXPECT_FALSE(second->predecessor->record.closing);
    EXPECT_EQ(second->predecessor->disks.size(), 1u);
    EXPECT_TRUE(is<GoodRenewal>(protocol(ops).renew(second->epoch, second->nonce)))
        << "the answer was not a renewal of the lower lock";
    EXPECT_FALSE(*protocol(ops).claim_above(second->epoch));
    EXPECT_FALSE(*protocol(ops).holder_below(second->epoch));
}

TEST_F(LockTest, closing_is_said_in_ones_own_lock_only) {
    auto first = take(protocol(ops));
    ASSERT_TRUE(first);
    auto said = protocol(ops).say_closing(first->epoch, std::string(32, 'f'));
    ASSERT_FALSE(said);
    EXPECT_EQ(code_of(said), "BERTH-K05");
    EXPECT_FALSE((*protocol(ops).holder())->record.closing);
}

TEST_F(LockTest, a_renewal_fails_for_good_once_the_number_is_used_up) {
    auto taken = take(protocol(ops));
    server.put("vm/last-used.1", files::FileType::regular, "");
    auto renewed = protocol(ops).renew(taken->epoch, taken->nonce);
    EXPECT_TRUE(is<Lost>(renewed));
}

TEST_F(LockTest, an_unanswered_renewal_is_no_renewal_and_no_loss) {
    auto taken = take(protocol(ops));
    for (const char* call : {"WRITE", "READDIR", "LOOKUP", "READ"}) {
        files::MemoryFiles faulty(server, once(call, files::Fault::no_reply));
        auto renewed = protocol(faulty).renew(taken->epoch, taken->nonce);
        ASSERT_FALSE(renewed) << call;
        EXPECT_EQ(renewed.error().condition(), Condition::no_answer);
    }
}

TEST_F(LockTest, a_renewal_needs_no_room_at_the_server) {
    auto taken = take(protocol(ops));
    ASSERT_TRUE(taken);
    for (ErrorCode code : {ErrorCode::M07, ErrorCode::M08}) {
        server.refuses_writes = code;
        files::MemoryFiles slow(server, [&](std::string_view call, const std::string&) {
            if (call == "WRITE") clock.advance(1s);
            return files::Fault::none;
        });
        const BootTime before = clock.now();
        auto renewed = protocol(slow).renew(taken->epoch, taken->nonce);
        ASSERT_TRUE(is<GoodRenewal>(renewed));
        EXPECT_EQ(*good_since(renewed), before) << "counted from before the WRITE that failed";
    }
    server.put("vm/lock.2", files::FileType::regular, "");
    auto claimed = protocol(ops).renew(taken->epoch, taken->nonce);
    EXPECT_TRUE(is<Claimed>(claimed)) << "what it looks at counts as ever";
}

TEST_F(LockTest, a_renewal_whose_write_fails_for_another_reason_is_none) {
    auto taken = take(protocol(ops));
    for (ErrorCode code : {ErrorCode::M03, ErrorCode::M06, ErrorCode::M10, ErrorCode::M11}) {
        server.refuses_writes = code;
        auto renewed = protocol(ops).renew(taken->epoch, taken->nonce);
        ASSERT_FALSE(renewed);
        EXPECT_EQ(code_of(renewed), code_name(code));
    }
}

TEST_F(LockTest, a_release_needs_no_room_at_the_server) {
    for (ErrorCode code : {ErrorCode::M07, ErrorCode::M08}) {
        server = files::MemoryServer();
        server.put("vm/software.raw", files::FileType::regular, "disk");
        auto taken = take(protocol(ops));
        ASSERT_TRUE(taken);
        server.refuses_writes = code;
        auto done = protocol(ops).release(taken->epoch, taken->nonce, disks);
        ASSERT_TRUE(done) << done.error().to_log();
        EXPECT_EQ(names(), released);
        server.refuses_writes.reset();
        auto next = take(protocol(ops));
        ASSERT_TRUE(next);
        ASSERT_TRUE(next->predecessor);
        EXPECT_EQ(next->predecessor->record.nonce, taken->nonce);
        EXPECT_TRUE(next->predecessor->disks.empty()) << "nothing is known of them";
    }
}

TEST_F(LockTest, a_release_whose_write_fails_for_another_reason_is_none) {
    auto taken = take(protocol(ops));
    server.refuses_writes = ErrorCode::M03;
    auto done = protocol(ops).release(taken->epoch, taken->nonce, disks);
    ASSERT_FALSE(done);
    EXPECT_EQ(code_of(done), "BERTH-M03");
    EXPECT_EQ(names(), locked);
}

TEST_F(LockTest, release_is_idempotent_and_does_not_touch_anothers_lock) {
    auto first = take(protocol(ops));
    ASSERT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
    ASSERT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
    EXPECT_EQ(names(), released);
    auto second = take(protocol(ops));
    ASSERT_TRUE(protocol(ops).release(first->epoch, first->nonce, disks));
    EXPECT_TRUE(names().contains("lock.2"));
    ASSERT_TRUE(protocol(ops).release(second->epoch, first->nonce, disks))
        << "a wrong nonce releases nothing";
    EXPECT_TRUE(names().contains("lock.2"));
}

TEST_F(LockTest, release_sees_a_rename_that_had_no_effect_because_both_names_are_one_file) {
    for (const files::Fault rename : {files::Fault::none, files::Fault::no_reply, files::Fault::not_sent}) {
        server = files::MemoryServer();
        server.put("vm/software.raw", files::FileType::regular, "disk");
        auto taken = take(protocol(ops));
        ASSERT_TRUE(taken);
        // An earlier RENAME was executed, and then a late copy of the LINK.
        auto& entries = server.at("vm")->entries;
        entries["last-used.1"] = entries["lock.1"];
        files::MemoryFiles faulty(server, once("RENAME", rename));
        ASSERT_TRUE(protocol(faulty).release(taken->epoch, taken->nonce, disks));
        EXPECT_EQ(names(), released) << static_cast<int>(rename);
    }
}

TEST_F(LockTest, release_is_not_done_while_a_late_link_made_the_lock_again) {
    files::MemoryFiles again(server, [&, renames = 0](std::string_view call, const std::string&) mutable {
        auto& entries = server.at("vm")->entries;
        // Behind the first RENAME the late copy of the LINK is executed.
        if (call == "LOOKUP" && renames == 1 && entries.contains("last-used.1")) {
            entries["lock.1"] = entries["last-used.1"];
            renames++;
        }
        if (call == "RENAME") renames++;
        return files::Fault::none;
    });
    auto taken = take(protocol(again));
    ASSERT_TRUE(taken);
    ASSERT_TRUE(protocol(again).release(taken->epoch, taken->nonce, disks));
    EXPECT_EQ(names(), released);
}

// The properties of tests/model/lock.pml, asked of the real code: two clients, step by step in a random
// order, with lost replies and late copies of LINK and RENAME, crashes and sweeps.

/// One thread runs at a time, and hands over at every call and every wait.
class Turns {
  public:
    explicit Turns(unsigned seed) : random_(seed) {}
    void add() { waiting_until_.push_back(BootTime{}), done_.push_back(false); }
    /// Called by client `c`: lets others run; comes back no earlier than `until`.
    void yield(size_t c, BootTime until = {}) {
        std::unique_lock lock(mutex_);
        waiting_until_[c] = until;
        choose();
        changed_.wait(lock, [&] { return running_ == c; });
    }
    void begin(size_t c) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return running_ == c; });
    }
    void end(size_t c) {
        std::lock_guard lock(mutex_);
        done_[c] = true;
        choose();
    }
    void start() {
        std::lock_guard lock(mutex_);
        choose();
    }
    BootTime now{1h};
    std::minstd_rand& random() { return random_; }

  private:
    void choose() {
        std::vector<size_t> ready;
        BootTime next{Duration::max()};
        // Time passes now and then, and always when nobody can continue without it.
        if (random_() % 4 == 0) now = now + milliseconds_(random_() % 100);
        for (size_t c = 0; c < done_.size(); c++) {
            if (done_[c]) continue;
            if (waiting_until_[c] <= now) ready.push_back(c);
            next = std::min(next, waiting_until_[c]);
        }
        if (ready.empty() && next.since_boot != Duration::max()) {
            now = next;
            for (size_t c = 0; c < done_.size(); c++)
                if (!done_[c] && waiting_until_[c] <= now) ready.push_back(c);
        }
        running_ = ready.empty() ? SIZE_MAX : ready[random_() % ready.size()];
        changed_.notify_all();
    }
    static Duration milliseconds_(unsigned n) { return std::chrono::milliseconds(n); }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::minstd_rand random_;
    std::vector<BootTime> waiting_until_;
    std::vector<bool> done_;
    size_t running_ = SIZE_MAX;
};

class TurnClock final : public Clock {
  public:
    TurnClock(Turns& turns, size_t client) : turns_(turns), client_(client) {}
    BootTime now() override { return turns_.now; }
    std::chrono::system_clock::time_point wall() override { return {}; }
    void sleep(Duration d) override { turns_.yield(client_, turns_.now + d); }

  private:
    Turns& turns_;
    size_t client_;
};

/// One run of clients by turns: their server, what it did, and what they came to.
struct SimulatedRun {
    files::MemoryServer server;
    uint64_t newest_writer = 0;  // epoch of the newest write executed
    std::string last_active;     // nonce of who was last allowed to write
    unsigned calls_per_fault = 12;
    unsigned sessions = 0, takeovers = 0, moves = 0, wrong_order = 0, wrong_predecessor = 0, kept = 0;
};

void client(SimulatedRun& run, Turns& turns, size_t number) {
    turns.begin(number);
    TurnClock clock(turns, number);
    RecordingReport report;
    const LockTimes times{200ms, 2000ms, 3000ms, 1000ms};
    auto& random = turns.random();
    files::MemoryFiles ops(run.server, [&](std::string_view call, const std::string&) {
        turns.yield(number);
        if (!run.server.late.empty() && random() % 4 == 0) {
            auto at = run.server.late.begin() + static_cast<long>(random() % run.server.late.size());
            auto late = *at;
            run.server.late.erase(at);
            late();
        }
        if (random() % run.calls_per_fault != 0) return files::Fault::none;
        const files::Fault faults[] = {files::Fault::not_sent, files::Fault::no_reply, files::Fault::late,
                                       files::Fault::duplicated};
        if (call == "LINK" || call == "RENAME") return faults[random() % 4];
        if (call == "WRITE" || call == "CREATE" || call == "REMOVE") return faults[random() % 2];
        return files::Fault::not_sent;
    });
    LockProtocol protocol(ops, files::MemoryServer::handle(*run.server.at("vm")), times, clock, report);
    const LockOwner owner{fmt::format("m-{}", number), fmt::format("berth-{}", number), "ann", "b"};
    std::string cache = "none";
    for (int session = 0; session < 4; session++) {
        std::string nonce;
        uint64_t epoch = 0;
        auto intent = [&](uint64_t e, const std::string& n) {
            epoch = e;
            nonce = n;
            return Status{};
        };
        if (random() % 2) clock.sleep(std::chrono::milliseconds(random() % 6000));
        auto taken = protocol.take(owner, true, intent, [](auto) { return true; });
        if (!taken) continue;
        Lease lease(clock, times.hold);
        auto renew = [&]() -> bool {
            const uint64_t begun = lease.begin_renewal();
            auto renewed = protocol.renew(taken->epoch, taken->nonce);
            if (auto since = good_since(renewed)) lease.renewed(*since, begun);
            if (is<Lost>(renewed)) lease.lose_for_good();
            if (is<Claimed>(renewed)) {
                // It continues to write for as long as the lease lasts, drains, and releases.
                if (!lease.is_claimed()) run.moves++;
                lease.claimed();
                if (random() % 2) (void)protocol.say_closing(taken->epoch, taken->nonce);
            }
            return is<GoodRenewal>(renewed);
        };
        for (int tries = 0; tries < 5 && !lease.may_send() && !lease.lost_for_good(); tries++) renew();
        if (lease.may_send()) {
            run.sessions++;
            if (taken->broke) run.takeovers++;
            // What a cache would be kept by: the predecessor is our own last session. Then nobody may have
            // been active in between.
            if (taken->predecessor && taken->predecessor->record.nonce == cache && run.last_active != cache)
                run.wrong_predecessor++;
            if (taken->predecessor && taken->predecessor->record.nonce == cache) run.kept++;
            run.last_active = cache = taken->nonce;
        }
        for (unsigned step = random() % 30; step > 0 && !lease.lost_for_good(); step--) {
            if (lease.may_send()) {  // checked and executed at once
                if (taken->epoch < run.newest_writer) run.wrong_order++;
                run.newest_writer = std::max(run.newest_writer, taken->epoch);
            }
            if (random() % 3 == 0)
                renew();
            else
                clock.sleep(std::chrono::milliseconds(random() % 200));
        }
        // Released cleanly, or crashed: for good, or swept later by its own durable record.
        const unsigned end = random() % 4;
        if (end == 0) continue;
        if (end == 1) clock.sleep(times.sweep_wait);
        (void)protocol.release(taken->epoch, taken->nonce, {{"software", "software.raw"}});
    }
    turns.end(number);
}

TEST(LockProtocolInRandomRuns, no_write_of_an_older_epoch_comes_after_a_newer_ones) {
    unsigned sessions = 0, takeovers = 0, moves = 0, kept = 0;
    for (unsigned seed = 1; seed <= 200; seed++) {
        SimulatedRun run;
        run.calls_per_fault = 12 + seed % 4 * 40;
        run.server.put("vm/software.raw", files::FileType::regular, "disk");
        Turns turns(seed);
        turns.add();
        turns.add();
        std::thread first([&] { client(run, turns, 0); }), second([&] { client(run, turns, 1); });
        turns.start();
        first.join();
        second.join();
        ASSERT_EQ(run.wrong_order, 0u) << "seed " << seed;
        ASSERT_EQ(run.wrong_predecessor, 0u) << "seed " << seed;
        sessions += run.sessions;
        takeovers += run.takeovers;
        moves += run.moves;
        kept += run.kept;
    }
    EXPECT_GT(sessions, 300u) << "the runs must get somewhere";
    EXPECT_GT(takeovers, 50u);
    EXPECT_GT(moves, 50u) << "claims seen by a holder that continues to its lease's end";
    EXPECT_GT(kept, 20u);
}

TEST(LockOnLocalFiles, is_taken_renewed_and_released) {
    namespace fs = std::filesystem;
    char name[] = "/tmp/berth-lock-XXXXXX";
    const fs::path folder = mkdtemp(name);
    fs::create_directory(folder / "ann");
    auto ops = files::LocalOps::open(folder, "ann", {geteuid(), getegid(), {}});
    ASSERT_TRUE(ops) << ops.error().to_log();
    RecordingReport report;
    FakeClock clock;
    LockProtocol lock(**ops, (*ops)->root(), {}, clock, report);
    const auto intent = [](uint64_t, const std::string&) { return Status{}; };
    const auto taken = lock.take({"m-1", "h", "root", "b"}, false, intent, {});
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_TRUE(fs::exists(folder / "ann/lock.1"));
    EXPECT_TRUE(is<GoodRenewal>(lock.renew(1, taken->nonce)));
    EXPECT_EQ(code_of(lock.take({"m-2", "h", "root", "b"}, false, intent, {})), "BERTH-K01");
    ASSERT_TRUE(lock.release(1, taken->nonce, {}));
    EXPECT_TRUE(fs::exists(folder / "ann/last-used.1"));
    EXPECT_FALSE(fs::exists(folder / "ann/lock.1"));
    fs::remove_all(folder);
}

}  // namespace
}  // namespace berth::lock
