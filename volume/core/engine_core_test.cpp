// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/engine_core.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <stdexcept>

#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_line.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr int k_nfs_nospc = 28, k_nfs_jukebox = 10008;

struct EngineCoreTest : ::testing::Test {
    EngineCoreTest() {
        config.disks = {{"software", DiskMode::direct, "software.raw", false},
                        {"files", DiskMode::direct, "files.raw", false},
                        {"shared", DiskMode::shared, "shared.raw", true}};
        renew();
    }
    void SetUp() override { make(); }

    void make(size_t lines = 1, bool with_shared = false) {
        core.emplace(
            config, lease, clock, report,
            EngineCore::Seams{[this](bool shared) { wanted[shared]++; }, [this] { return lock_silent; }},
            lines);
        core->add_served({0, false, "software", {.size = 1 << 20}});
        core->add_served({1, false, "files", {.size = 1 << 20}});
        if (with_shared) core->add_served({2, true, "shared", {.size = 1 << 20}});
        wanted[0] = wanted[1] = 0;
        step();
    }
    void renew() { lease.renewed(clock.now(), lease.begin_renewal()); }
    void step() {
        next = core->step();
        ASSERT_GT(next, clock.now()) << "it would be called again at once, for ever";
    }
    FakeLine& line_up(bool shared = false) {
        auto made = std::make_unique<FakeLine>(clock, storage);
        FakeLine& line = *made;
        core->line_up(shared, std::move(made));
        step();
        return line;
    }
    void lose(FakeLine& line) {
        line.reset();
        step();
    }
    struct Asked {
        std::optional<int> error;
        std::string buffer, data;
    };
    std::shared_ptr<Asked> ask(BlockRequest::Kind kind, uint64_t offset, uint32_t count,
                               std::string data = {}, size_t disk = 0) {
        auto asked = std::make_shared<Asked>();
        asked->buffer.assign(count, '?');
        asked->data = std::move(data);
        auto request = std::make_shared<BlockRequest>();
        request->kind = kind;
        request->offset = offset;
        request->count = count;
        request->buffer = asked->buffer.data();
        request->from = asked->data.data();
        request->done = [asked](int error) {
            EXPECT_FALSE(asked->error) << "answered twice";
            asked->error = error;
        };
        core->submit(disk, request);
        step();
        return asked;
    }
    std::shared_ptr<Asked> read(size_t disk = 0) { return ask(BlockRequest::Kind::read, 0, 1, {}, disk); }
    std::shared_ptr<Asked> write(const std::string& data = "x", size_t disk = 0) {
        return ask(BlockRequest::Kind::write, 0, data.size(), data, disk);
    }
    std::shared_ptr<Asked> flush() { return ask(BlockRequest::Kind::flush, 0, 0); }
    void answer(FakeLine& line) {
        line.server.answer();
        step();
    }
    /// The latest call, if it is a WRITE.
    bool answer_write(FakeLine& line) {
        const auto& calls = line.server.calls;
        if (calls.empty() || calls.back().kind != FakeTransport::Call::Kind::write) return false;
        line.server.answer(calls.size() - 1);
        step();
        return true;
    }
    /// Nothing happens but what the core wanted to be called for: how long that took. Called without its
    /// leave, it would show nothing.
    template <typename F>
    Duration called_until(F&& seen) {
        const BootTime begin = clock.now();
        while (!seen()) {
            if (next == k_never || next - begin > 1h) {
                ADD_FAILURE() << "it will never be called";
                return Duration::max();
            }
            clock.advance(next - clock.now());
            next = core->step();
            if (next <= clock.now()) {
                ADD_FAILURE() << "it would be called again at once, for ever";
                return Duration::max();
            }
        }
        return clock.now() - begin;
    }
    Duration called_until_state(VolumeState state) {
        return called_until([&] { return core->state() == state; });
    }

    FakeClock clock;
    RecordingReport report;
    VolumeConfig config;
    lock::Lease lease{clock, config.hold};
    std::shared_ptr<FakeStorage> storage = std::make_shared<FakeStorage>();
    unsigned wanted[2] = {0, 0};
    std::optional<BootTime> lock_silent;
    BootTime next;
    std::optional<EngineCore> core;
};

TEST_F(EngineCoreTest, runs_when_each_server_has_a_line_and_it_may_send) {
    make(1, /*with_shared=*/true);
    EXPECT_EQ(core->state(), VolumeState::starting);
    EXPECT_EQ(wanted[false], 1u);
    EXPECT_EQ(wanted[true], 1u);
    line_up(false);
    EXPECT_EQ(core->state(), VolumeState::starting);
    line_up(true);
    EXPECT_EQ(core->state(), VolumeState::running);
}

