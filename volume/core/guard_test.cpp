// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/guard.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_connector.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
using files::Fault;

struct GuardTest : ::testing::Test {
    void SetUp() override {
        network.servers[false].put("work/software.raw", files::FileType::regular, "disk");
        config.vm = "work";
        config.disks = {{"software", DiskMode::direct, "software.raw", false}};
        auto taken = lock_of("m-1", network.servers[false]);
        ASSERT_TRUE(taken) << taken.error().to_log();
        config.epoch = taken->epoch;
        config.nonce = taken->nonce;
    }
    Result<lock::TakenLock> lock_of(const std::string& client, files::MemoryServer& server) {
        files::MemoryFiles ops(server);
        lock::LockProtocol protocol(ops, files::MemoryServer::handle(*server.at("work")), {}, clock, report);
        return protocol.take({client, "host-" + client, "ann", "b"}, true, nullptr,
                             [](auto) { return false; });
    }
    void open() {
        auto opened = guard.open();
        ASSERT_TRUE(opened) << opened.error().to_log();
        network.calls.clear();
        guard.on_change([this] { changes++; });
        next = guard.step();
    }
    /// The guard's turns, and nothing else, until then; how many of the calls it made were of that name.
    long turns(Duration most, std::string_view call) {
        const BootTime end = clock.now() + most;
        const size_t before = network.calls.size();
        while (next != k_never && next <= end) {
            if (next <= clock.now()) {
                ADD_FAILURE() << "it would be called again at once, for ever";
                return -1;
            }
            clock.advance(next - clock.now());
            next = guard.step();
        }
        if (clock.now() < end) clock.advance(end - clock.now());
        return std::ranges::count_if(
            network.calls.begin() + static_cast<long>(before), network.calls.end(),
            [&](const std::string& c) { return c.ends_with(" " + std::string(call)); });
    }
    void fail_every(std::string_view call, std::string place = "user 1", Fault how = Fault::no_reply) {
        network.fault = [=](const std::string& on, std::string_view c) {
            return on == place && c == call ? how : Fault::none;
        };
    }
    std::string lock_text() { return network.servers[false].at("work/lock.1")->data; }

    FakeClock clock;
    RecordingReport report;
    VolumeConfig config;
    lock::Lease lease{clock, config.hold};
    FakeNetwork network{clock};
    FakeConnector connector{network};
    std::vector<std::pair<bool, std::unique_ptr<Line>>> lines;
    std::function<void()> delivered;
    Guard guard{config, lease, clock, report, connector, [this](bool shared, std::unique_ptr<Line> line) {
                    lines.emplace_back(shared, std::move(line));
                    if (delivered) delivered();
                }};
    int changes = 0;
    BootTime next;
};

TEST_F(GuardTest, opens_with_the_disks_and_one_good_renewal) {
    open();
    ASSERT_EQ(guard.files().size(), 1u);
    EXPECT_EQ(guard.files()[0].attributes.size, 4u);
    EXPECT_TRUE(lease.may_send());
    EXPECT_FALSE(guard.silent_since());
}

TEST_F(GuardTest, does_not_open_without_its_disk_or_under_another_lock) {
    config.disks[0].path = "nothing.raw";
    EXPECT_EQ(code_of(guard.open()), "BERTH-M09");
    config.disks[0].path = "software.raw";
    config.nonce = std::string(32, '0');
    EXPECT_FALSE(guard.open());
    EXPECT_FALSE(lease.may_send());
}

TEST_F(GuardTest, commits_what_an_earlier_owner_left_on_each_writable_disk_before_its_renewal) {
    network.servers[false].put("work/user.raw", files::FileType::regular, "disk");
    network.servers[false].put("work/tools.raw", files::FileType::regular, "disk");
    config.disks.push_back({"user", DiskMode::direct, "user.raw", false});
    config.disks.push_back({"tools", DiskMode::direct, "tools.raw", true});
    ASSERT_TRUE(guard.open());
    EXPECT_EQ(std::ranges::count(network.calls, "user 2 COMMIT"), 2) << "not of the one that is only read";
    EXPECT_LT(std::ranges::find_last(network.calls, "user 2 COMMIT").begin(),
              std::ranges::find(network.calls, "user 1 WRITE"));
}

TEST_F(GuardTest, does_not_open_while_what_an_earlier_owner_left_is_not_committed) {
    fail_every("COMMIT", "user 2");
    const Status opened = guard.open();
    EXPECT_EQ(code_of(opened), "BERTH-M04");
    EXPECT_NE(opened.error().to_log().find("disk software"), std::string::npos);
    EXPECT_FALSE(lease.may_send());
}

