// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/sweeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_remote.h"
#include "tests/testing/fake_world.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

class SweeperTest : public testing::Test {
  protected:
    SweeperTest() {
        char name[] = "/tmp/berth-sweep-XXXXXX";
        folder_ = mkdtemp(name);
        store_ = std::make_unique<StateStore>(folder_, nullptr, w.report);
        state.session = "s1";
        state.vm = "work";
        state.location = {.server = "fs1", .directory = "/export/users/ann"};
        state.lock = LockState{.epoch = 6, .nonce = "ff"};
        state.disks = {{"software", "software.raw"}};
        state.domain = "6a4f3c1e-0000-4000-8000-000000000001";
        state.run_dir = "/run/berth/vm/s1";
        state.swap = {"/var/lib/berth/swap/s1-swap.raw"};
        state.boot_id = "boot-1";
        w.made = {"vm", "volume", "lock", "swap", "run_dir"};
        w.power_button_works = false;
        w.own_epoch = 6;
        w.holder.emplace().epoch = 6;
    }
    ~SweeperTest() override { std::filesystem::remove_all(folder_); }

    Result<size_t> round(const std::string& boot_id = "boot-1", const SweepWaiting& waiting = {}) {
        FakeSessionResources resources(w);
        FakeHypervisor hypervisor(w);
        FakeProcessTable processes(w);
        return Sweeper({w.clock, w.report, resources, hypervisor, *store_, processes, boot_id, {}})
            .round(waiting);
    }
    bool stored() {
        const auto list = store_->list();
        return !list->empty();
    }

    FakeWorld w;
    SessionState state;
    std::string folder_;
    std::unique_ptr<StateStore> store_;
};

TEST_F(SweeperTest, finishes_a_dead_session_of_this_boot_in_order_and_30_s_after_its_writers_ended) {
    ASSERT_TRUE(store_->save(state));
    std::map<std::string, BootTime> at;
    w.at = [&](const std::string& what) { at.try_emplace(what, w.clock.now()); };
    auto left = round();
    ASSERT_TRUE(left);
    EXPECT_EQ(*left, 0u);
    EXPECT_TRUE(w.made.empty());
    EXPECT_FALSE(stored());
    EXPECT_LE(at["undo vm"], at["undo volume"]);
    EXPECT_GE(at["undo lock"] - at["undo volume"], seconds(30));
    EXPECT_LE(at["undo lock"], at["undo swap"]);
    EXPECT_EQ(w.released, state.disks);
}

TEST_F(SweeperTest, waits_only_for_what_is_left_of_30_s_since_the_boot_after_a_power_cut) {
    ASSERT_TRUE(store_->save(state));
    w.made = {"lock", "swap"};
    const BootTime before = w.clock.now();  // the fake workstation is up for an hour
    ASSERT_EQ(*round("boot-2"), 0u);
    EXPECT_EQ(w.clock.now(), before);
    EXPECT_TRUE(w.made.empty());
    EXPECT_TRUE(std::ranges::find(w.log, "find") == w.log.end());
}

TEST_F(SweeperTest, keeps_the_state_and_comes_again_when_any_part_fails) {
    for (const std::string part : {"find", "undo vm", "mount", "undo lock", "undo swap", "undo run_dir"}) {
        SCOPED_TRACE(part);
        w.made = {"vm", "volume", "lock", "swap", "run_dir"};
        w.failing = {part};
        ASSERT_TRUE(store_->save(state));
        EXPECT_EQ(*round(), 1u);
        EXPECT_TRUE(stored());
        w.failing.clear();
        EXPECT_EQ(*round(), 0u);
        EXPECT_TRUE(w.made.empty());
        EXPECT_FALSE(stored());
    }
}

TEST_F(SweeperTest, does_not_release_the_lock_while_the_domain_may_live) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo vm"};
    EXPECT_EQ(*round(), 1u);
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(w.made.contains("volume"));
}

TEST_F(SweeperTest, kills_a_volume_engine_that_cannot_stop_and_holds_nothing) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SweeperTest, waits_with_a_volume_engine_whose_file_server_is_silent) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    w.volume_state = volume::VolumeState::silent;
    EXPECT_EQ(*round(), 1u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(stored());
}