TEST_F(EngineCoreTest, does_not_run_without_the_lease) {
    lease.connection_lost();
    line_up();
    EXPECT_EQ(core->state(), VolumeState::starting);
    renew();
    step();
    EXPECT_EQ(core->state(), VolumeState::running);
}

TEST_F(EngineCoreTest, asks_for_a_line_once_and_again_when_it_is_lost) {
    EXPECT_EQ(wanted[false], 1u);
    EXPECT_EQ(wanted[true], 0u) << "no disk of it";
    step();
    EXPECT_EQ(wanted[false], 1u);
    FakeLine& line = line_up();
    EXPECT_EQ(wanted[false], 1u);
    lose(line);
    EXPECT_EQ(wanted[false], 2u);
    EXPECT_TRUE(report.has("connection lost"));
}

TEST_F(EngineCoreTest, without_a_line_it_is_silent_after_the_notice) {
    FakeLine& line = line_up();
    clock.advance(3s);
    lose(line);
    EXPECT_EQ(core->state(), VolumeState::running);
    const BootTime lost = clock.now();
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice);
    EXPECT_EQ(core->silent_since(), lost);
    line_up();
    EXPECT_EQ(core->state(), VolumeState::running);
    EXPECT_FALSE(core->silent_since());
}

TEST_F(EngineCoreTest, a_call_without_an_answer_makes_it_silent_after_the_notice) {
    FakeLine& line = line_up();
    auto r = read();
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice);
    answer(line);
    EXPECT_EQ(r->error, 0);
    EXPECT_EQ(core->state(), VolumeState::running);
}

TEST_F(EngineCoreTest, a_silent_lock_makes_it_silent_after_the_notice) {
    line_up();
    lock_silent = clock.now();
    step();
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice);
    lock_silent.reset();
    step();
    EXPECT_EQ(core->state(), VolumeState::running);
}

TEST_F(EngineCoreTest, a_claim_leaves_what_is_left_of_the_lease_and_then_the_lock_is_lost) {
    FakeLine& line = line_up();
    clock.advance(10s);
    lease.claimed();
    step();
    EXPECT_EQ(core->state(), VolumeState::claimed);
    auto w = write();
    answer(line);
    EXPECT_EQ(w->error, 0);
    EXPECT_EQ(called_until_state(VolumeState::lost), config.hold - 10s);
}

TEST_F(EngineCoreTest, everything_fails_once_the_lock_is_lost) {
    FakeLine& line = line_up();
    auto w = write();
    lease.lose_for_good();
    step();
    EXPECT_EQ(core->state(), VolumeState::lost);
    EXPECT_EQ(w->error, EIO);
    EXPECT_TRUE(core->write_lost()) << "the line is reset with its write";
    (void)line;
    EXPECT_EQ(read()->error, EIO);
    EXPECT_EQ(flush()->error, EIO);
    EXPECT_EQ(next, k_never);
}

TEST_F(EngineCoreTest, a_stop_says_so_but_for_what_says_more) {
    FakeLine& line = line_up();
    core->stopping(true);
    step();
    EXPECT_EQ(core->state(), VolumeState::stopping);
    read();
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice);
    answer(line);
    EXPECT_EQ(core->state(), VolumeState::stopping);
    core->stopping(false);
    step();
    EXPECT_EQ(core->state(), VolumeState::running);
    lease.claimed();
    core->stopping(true);
    step();
    EXPECT_EQ(core->state(), VolumeState::claimed);
}

TEST_F(EngineCoreTest, a_stop_that_began_in_silence_stays_silent_until_there_is_a_line) {
    FakeLine& line = line_up();
    read();
    called_until_state(VolumeState::silent);
    lose(line);
    core->stopping(true);
    step();
    EXPECT_EQ(core->state(), VolumeState::silent);
    line_up();
    EXPECT_EQ(core->state(), VolumeState::stopping);
}

TEST_F(EngineCoreTest, calls_on_an_idle_line_every_minute) {
    FakeLine& line = line_up();
    for (int i = 0; i < 3; i++) {
        renew();
        EXPECT_EQ(called_until([&] { return !line.pings.empty(); }), 60s);
        line.answer_pings();
        step();
    }
}

TEST_F(EngineCoreTest, a_read_that_the_server_dropped_costs_the_line_but_not_the_lease) {
    FakeLine& line = line_up();
    auto r = read();
    (void)line;
    clock.advance(50s);
    renew();
    step();
    EXPECT_EQ(r->error, EIO) << "after its time";
    EXPECT_EQ(called_until([&] { return wanted[false] == 2; }), config.hold - 50s);
    EXPECT_TRUE(lease.may_send());
    EXPECT_FALSE(core->write_lost());
}