TEST_F(GuardTest, renews_every_ten_seconds_and_the_right_to_send_never_ends) {
    open();
    EXPECT_EQ(turns(100s, "WRITE"), 10);
    EXPECT_TRUE(lease.may_send());
    EXPECT_GE(lease.left(), config.hold - config.renew);
    EXPECT_FALSE(report.has("lease not renewed"));
}

TEST_F(GuardTest, is_silent_from_the_first_call_without_an_answer_and_tries_again_every_second) {
    open();
    fail_every("READDIR");
    EXPECT_EQ(turns(10s, "READDIR"), 1);
    const BootTime begun = clock.now();
    EXPECT_EQ(guard.silent_since(), begun);
    EXPECT_EQ(turns(4s, "READDIR"), 4);
    EXPECT_EQ(guard.silent_since(), begun);
    EXPECT_TRUE(report.has("lease not renewed"));
    network.fault = nullptr;
    turns(1s, "READDIR");
    EXPECT_FALSE(guard.silent_since());
    EXPECT_TRUE(report.has("lease renewed again"));
    EXPECT_TRUE(lease.may_send());
}

TEST_F(GuardTest, a_renewal_whose_write_got_no_answer_suspends_the_lease_until_a_good_one) {
    open();
    fail_every("WRITE");
    turns(10s, "WRITE");
    EXPECT_FALSE(lease.may_send());
    EXPECT_FALSE(lease.ended());
    network.fault = nullptr;
    turns(1s, "WRITE");
    EXPECT_TRUE(lease.may_send());
}

TEST_F(GuardTest, a_loss_elsewhere_is_followed_by_a_renewal_at_its_next_look) {
    open();
    lease.connection_lost();
    EXPECT_EQ(turns(250ms, "WRITE"), 1);
    EXPECT_TRUE(lease.may_send());
}

TEST_F(GuardTest, a_lost_connection_of_the_lock_is_followed_by_a_renewal_too) {
    open();
    network.breaks++;
    EXPECT_EQ(turns(250ms, "WRITE"), 1);
}

TEST_F(GuardTest, a_claim_leaves_the_lease_to_run_out_and_the_claimer_is_told) {
    open();
    ASSERT_EQ(code_of(lock_of("m-2", network.servers[false])), "BERTH-K03");
    turns(10s, "WRITE");
    EXPECT_TRUE(lease.is_claimed());
    EXPECT_TRUE(lease.may_send());
    ASSERT_TRUE(guard.claimant());
    EXPECT_EQ(guard.claimant()->host, "host-m-2");
    EXPECT_NE(lock_text().find("\"closing\":true"), std::string::npos);
    EXPECT_FALSE(guard.silent_since());
    EXPECT_EQ(turns(49s, "WRITE"), 0) << "no renewal counts any more";
    EXPECT_TRUE(lease.may_send());
    clock.advance(11s);
    EXPECT_TRUE(lease.lost_for_good());
    EXPECT_EQ(guard.step(), k_never);
}

TEST_F(GuardTest, calls_on_the_locks_idle_connection_every_minute) {
    config.renew = 20min;
    config.hold = 60min;
    lock::Lease longer{clock, config.hold};
    Guard keeper{config, longer, clock, report, connector, nullptr};
    ASSERT_TRUE(keeper.open());
    const BootTime end = clock.now() + 181s;
    for (BootTime due = keeper.step(); due <= end; due = keeper.step()) clock.advance(due - clock.now());
    EXPECT_EQ(std::ranges::count(network.calls, "user 1 NULL"), 3);
}

TEST_F(GuardTest, a_lock_that_is_somebody_elses_is_lost_for_good) {
    open();
    auto& entries = network.servers[false].at("work")->entries;
    entries.erase("lock.1");
    turns(10s, "WRITE");
    EXPECT_TRUE(lease.lost_for_good());
    EXPECT_TRUE(report.has("lock lost"));
    EXPECT_EQ(guard.step(), k_never);
}

TEST_F(GuardTest, tells_of_each_change_of_lease_claimant_and_silence) {
    open();
    changes = 0;
    turns(10s, "WRITE");
    EXPECT_EQ(changes, 2) << "a renewal begun, and good";
    fail_every("WRITE");
    turns(10s, "WRITE");
    EXPECT_EQ(changes, 4) << "begun, and a WRITE lost";
    network.fault = nullptr;
    turns(10s, "WRITE");
    changes = 0;
    ASSERT_FALSE(lock_of("m-2", network.servers[false]));
    turns(20s, "WRITE");
    EXPECT_EQ(changes, 2) << "begun, and a claim";
}

