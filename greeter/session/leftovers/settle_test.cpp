// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/settle.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/testing/fake_world.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

class SettleTest : public testing::Test {
  protected:
    SettleTest() {
        char name[] = "/tmp/berth-settle-XXXXXX";
        folder_ = mkdtemp(name);
        store_ = std::make_unique<StateStore>(folder_, nullptr, w.report);
        state.session = "s1";
        state.vm = "work";
        state.location = {.server = "fs1", .directory = "/export/users/ann"};
        state.lock = LockState{.epoch = 6, .nonce = "ff"};
        state.domain = "6a4f3c1e-0000-4000-8000-000000000001";
        state.run_dir = "/run/berth/vm/s1";
        state.boot_id = "boot-1";
        w.made = {"vm", "volume", "lock", "run_dir"};
    }
    ~SettleTest() override { std::filesystem::remove_all(folder_); }

    size_t settle_within(Duration limit) {
        FakeSessionResources resources(w);
        FakeHypervisor hypervisor(w);
        FakeProcessTable processes(w);
        auto left = settle(
            {w.clock, w.report, resources, hypervisor, *store_, processes, "boot-1", {}}, limit,
            [this](pid_t pid) { asked.push_back(pid); },
            [this] {
                ++pauses;
                if (at_pause) at_pause(pauses);
                return true;
            });
        EXPECT_TRUE(left) << left.error().to_log();
        return left.value_or(99);
    }
    bool stored() { return !store_->list()->empty(); }

    FakeWorld w;
    SessionState state;
    std::vector<pid_t> asked;
    int pauses = 0;
    std::function<void(int)> at_pause;
    std::string folder_;
    std::unique_ptr<StateStore> store_;
};

TEST_F(SettleTest, is_done_at_once_when_nothing_is_left) {
    const BootTime before = w.clock.now();
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_EQ(w.clock.now(), before);
}

TEST_F(SettleTest, asks_a_living_session_once_and_waits_until_it_is_gone) {
    ASSERT_TRUE(store_->save(state));
    StateStore theirs(folder_, nullptr, w.report);
    auto claim = theirs.claim("s1");
    ASSERT_TRUE((*claim)->sign());
    at_pause = [&](int n) {
        if (n < 5) return;
        (void)theirs.remove("s1");
        claim->reset();
    };
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_EQ(pauses, 5);
    EXPECT_EQ(asked, std::vector<pid_t>{getpid()});
    EXPECT_TRUE(w.log.empty()) << "a living session closes by itself";
}

TEST_F(SettleTest, waits_for_a_sweeper_without_disturbing_it) {
    ASSERT_TRUE(store_->save(state));
    StateStore theirs(folder_, nullptr, w.report);
    {
        auto earlier = theirs.claim("s1");
        ASSERT_TRUE((*earlier)->sign());
    }
    auto claim = theirs.claim("s1");
    at_pause = [&](int n) {
        if (n < 3) return;
        (void)theirs.remove("s1");
        claim->reset();
    };
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_EQ(pauses, 3);
    EXPECT_TRUE(asked.empty());
}

TEST_F(SettleTest, finishes_a_session_that_nobody_is_at_with_the_power_button_first) {
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "power button") != w.log.end());
    EXPECT_TRUE(w.made.empty());
    EXPECT_FALSE(stored());
}

TEST_F(SettleTest, gives_up_at_its_limit_and_says_what_is_left) {
    ASSERT_TRUE(store_->save(state));
    StateStore theirs(folder_, nullptr, w.report);
    auto claim = theirs.claim("s1");
    const BootTime before = w.clock.now();
    EXPECT_EQ(settle_within(seconds(180)), 1u);
    EXPECT_GE(w.clock.now() - before, seconds(180));
    EXPECT_LE(w.clock.now() - before, seconds(182));
    EXPECT_TRUE(stored());
}

TEST_F(SettleTest, goes_on_trying_while_a_volume_engine_has_something_to_save) {
    ASSERT_TRUE(store_->save(state));
    w.made = {"volume", "lock", "run_dir"};
    w.failing = {"undo volume"};
    w.volume_state = volume::VolumeState::silent;
    at_pause = [this](int n) {
        if (n == 4) w.failing.clear();
    };
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SettleTest, does_not_wait_for_a_lock_alone_that_a_later_boot_can_release) {
    ASSERT_TRUE(store_->save(state));
    w.made = {"lock", "run_dir"};
    w.failing = {"mount"};
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(stored());
}

TEST_F(SettleTest, leaves_what_earlier_boots_left_to_the_sweeper) {
    state.boot_id = "boot-0";
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(settle_within(seconds(180)), 0u);
    EXPECT_TRUE(w.log.empty());
    EXPECT_TRUE(stored());
}

}  // namespace
}  // namespace berth::session