TEST_F(EngineCoreTest, a_slow_write_is_waited_for_while_the_lease_holds_and_reset_when_it_ends) {
    line_up();
    write();
    clock.advance(50s);
    renew();
    step();
    clock.advance(50s);
    step();
    EXPECT_EQ(wanted[false], 1u);
    EXPECT_EQ(called_until([&] { return wanted[false] == 2; }), config.hold - 50s);
    EXPECT_EQ(core->write_lost(), clock.now());
}

TEST_F(EngineCoreTest, a_lease_that_is_only_suspended_resets_nothing) {
    line_up();
    write();
    lease.connection_lost();
    EXPECT_EQ(called_until([&] { return wanted[false] == 2; }), config.hold);
}

TEST_F(EngineCoreTest, a_line_lost_with_an_unanswered_write_suspends_the_lease) {
    FakeLine& line = line_up();
    auto w = write();
    lose(line);
    EXPECT_FALSE(lease.may_send());
    EXPECT_EQ(core->write_lost(), clock.now());
    FakeLine& second = line_up();
    EXPECT_TRUE(second.server.calls.empty()) << "not without the lease";
    renew();
    step();
    ASSERT_EQ(second.server.calls.size(), 1u);
    answer(second);
    EXPECT_EQ(w->error, 0);
}

TEST_F(EngineCoreTest, a_write_that_came_back_as_lost_before_its_line_is_dropped_suspends_it_too) {
    FakeLine& line = line_up();
    write();
    line.server.lose();
    lose(line);
    EXPECT_FALSE(lease.may_send());
}

TEST_F(EngineCoreTest, a_line_lost_without_one_leaves_the_lease_alone) {
    FakeLine& line = line_up();
    auto w = write();
    answer(line);
    auto r = read();
    lose(line);
    EXPECT_TRUE(lease.may_send());
    EXPECT_FALSE(core->write_lost());
    FakeLine& second = line_up();
    ASSERT_EQ(second.server.calls.size(), 1u) << "the read again";
    answer(second);
    EXPECT_EQ(r->error, 0);
}

TEST_F(EngineCoreTest, a_line_that_breaks_while_the_disks_use_it_is_dropped_in_the_same_step) {
    FakeLine& line = line_up();
    lease.connection_lost();
    write();
    line.breaks_at_a_call = true;
    renew();
    step();
    EXPECT_EQ(wanted[false], 2u);
    EXPECT_FALSE(lease.may_send()) << "it may have gone out";
}

TEST_F(EngineCoreTest, a_request_fails_after_its_time) {
    auto r = read();
    EXPECT_EQ(called_until([&] { return r->error.has_value(); }), config.request_timeout);
    EXPECT_EQ(r->error, EIO);
}

TEST_F(EngineCoreTest, what_the_server_puts_off_is_asked_again_after_a_second) {
    FakeLine& line = line_up();
    auto& calls = line.server.calls;
    const auto again = [&] { return !calls.empty(); };
    auto r = read();
    line.server.refuse(0, k_nfs_jukebox);
    step();
    EXPECT_EQ(called_until(again), 1s);
    answer(line);
    EXPECT_EQ(r->error, 0);
    auto w = write();
    line.server.refuse(0, k_nfs_jukebox);
    step();
    EXPECT_EQ(called_until(again), 1s);
    answer(line);
    EXPECT_EQ(w->error, 0);
    auto f = flush();
    line.server.refuse(0, k_nfs_jukebox);
    step();
    EXPECT_EQ(called_until(again), 1s);
    answer(line);
    EXPECT_EQ(f->error, 0);
}

TEST_F(EngineCoreTest, what_was_put_off_waits_for_an_answer_while_as_much_as_may_be_is_on_its_way) {
    FakeLine& line = line_up();
    auto& calls = line.server.calls;
    for (uint64_t i = 0; i < 33; i++) ask(BlockRequest::Kind::write, i * 64, 1, "x");
    ASSERT_EQ(calls.size(), 32u);
    line.server.refuse(0, k_nfs_jukebox);
    step();
    ASSERT_EQ(calls.size(), 32u) << "the last one";
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice) << "and is not called for it before";
    answer(line);
    ASSERT_EQ(calls.size(), 32u);
    while (!calls.empty()) answer(line);
    write();
    line.server.refuse(0, k_nfs_jukebox);
    step();
    EXPECT_EQ(called_until([&] { return !calls.empty(); }), 1s);
}