TEST_F(GuardTest, makes_a_line_for_each_that_was_wanted_and_not_more_than_one_a_second) {
    open();
    EXPECT_EQ(guard.step_lines(false), k_never);
    guard.want_line(false);
    guard.want_line(false);
    EXPECT_EQ(guard.step_lines(false), clock.now() + 1s);
    EXPECT_EQ(lines.size(), 1u);
    EXPECT_EQ(guard.step_lines(false), clock.now() + 1s) << "too early";
    EXPECT_EQ(lines.size(), 1u);
    clock.advance(1s);
    guard.step_lines(false);
    EXPECT_EQ(lines.size(), 2u);
    clock.advance(1s);
    EXPECT_EQ(guard.step_lines(false), k_never);
    EXPECT_EQ(lines.size(), 2u);
}

TEST_F(GuardTest, makes_another_when_one_breaks_while_it_is_delivered) {
    open();
    delivered = [this] {
        if (lines.size() == 1) guard.want_line(false);
    };
    guard.want_line(false);
    clock.advance(guard.step_lines(false) - clock.now());
    guard.step_lines(false);
    EXPECT_EQ(lines.size(), 2u);
    clock.advance(1s);
    EXPECT_EQ(guard.step_lines(false), k_never);
}

TEST_F(GuardTest, the_first_line_is_the_session_on_which_the_disks_were_found) {
    open();
    guard.want_line(false);
    guard.step_lines(false);
    EXPECT_EQ(network.made[false], 2u) << "the lock's and that one";
    guard.want_line(false);
    clock.advance(1s);
    guard.step_lines(false);
    EXPECT_EQ(network.made[false], 3u);
}

TEST_F(GuardTest, a_first_session_that_broke_is_not_used) {
    open();
    network.breaks++;
    guard.want_line(false);
    guard.step_lines(false);
    EXPECT_EQ(network.made[false], 3u);
    EXPECT_EQ(lines.size(), 1u);
}

TEST_F(GuardTest, a_line_that_leads_elsewhere_is_not_used) {
    open();
    network.breaks++;
    auto& root = *network.servers[false].root();
    const auto aside = root.entries["work"];
    root.entries.erase("work");
    network.servers[false].put("work/software.raw", files::FileType::regular, "disk");
    guard.want_line(false);
    EXPECT_EQ(guard.step_lines(false), clock.now() + 1s);
    EXPECT_TRUE(lines.empty());
    EXPECT_TRUE(report.has("not connected"));
    root.entries["work"] = aside;
    clock.advance(1s);
    guard.step_lines(false);
    EXPECT_EQ(lines.size(), 1u) << "still wanted";
}

TEST_F(GuardTest, a_server_that_exports_another_directory_is_asked_nothing_more) {
    open();
    network.breaks++;
    network.servers[false] = files::MemoryServer();
    guard.want_line(false);
    guard.step_lines(false);
    EXPECT_TRUE(lines.empty());
    EXPECT_TRUE(report.has("not connected"));
    EXPECT_EQ(std::ranges::count(network.calls, "user 3 LOOKUP"), 0);
}

TEST_F(GuardTest, a_line_on_which_a_disk_is_another_file_is_not_used) {
    open();
    network.breaks++;
    network.servers[false].at("work/software.raw")->id = 99;
    guard.want_line(false);
    guard.step_lines(false);
    EXPECT_TRUE(lines.empty());
    EXPECT_TRUE(report.has("not connected"));
}

TEST_F(GuardTest, makes_lines_to_the_shared_tree_too) {
    config.shared = NfsLocation{};
    config.shared->directory = "/shared";
    config.disks.push_back({"shared", DiskMode::shared, "shared.raw", true});
    network.servers[true].put("base.raw", files::FileType::regular, "base");
    network.servers[false].put("work/shared.raw", files::FileType::symlink, "/shared/base.raw");
    open();
    ASSERT_EQ(guard.files().size(), 2u);
    EXPECT_TRUE(guard.files()[1].shared);
    guard.want_line(true);
    guard.step_lines(true);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].first);
    EXPECT_EQ(guard.step_lines(false), k_never);
}

TEST_F(GuardTest, makes_no_line_once_the_lock_is_lost) {
    open();
    guard.want_line(false);
    lease.lose_for_good();
    EXPECT_EQ(guard.step_lines(false), k_never);
    EXPECT_TRUE(lines.empty());
}

TEST_F(GuardTest, what_was_interrupted_is_no_failure) {
    open();
    network.breaks++;
    network.refuses = ErrorCode::L05;
    guard.want_line(false);
    guard.step_lines(false);
    EXPECT_FALSE(report.has("not connected"));
    network.refuses = ErrorCode::M04;
    clock.advance(1s);
    guard.step_lines(false);
    EXPECT_TRUE(report.has("not connected"));
}

}  // namespace
}  // namespace berth::volume