TEST_F(SweeperTest, waits_with_a_volume_engine_that_is_busy_with_an_earlier_stop) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    w.volume_state = volume::VolumeState::stopping;
    EXPECT_EQ(*round(), 1u);
    w.volume_state = volume::VolumeState::silent;
    w.volume_unanswered = 3;
    EXPECT_EQ(*round(), 1u);
    EXPECT_EQ(w.volume_unanswered, 0);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(stored());
}

TEST_F(SweeperTest, kills_a_volume_engine_that_serves_nobody) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    w.volume_dead = true;
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SweeperTest, never_kills_a_volume_engine_that_does_not_answer_for_it_may_hold_changes) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    w.volume_unanswered = 1'000'000;
    EXPECT_EQ(*round(), 1u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(stored());
}

TEST_F(SweeperTest, waits_with_changes_that_a_living_file_server_refuses) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};  // JUKEBOX, NOSPC, DQUOT at COMMIT
    w.uncommitted = 4096;
    EXPECT_EQ(*round(), 1u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(stored());
    w.failing.clear();
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SweeperTest, kills_a_volume_engine_with_changes_whose_lock_is_lost) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"undo volume"};
    w.uncommitted = 4096;
    w.volume_state = volume::VolumeState::lost;
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
}

TEST_F(SweeperTest, kills_a_volume_engine_with_changes_when_a_person_gives_them_up) {
    w.failing = {"undo volume"};
    w.uncommitted = 4096;
    FakeSessionResources resources(w);
    FakeHypervisor hypervisor(w);
    FakeProcessTable processes(w);
    Sweeper sweeper({w.clock, w.report, resources, hypervisor, *store_, processes, "boot-1", {}});
    const Status kept = sweeper.finish(state, {});
    ASSERT_FALSE(kept);
    EXPECT_EQ(code_of(kept), "BERTH-V04");
    EXPECT_TRUE(sweeper.finish(state, {}, Unsaved::discard));
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
}

class SweptFirmware : public SweeperTest {
  protected:
    SweptFirmware() {
        w.files["machine.toml"] = "firmware = \"uefi\"\n" + std::string(k_machine_toml);
        w.files["nvram"] = "old";
        store_ = std::make_unique<StateStore>(folder_, nullptr, w.report, run_root_, "/var/lib/berth/swap");
        state.run_dir = run_root_ + "/s1";
        std::filesystem::create_directories(state.run_dir);
        EXPECT_TRUE(write_file_durably(local(), "changed"));
    }
    ~SweptFirmware() override { std::filesystem::remove_all(run_root_); }
    std::string local() const { return state.run_dir + "/nvram"; }
    const std::string run_root_ = folder_ + "-run";
};

TEST_F(SweptFirmware, is_put_back_under_a_renewal_of_its_own) {
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(*round(), 0u);
    EXPECT_EQ(w.files["nvram"], "changed");
    EXPECT_LT(std::ranges::find(w.log, "renew"), std::ranges::find(w.log, "replace nvram"));
    EXPECT_LT(std::ranges::find(w.log, "replace nvram"), std::ranges::find(w.log, "undo lock"));
}

TEST_F(SweptFirmware, stays_here_with_the_lock_while_the_server_refuses_it) {
    ASSERT_TRUE(store_->save(state));
    w.failing = {"write nvram", "write nvram.unsaved-6"};
    EXPECT_EQ(*round(), 1u);
    EXPECT_TRUE(std::filesystem::exists(local()));
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(w.made.contains("run_dir"));
    EXPECT_TRUE(stored());
    w.failing.clear();
    EXPECT_EQ(*round(), 0u);
    EXPECT_EQ(w.files["nvram"], "changed");
}

TEST_F(SweptFirmware, is_kept_beside_the_vm_when_it_cannot_be_put_back) {
    const std::string good = w.files["machine.toml"];
    for (const std::string why :
         {"another has the lock", "the configuration is broken", "it has no room there", "too slow"}) {
        SCOPED_TRACE(why);
        ASSERT_TRUE(store_->save(state));
        EXPECT_TRUE(write_file_durably(local(), "changed"));
        w.files["nvram"] = "old";
        w.files["machine.toml"] = good;
        w.failing.clear();
        w.at = {};
        w.holder.emplace().epoch = 6;
        if (why == "another has the lock") w.holder->epoch = 7;
        if (why == "the configuration is broken") w.files["machine.toml"] = "cpus = ";
        if (why == "it has no room there") w.failing = {"write nvram"};
        if (why == "too slow") {
            w.at = [this](const std::string& what) {
                if (what == "write nvram") w.clock.advance(seconds(61));
            };
            EXPECT_EQ(*round(), 1u) << "it may succeed next time";
            EXPECT_EQ(w.files["nvram"], "old");
            EXPECT_TRUE(std::filesystem::exists(local()));
            continue;
        }
        EXPECT_EQ(*round(), 0u);
        EXPECT_EQ(w.files["nvram"], "old");
        EXPECT_EQ(w.files["nvram.unsaved-6"], "changed");
        w.files.erase("nvram.unsaved-6");
    }
}