TEST_F(EngineCoreTest, what_a_server_keeps_refusing_is_tried_again_a_few_at_a_time) {
    FakeLine& line = line_up();
    // Acknowledged, and forgotten by the server: they may not be dropped.
    for (uint64_t i = 0; i < 6; i++) {
        ask(BlockRequest::Kind::write, i * 64, 1, "x");
        answer(line);
    }
    storage->restart();
    flush();
    answer(line);
    auto& calls = line.server.calls;
    ASSERT_EQ(calls.size(), 6u);
    while (!calls.empty()) line.server.refuse(0, k_nfs_nospc);
    step();
    EXPECT_EQ(called_until([&] { return !calls.empty(); }), 1s);
    const size_t first = calls.size();
    EXPECT_LT(first, 6u);
    while (!calls.empty()) line.server.refuse(0, k_nfs_nospc);
    step();
    EXPECT_EQ(called_until([&] { return !calls.empty(); }), 1s);
}

TEST_F(EngineCoreTest, room_that_a_disk_gives_up_is_used_by_those_before_it_in_the_same_step) {
    FakeLine& line = line_up();
    line.server.limits_ = {1 << 20, 1 << 20};
    const std::string mebibyte(1 << 20, 'x');
    // All memory but a little is held: what was answered waits for COMMITs that are not.
    for (uint64_t i = 0; i < 95; i++) {
        auto w = ask(BlockRequest::Kind::write, i << 20, mebibyte.size(), mebibyte);
        answer_write(line);
        ASSERT_EQ(w->error, 0);
    }
    auto large = write(mebibyte, 1);
    clock.advance(1s);
    auto small = ask(BlockRequest::Kind::write, 200 << 20, 1, "x");
    EXPECT_FALSE(answer_write(line)) << "it waits behind the large one";
    EXPECT_EQ(called_until([&] { return large->error.has_value(); }), config.request_timeout - 1s);
    EXPECT_TRUE(answer_write(line));
    EXPECT_EQ(small->error, 0);
}

TEST_F(EngineCoreTest, what_a_callback_throws_comes_out_and_then_everything_can_be_abandoned) {
    auto thrower = std::make_shared<BlockRequest>();
    thrower->kind = BlockRequest::Kind::flush;
    thrower->done = [](int) { throw std::runtime_error("no memory"); };
    auto r = read();
    EXPECT_THROW(core->submit(0, thrower); core->step(), std::runtime_error);
    lease.lose_for_good();
    core->abandon();
    EXPECT_EQ(r->error, ESHUTDOWN);
    EXPECT_EQ(core->state(), VolumeState::lost);
}

TEST_F(EngineCoreTest, the_end_fails_every_request_now_and_later) {
    FakeLine& line = line_up();
    auto r = read();
    auto w = write();
    (void)line;
    core->abandon();
    EXPECT_EQ(r->error, ESHUTDOWN);
    EXPECT_EQ(w->error, ESHUTDOWN);
    EXPECT_EQ(core->step(), k_never);
    EXPECT_EQ(read()->error, ESHUTDOWN);
}

TEST_F(EngineCoreTest, the_loss_of_one_of_two_lines_disturbs_no_request_on_the_other) {
    make(2);
    EXPECT_EQ(wanted[false], 2u);
    FakeLine& first = line_up();
    FakeLine& second = line_up();
    auto a = ask(BlockRequest::Kind::write, 0, 1, "a");
    auto b = ask(BlockRequest::Kind::write, 64, 1, "b");
    ASSERT_EQ(first.server.calls.size(), 1u);
    ASSERT_EQ(second.server.calls.size(), 1u);
    lose(first);
    EXPECT_EQ(wanted[false], 3u);
    EXPECT_EQ(core->state(), VolumeState::running);
    EXPECT_EQ(called_until_state(VolumeState::silent), config.notice) << "the other's call is old";
    answer(second);
    EXPECT_EQ(b->error, 0);
    EXPECT_FALSE(a->error) << "the lease is suspended";
    renew();
    step();
    ASSERT_EQ(second.server.calls.size(), 1u);
    answer(second);
    EXPECT_EQ(a->error, 0);
}

TEST_F(EngineCoreTest, a_disk_behind_something_else_is_served_too) {
    struct Still final : Volume {
        explicit Still(BootTime at) : due(at) {}
        uint64_t size() const override { return 7; }
        void submit(std::shared_ptr<BlockRequest> request) override { request->done(0); }
        BootTime step() override { return due; }
        void abandon() override {}
        const Counters& counters() const override { return of; }
        Counters of;
        BootTime due;
    };
    core->add(2, std::make_unique<Still>(clock.now() + 1s));
    EXPECT_EQ(core->disk(2).size(), 7u);
    step();
    EXPECT_EQ(next, clock.now() + 1s);
    EXPECT_EQ(read(2)->error, 0);
}

}  // namespace
}  // namespace berth::volume