TEST_F(SweeperTest, ends_only_the_domain_of_the_dead_session_whatever_its_uuid) {
    ASSERT_TRUE(store_->save(state));
    w.domain = "berth-s2";  // a copy of the VM, with the same uuid, of a living session
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(w.made.contains("vm"));
}

TEST_F(SweeperTest, lets_a_guest_close_by_its_power_button_first) {
    ASSERT_TRUE(store_->save(state));
    w.power_button_works = true;
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "power button") != w.log.end());
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") == w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SweeperTest, switches_a_guest_off_that_does_not_close) {
    ASSERT_TRUE(store_->save(state));
    const BootTime before = w.clock.now();
    EXPECT_EQ(*round(), 0u);
    EXPECT_GE(w.clock.now() - before, seconds(60));
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") != w.log.end());
}

TEST_F(SweeperTest, presses_no_power_button_of_a_guest_that_never_ran) {
    ASSERT_TRUE(store_->save(state));
    w.domain_states = {guest::DomainState::paused};
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "power button") == w.log.end());
}

TEST_F(SweeperTest, presses_no_power_button_of_a_guest_that_crashed) {
    ASSERT_TRUE(store_->save(state));
    w.domain_states = {guest::DomainState::crashed};
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "power button") == w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SweeperTest, leaves_a_session_alone_that_somebody_holds) {
    ASSERT_TRUE(store_->save(state));
    StateStore other(folder_, nullptr, w.report);
    auto claim = other.claim("s1");
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(w.made.contains("lock"));
    EXPECT_TRUE(stored());
}

TEST_F(SweeperTest, touches_nothing_of_a_state_that_only_the_provisioner_tells_of) {
    FakeRemote provisioner;
    store_ = std::make_unique<StateStore>(folder_, &provisioner, w.report);
    // A second workstation that got the first one's record: the session runs there, now. Or the boot id is
    // forged.
    for (const std::string boot : {"boot-1", "boot-2"}) {
        SCOPED_TRACE(boot);
        provisioner.texts = {{"s1", format_state(state)}};
        const auto before = w.made;
        EXPECT_EQ(*round(boot), 0u);
        EXPECT_EQ(w.made, before);
        EXPECT_EQ(w.log, std::vector<std::string>());
        EXPECT_TRUE(provisioner.texts.contains("s1"));
    }
}

TEST_F(SweeperTest, finishes_its_own_session_while_the_provisioner_is_down) {
    FakeRemote provisioner;
    provisioner.down = true;
    store_ = std::make_unique<StateStore>(folder_, &provisioner, w.report);
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(w.made.empty());
    EXPECT_FALSE(stored());
}

TEST_F(SweeperTest, takes_no_lock_back_that_was_never_taken) {
    state.lock.reset();
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(*round(), 0u);
    EXPECT_TRUE(std::ranges::find(w.log, "mount") == w.log.end());
}

TEST_F(SweeperTest, stops_waiting_when_told) {
    ASSERT_TRUE(store_->save(state));
    EXPECT_EQ(*round("boot-1", [](seconds) { return false; }), 1u);
    EXPECT_TRUE(w.made.contains("lock"));
}

TEST_F(SweeperTest, forgets_the_claim_of_a_session_that_died_before_it_had_anything_to_write_down) {
    StateStore other(folder_, nullptr, w.report);
    (void)store_->claim("s2");  // and its holder is gone
    auto alive = other.claim("s3");
    ASSERT_TRUE(alive && *alive);
    auto left = round();
    ASSERT_TRUE(left);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/s2.claim"));
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/s3.claim"));
}

}  // namespace
}  // namespace berth::session
