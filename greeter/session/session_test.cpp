// SPDX-License-Identifier: GPL-3.0-or-later
// The session's steps against a world in memory: cut at every step, the lock's dialogue, the wait while the
// guest runs.
#include "greeter/session/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "greeter/session/step_table.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_remote.h"
#include "tests/testing/fake_world.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

class SessionTest : public testing::Test {
  protected:
    SessionTest() {
        char name[] = "/tmp/berth-session-XXXXXX";
        folder_ = mkdtemp(name);
        store_ = std::make_unique<StateStore>(folder_, nullptr, w.report);
        config.session = "s1";
        config.owner = {.client = "m-0001", .host = "berth-12", .user = "", .boot_id = "boot-1"};
        config.host_memory = 4ULL << 30;
        config.host_cpus = 2;
        w.domain_states = {guest::DomainState::running, guest::DomainState::gone};
    }
    ~SessionTest() override { std::filesystem::remove_all(folder_); }

    Status run() {
        FakeAuthenticator authenticator(w);
        FakeSessionResources resources(w);
        FakeHypervisor hypervisor(w);
        FakeProcessTable processes(w);
        Sweeper sweeper({w.clock, w.report, resources, hypervisor, *store_, processes, "boot-1", {}});
        Session session(
            config, {w.clock, w.report, w.front_end, authenticator, resources, hypervisor, *store_, sweeper,
                     [this](const std::string& user, const std::string& vm, const std::string&) {
                         told.push_back(user + "/" + vm);
                     }});
        const Status done = session.run();
        unfinished = session.unfinished();
        return done;
    }
    std::vector<std::string> states() {
        std::vector<std::string> names;
        const auto stored = store_->list();
        for (const auto& s : *stored) names.push_back(s.session);
        return names;
    }
    /// Places of the entries in the log, -1 for those that are not there.
    std::vector<std::string> undos() const {
        std::vector<std::string> result;
        for (const auto& entry : w.log)
            if (entry.starts_with("undo ")) result.push_back(entry.substr(5));
        return result;
    }

    /// An earlier session of this workstation, which a sweeper has to finish.
    void save_last_session() {
        SessionState last;
        last.session = "s0";
        last.vm = "work";
        last.location = {.server = "fs1", .directory = "/export/users/ann"};
        last.lock = LockState{.epoch = 6, .nonce = "ff"};
        last.run_dir = "/run/berth/vm/s0";
        last.swap = {"/var/lib/berth/swap/s0-swap.raw"};
        last.boot_id = "boot-1";
        ASSERT_TRUE(store_->save(last));
    }

    /// Its lock is still ours, and its state says so.
    bool left_to_the_sweeper() {
        return states() == std::vector<std::string>{"s1"} && w.made.contains("lock");
    }

    FakeWorld w;
    SessionConfig config;
    std::string folder_;
    std::unique_ptr<StateStore> store_;
    std::vector<std::string> told;
    bool unfinished = false;
};

TEST_F(SessionTest, keeps_guests_from_the_file_servers_before_it_looks_at_a_vm) {
    w.servers = {{{"10.0.0.1", "fd00::1"}, 2049, 20048}, {{"10.0.0.2"}, 2049, 4711}};
    EXPECT_TRUE(run());
    EXPECT_EQ(w.kept_from, w.servers);
    const auto at = [&](const char* what) { return std::ranges::find(w.log, what) - w.log.begin(); };
    EXPECT_EQ(at("keep guests"), at("mount") + 1);
    EXPECT_LT(at("keep guests"), at("list"));
}

TEST_F(SessionTest, starts_no_vm_that_it_cannot_keep_from_the_file_servers) {
    w.failing = {"keep guests"};
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(std::ranges::count(w.log, "list"), 0);
    EXPECT_TRUE(w.made.empty()) << "the mount and the login are undone";
    EXPECT_FALSE(unfinished);
}

TEST_F(SessionTest, runs_a_vm_and_undoes_everything_in_the_order_of_figure_7) {
    ASSERT_TRUE(run());
    EXPECT_EQ(undos(), (std::vector<std::string>{"volume", "run_dir", "lock", "mount", "swap", "pam"}));
    EXPECT_TRUE(w.made.empty());
    EXPECT_TRUE(states().empty());
    EXPECT_FALSE(unfinished);
    EXPECT_TRUE(w.front_end.has("console work"));
    EXPECT_TRUE(w.front_end.has("console-end"));
    EXPECT_EQ(told, (std::vector<std::string>{"ann/work", "/"}));
    EXPECT_FALSE(w.report.has("a step was never undone"));
}

TEST_F(SessionTest, bounds_every_step_at_the_file_server_and_lets_the_user_give_it_up) {
    struct Seen {
        bool gives_up = false;
        std::optional<Duration> left;
    };
    std::map<std::string, Seen> seen;
    w.at = [&](const std::string& what) {
        w.front_end.stop = true;
        const auto& raised = w.mount_options.interrupt.raised;
        seen[what].gives_up = raised && raised();
        w.front_end.stop = false;
        if (w.finish_by) seen[what].left = *w.finish_by - w.clock.now();
    };
    ASSERT_TRUE(run());
    for (const auto& [what, step] : std::map<std::string, std::string_view>{
             {"list", step::choose}, {"check_writable", step::check}, {"lock", step::lock}}) {
        EXPECT_TRUE(seen[what].gives_up) << what;
        ASSERT_TRUE(seen[what].left) << what;
        EXPECT_LE(*seen[what].left, step_deadline(step)) << what;
    }
    EXPECT_FALSE(seen["undo lock"].gives_up) << "the way back waits, whoever gave up";
    EXPECT_FALSE(seen["undo lock"].left);
}

TEST_F(SessionTest, time_in_which_a_person_is_asked_is_no_part_of_the_bound) {
    w.holder = lock::LockHolder{};
    w.holder->record.owner = {"m-2", "berth-2", "ann", "b"};
    w.front_end.chosen = {1};
    std::optional<Duration> left;
    w.at = [&](const std::string& what) {
        if (what == "read machine.toml") w.clock.advance(seconds(1));
        if (what == "lock" && w.finish_by) left = *w.finish_by - w.clock.now();
    };
    ASSERT_TRUE(run());
    ASSERT_TRUE(left);
    EXPECT_EQ(*left, step_deadline(step::lock));
}

TEST_F(SessionTest, leaves_nothing_behind_when_cut_at_any_step) {
    const std::vector<std::string> in_order{"volume", "run_dir", "lock", "mount", "swap", "pam"};
    for (const std::string cut :
         {"pam", "account", "credentials", "locate", "mount", "list", "check_writable", "read machine.toml",
          "lock", "swap", "run_dir", "volume", "ready", "vm", "console", "resume"}) {
        SCOPED_TRACE(cut);
        w.log.clear();
        w.front_end.shown.clear();
        w.failing = {cut};
        w.domain_states = {guest::DomainState::running};
        EXPECT_FALSE(run());
        EXPECT_TRUE(w.made.empty()) << *w.made.begin();
        EXPECT_TRUE(states().empty());
        EXPECT_TRUE(std::ranges::any_of(w.front_end.shown,
                                        [](const auto& s) { return s.starts_with("error BERTH-"); }));
        // Whatever was undone was undone in the order of Fig. 7 (the VM before all of it).
        auto undone = undos();
        std::erase(undone, "vm");
        size_t at = 0;
        for (const auto& u : undone) {
            const auto place = static_cast<size_t>(std::ranges::find(in_order, u) - in_order.begin());
            EXPECT_GE(place, at) << u;
            at = place;
        }
    }
}

TEST_F(SessionTest, takes_any_folder_name_that_is_text_and_explains_the_others) {
    for (const std::string& name : std::vector<std::string>{"-rf *", "my work", "Größe", "$(reboot)",
                                                            "a'b\"c", std::string(255, 'x')}) {
        w.vms = {name};
        w.domain_states = {guest::DomainState::running, guest::DomainState::gone};
        EXPECT_TRUE(run()) << name;
        EXPECT_TRUE(w.front_end.has("console " + name));
    }
    for (const std::string name : {"a\nb", "\x1b[2J", "\xff", "caf\xe9", "\xc2\x9bm"}) {
        w.vms = {name};
        const auto done = run();
        ASSERT_FALSE(done) << name;
        EXPECT_EQ(code_of(done), "BERTH-M33") << done.error().to_log();
        EXPECT_TRUE(w.made.empty());
        EXPECT_TRUE(states().empty());
    }
    EXPECT_TRUE(w.front_end.mentions("\"\\x1b[2J\", must be UTF-8 without control characters"));
}

TEST_F(SessionTest, lists_as_many_vms_as_the_greeter_takes_and_says_so) {
    w.vms.assign(1000, "vm");
    w.front_end.chosen = {255};
    EXPECT_TRUE(run());
    EXPECT_TRUE(w.front_end.has("info You have 1000 virtual machines: the first 256 of them are listed."));
}

TEST_F(SessionTest, writes_down_what_it_makes_before_it_makes_it) {
    std::map<std::string, std::string> at;
    w.at = [&](const std::string& what) {
        const auto stored = store_->list();
        for (const auto& s : *stored)
            if (s.state) at[what] = format_state(*s.state);
    };
    ASSERT_TRUE(run());
    EXPECT_FALSE(at.contains("mount"));
    EXPECT_TRUE(at["lock"].contains("00112233445566778899aabbccddeeff"));
    EXPECT_TRUE(at["swap"].contains("s1-swap.raw"));
    EXPECT_TRUE(at["volume"].contains("/run/berth/vm/s1"));
    EXPECT_TRUE(at["vm"].contains("6a4f3c1e-0000-4000-8000-000000000001"));
    EXPECT_TRUE(at["vm"].contains("4711"));
}

TEST_F(SessionTest, makes_the_vm_of_a_user_who_has_none_from_the_template) {
    w.vms = {};
    config.client.template_vm = "fs1:/export/templates/debian";
    ASSERT_TRUE(run());
    EXPECT_NE(std::ranges::find(w.log, "template /export/templates/debian"), w.log.end());
    EXPECT_EQ(told.front(), "ann/debian");
}

TEST_F(SessionTest, makes_nothing_from_the_template_for_who_has_a_vm_or_where_no_template_is) {
    config.client.template_vm = "fs1:/export/templates/debian";
    ASSERT_TRUE(run());
    EXPECT_EQ(std::ranges::find(w.log, "template /export/templates/debian"), w.log.end());
    config.client.template_vm = "";
    w.vms = {};
    EXPECT_EQ(code_of(run()), "BERTH-M31");
}

TEST_F(SessionTest, a_template_that_cannot_be_copied_ends_the_login_cleanly) {
    w.vms = {};
    config.client.template_vm = "fs1:/export/templates/debian";
    w.failing = {"template /export/templates/debian"};
    EXPECT_EQ(code_of(run()), "BERTH-I01");
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, does_not_release_the_lock_while_the_volume_engine_may_write) {
    w.failing = {"undo volume"};
    EXPECT_FALSE(run());
    EXPECT_EQ(w.made, (std::set<std::string>{"lock", "run_dir", "swap", "volume"}));
    EXPECT_EQ(states(), std::vector<std::string>{"s1"});
    EXPECT_TRUE(unfinished);
    EXPECT_TRUE(std::ranges::find(w.log, "leave volume") != w.log.end());
    EXPECT_EQ(std::ranges::count_if(w.front_end.shown, [](const auto& s) { return s.starts_with("error "); }),
              1)
        << "one failure is told once";
}

TEST_F(SessionTest, lets_the_user_choose_among_several_vms) {
    w.vms = {"play", "work"};
    w.front_end.chosen = {1};
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.has("console work"));
}

TEST_F(SessionTest, refuses_17_groups_before_it_mounts) {
    for (gid_t g = 0; g < 17; ++g) w.user.groups.push_back(2000 + g);
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-M12");
    EXPECT_TRUE(std::ranges::find(w.log, "mount") == w.log.end());
}

TEST_F(SessionTest, names_the_disk_that_is_missing) {
    w.disks.clear();
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-M32");
    EXPECT_TRUE(result.error().detail().contains("software.raw"));
    EXPECT_TRUE(std::ranges::find(w.log, "lock") == w.log.end());
}

TEST_F(SessionTest, refuses_without_kvm_unless_the_profile_allows_emulation) {
    w.kvm = false;
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-H01");
    config.client.allow_emulation = true;
    EXPECT_TRUE(run());
}

TEST_F(SessionTest, stops_between_steps_when_the_user_gives_up) {
    w.at = [this](const std::string& what) {
        if (what == "locate") w.front_end.stop = true;
    };
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-L05");
    EXPECT_TRUE(w.made.empty());
}

class LockedTest : public SessionTest {
  protected:
    LockedTest() {
        lock::LockHolder h;
        h.record.owner = {.client = "m-0002", .host = "berth-7", .user = "ann", .boot_id = "x"};
        h.record.since = "2026-01-02T03:04:05Z";
        w.holder = w.holder_below = h;
        w.take_over_seconds = 90;
    }
};

TEST_F(LockedTest, names_the_holder_and_logs_off_when_the_user_says_no) {
    w.front_end.chosen = {0};
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K30");
    EXPECT_TRUE(w.front_end.mentions("berth-7"));
    EXPECT_TRUE(w.front_end.mentions("2026-01-02"));
    EXPECT_TRUE(w.front_end.mentions("not saved there may be lost"));
    EXPECT_TRUE(w.made.empty());
    EXPECT_TRUE(std::ranges::find(w.log, "lock") == w.log.end());
}

TEST_F(LockedTest, waits_with_the_seconds_on_screen_when_the_user_says_yes) {
    w.front_end.chosen = {1};
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("Yes, move it here"));
    EXPECT_TRUE(w.front_end.mentions("It is closed there cleanly."));
    EXPECT_TRUE(w.front_end.mentions("taken over after 90 s"));
    EXPECT_TRUE(std::ranges::any_of(w.front_end.progress_texts, [](const auto& s) {
        return s == "Asked berth-7 to close it; at most 82 s";
    }));
    EXPECT_TRUE(std::ranges::any_of(w.front_end.progress_texts, [](const auto& s) {
        return s == "berth-7 does not answer; taken over in 42 s";
    }));
}

TEST_F(LockedTest, says_that_the_other_workstation_is_closing_it) {
    w.front_end.chosen = {1};
    w.holder_below->record.closing = true;
    ASSERT_TRUE(run());
    EXPECT_TRUE(std::ranges::any_of(w.front_end.progress_texts, [](const auto& s) {
        return s == "berth-7 is closing your VM; at most 42 s";
    }));
}

TEST_F(LockedTest, leaves_its_claim_when_the_user_gives_up_waiting) {
    w.front_end.chosen = {1};
    w.at = [this](const std::string& what) {
        if (what == "lock") w.front_end.stop = true;
    };
    EXPECT_FALSE(run());
    EXPECT_EQ(w.made, std::set<std::string>{"lock"});
    EXPECT_TRUE(states().empty());
}

TEST_F(LockedTest, offers_nothing_where_the_policy_says_nobody) {
    config.client.lock_break = BreakPolicy::nobody;
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K31");
    EXPECT_FALSE(w.front_end.mentions("choice"));
}

TEST_F(LockedTest, says_that_an_admin_may_where_the_policy_says_so) {
    config.client.lock_break = BreakPolicy::admin;
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().detail().contains("administrator"));
}

TEST_F(LockedTest, words_its_own_stale_lock_as_a_switched_off_workstation) {
    w.holder->record.owner.client = "m-0001";
    w.front_end.chosen = {0};
    EXPECT_FALSE(run());
    EXPECT_TRUE(w.front_end.mentions("This workstation was switched off during your last session"));
    EXPECT_TRUE(w.front_end.mentions("Yes, take it over"));
}

TEST_F(SessionTest, finishes_its_own_last_session_of_the_same_vm_first) {
    save_last_session();
    const BootTime before = w.clock.now();
    ASSERT_TRUE(run());
    EXPECT_GE(w.clock.now() - before, seconds(30));
    const auto release = std::ranges::find(w.log, "undo lock"), take = std::ranges::find(w.log, "lock");
    EXPECT_LT(release, take);
    EXPECT_TRUE(states().empty());
    EXPECT_TRUE(std::ranges::any_of(w.front_end.progress_texts,
                                    [](const auto& s) { return s.contains("Finishing the last session"); }));
}

TEST_F(SessionTest, waits_for_its_own_last_session_no_longer_than_the_step_may_take) {
    save_last_session();
    w.made = {"volume", "lock"};
    w.at = [this](const std::string& what) {
        if (what == "undo volume") w.clock.advance(step_deadline(step::lock));
    };
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K32");
    EXPECT_EQ(w.made, std::set<std::string>{"lock"});
    EXPECT_EQ(states(), std::vector<std::string>{"s0"});
}

class ForgottenTest : public LockedTest {
  protected:
    /// The power went on this diskless client: its memory forgot, the provisioner did not.
    ForgottenTest() {
        store_ = std::make_unique<StateStore>(folder_, &provisioner, w.report);
        last.session = "s0";
        last.vm = "work";
        last.location = {.server = "fs1", .directory = "/export/users/ann"};
        last.lock = LockState{.epoch = 6, .nonce = "ff"};
        last.domain = "6a4f3c1e-0000-4000-8000-000000000001";
        last.run_dir = "/run/berth/vm/s0";
        last.boot_id = "boot-0";
        w.holder->record.owner.client = "m-0001";
    }
    FakeRemote provisioner;
    SessionState last;
};

TEST_F(ForgottenTest, claims_above_a_lock_that_only_the_provisioner_knows_of_as_above_any_other) {
    provisioner.texts = {{"s0", format_state(last)}};
    w.front_end.chosen = {1};
    w.at = [this](const std::string& what) {
        if (what == "vm") {
            EXPECT_FALSE(provisioner.texts.contains("s0"));
        }
    };
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("This workstation was switched off during your last session"));
    EXPECT_FALSE(std::ranges::any_of(w.front_end.progress_texts,
                                     [](const auto& s) { return s.contains("Finishing the last session"); }));
    EXPECT_EQ(std::ranges::count(w.log, "undo lock"), 1) << "its own, at its end";
    EXPECT_TRUE(provisioner.texts.empty());
}

TEST_F(ForgottenTest, keeps_what_the_provisioner_knows_while_the_user_says_no) {
    provisioner.texts = {{"s0", format_state(last)}};
    w.front_end.chosen = {0};
    EXPECT_EQ(code_of(run()), "BERTH-K30");
    EXPECT_EQ(std::ranges::count(w.log, "undo lock"), 0);
    EXPECT_TRUE(provisioner.texts.contains("s0"));
}

TEST_F(ForgottenTest, keeps_what_the_provisioner_knows_of_higher_locks_and_other_vms) {
    SessionState higher = last, other = last, elsewhere = last;
    higher.lock->epoch = 8;
    other.vm = "play";
    elsewhere.location.directory = "/export/users/bob";
    provisioner.texts = {{"s0", format_state(higher)}};
    for (auto* s : {&other, &elsewhere}) {
        s->session = s == &other ? "s7" : "s8";
        s->run_dir = "/run/berth/vm/" + s->session;
        provisioner.texts[s->session] = format_state(*s);
    }
    w.front_end.chosen = {1};
    ASSERT_TRUE(run());
    EXPECT_EQ(provisioner.texts.size(), 3u);
}

TEST_F(ForgottenTest, a_forged_state_of_this_boot_does_not_refuse_a_login) {
    last.boot_id = "boot-1";
    last.vm = "copy";
    provisioner.texts = {{"s0", format_state(last)}};
    w.front_end.chosen = {1};
    EXPECT_TRUE(run());
}

TEST_F(SessionTest, closes_by_power_button_and_then_by_force) {
    w.domain_states = {guest::DomainState::running};
    w.power_button_works = false;
    w.front_end.heard = {{.wish = Wish::close}};
    const BootTime before = w.clock.now();
    ASSERT_TRUE(run());
    EXPECT_GE(w.clock.now() - before, seconds(60));
    EXPECT_TRUE(std::ranges::find(w.log, "power button") != w.log.end());
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") != w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, lets_go_of_the_console_when_the_greeter_is_gone) {
    // Nobody would read it: a guest that writes to it could not close.
    w.domain_states = {guest::DomainState::running};
    w.front_end.heard = {{.wish = Wish::close}};
    ssize_t read_by_guest = -1;
    w.at = [&](const std::string& what) {
        if (what == "resume") w.front_end.stop = true;
        char c = 0;
        if (what == "power button") read_by_guest = recv(w.console_peer.get(), &c, 1, MSG_DONTWAIT);
    };
    ASSERT_TRUE(run());
    EXPECT_EQ(read_by_guest, 0);
}

TEST_F(SessionTest, tells_that_libvirt_does_not_answer_and_lets_the_guest_run) {
    w.at = [&](const std::string& what) {
        if (what == "resume") w.libvirt_silent = 500;
    };
    const BootTime before = w.clock.now();
    ASSERT_TRUE(run());
    EXPECT_GE(w.clock.now() - before, seconds(250)) << "nothing asked for its end";
    EXPECT_TRUE(w.front_end.mentions("status BERTH-H02"));
    EXPECT_TRUE(w.front_end.has("status The virtual machine service answers again."));
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") == w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, leaves_a_guest_to_the_sweeper_when_libvirt_does_not_answer_at_its_end) {
    w.domain_states = {guest::DomainState::running};
    w.front_end.heard = {{.wish = Wish::close}};
    w.at = [&](const std::string& what) {
        if (what == "resume") w.libvirt_silent = 1'000'000;
    };
    const BootTime before = w.clock.now();
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-H02");
    EXPECT_LE(w.clock.now() - before, seconds(120));
    EXPECT_TRUE(w.front_end.has("console-end"));
    EXPECT_TRUE(w.front_end.mentions("error BERTH-H02"));
    EXPECT_TRUE(w.front_end.mentions("error BERTH-H30"));
    EXPECT_EQ(w.made, (std::set<std::string>{"lock", "run_dir", "swap", "vm", "volume"}));
    EXPECT_TRUE(unfinished);
    EXPECT_EQ(states(), std::vector<std::string>{"s1"});
}

TEST_F(SessionTest, refuses_a_copy_of_a_vm_that_this_workstation_still_holds) {
    SessionState other{.session = "s0",
                       .user = "ann",
                       .vm = "play",
                       .location = {.server = "fs1", .directory = "/export/users/ann"},
                       .domain = "6a4f3c1e-0000-4000-8000-000000000001",
                       .run_dir = "/run/berth/vm/s0",
                       .boot_id = "boot-1"};
    ASSERT_TRUE(store_->save(other));
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-H03");
    EXPECT_TRUE(w.front_end.mentions("\"play\" with the same uuid")) << result.error().to_user();
    for (const char* step : {"swap", "run_dir", "volume", "vm"})
        EXPECT_TRUE(std::ranges::find(w.log, step) == w.log.end()) << step;
    EXPECT_TRUE(w.made.empty());
    EXPECT_EQ(states(), std::vector<std::string>{"s0"});

    other.boot_id = "boot-0";  // its local files went with that boot
    ASSERT_TRUE(store_->save(other));
    EXPECT_TRUE(run());
}

TEST_F(SessionTest, refuses_swap_disks_that_fit_only_one_by_one) {
    w.files["machine.toml"] = std::string(k_machine_toml) + R"([[disk]]
name = "swap2"
role = "swap"
size = "64 MiB"
uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a4"
)";
    w.room_for_swap = 160ULL << 20;
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-S01");
    EXPECT_TRUE(std::ranges::find(w.log, "swap") == w.log.end());
    EXPECT_TRUE(w.made.empty());
    w.room_for_swap = 192ULL << 20;
    EXPECT_TRUE(run());
}

TEST_F(SessionTest, does_not_switch_off_a_closing_guest_that_waits_for_the_file_server) {
    w.power_button_works = false;
    w.domain_states.assign(310, guest::DomainState::running);  // longer than the power button's time
    w.domain_states.push_back(guest::DomainState::gone);
    w.volume_events = {volume::VolumeState::silent};
    w.front_end.heard = {{.wish = Wish::close}, {.wish = Wish::descriptor, .fd = -3}};
    ASSERT_TRUE(run());
    EXPECT_TRUE(std::ranges::find(w.log, "power button") != w.log.end());
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") == w.log.end());
}

TEST_F(SessionTest, switches_off_at_once_when_asked) {
    w.domain_states = {guest::DomainState::running};
    w.front_end.heard = {{.wish = Wish::force_off}};
    ASSERT_TRUE(run());
    EXPECT_TRUE(std::ranges::find(w.log, "power button") == w.log.end());
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, tells_of_a_crashed_guest_and_waits_for_nothing_when_it_is_to_close) {
    w.domain_states = {guest::DomainState::running, guest::DomainState::crashed};
    w.power_button_works = false;
    w.front_end.heard = {{}, {}, {.wish = Wish::close}};
    const BootTime before = w.clock.now();
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("status BERTH-H09"));
    EXPECT_LT(w.clock.now() - before, config.times.watch.power_button);
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, tells_that_the_virtual_machine_ended_by_itself_and_undoes_all) {
    w.domain_states = {guest::DomainState::running, guest::DomainState::gone};
    w.domain_failed = true;
    const Status result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-H10");
    EXPECT_TRUE(w.front_end.mentions("BERTH-H10"));
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, leaves_a_crashed_guest_standing_until_its_user_has_read_why) {
    w.domain_states.assign(100, guest::DomainState::crashed);
    w.domain_states.push_back(guest::DomainState::gone);
    ASSERT_TRUE(run());
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") == w.log.end());
}

TEST_F(SessionTest, tells_of_a_silent_server_and_continues_the_paused_guest_when_it_answers) {
    using guest::DomainState;
    w.domain_states = {DomainState::running, DomainState::paused_io_error, DomainState::paused_io_error,
                       DomainState::running, DomainState::gone};
    w.volume_events = {volume::VolumeState::silent};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}, {}, {.wish = Wish::descriptor, .fd = -3}};
    int resumed_while_silent = 0;
    w.at = [&](const std::string& what) {
        if (what == "resume" && w.volume_state == volume::VolumeState::silent) ++resumed_while_silent;
        if (w.volume_state == volume::VolumeState::silent && w.volume_events.empty())
            w.volume_events = {volume::VolumeState::running};
    };
    ASSERT_TRUE(run());
    EXPECT_EQ(resumed_while_silent, 0);
    EXPECT_TRUE(w.front_end.mentions("status The file server fs1 is not answering"));
    EXPECT_EQ(w.front_end.stood,
              (std::vector<std::vector<std::string>>{{"The file server fs1 is not answering. Your virtual "
                                                      "machine waits and continues automatically."},
                                                     {}}));
}

TEST_F(SessionTest, tells_of_a_server_that_refuses_writes_and_tries_again_with_pauses) {
    using guest::DomainState;
    config.times.watch.poll = std::chrono::seconds(1);
    w.domain_states.assign(12, DomainState::paused_io_error);
    w.domain_states.insert(w.domain_states.end(), 8, DomainState::running);
    w.domain_states.push_back(DomainState::gone);
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("status The file server fs1 refuses your virtual machine's changes"));
    EXPECT_TRUE(
        w.front_end.mentions("status The file server fs1 takes your virtual machine's changes again"));
    // At the start, and in 12 s of refusals once at once and then every 5 s.
    EXPECT_EQ(std::ranges::count(w.log, "resume"), 1 + 3);
}

TEST_F(SessionTest, ends_the_vm_when_another_took_its_lock) {
    w.domain_states = {guest::DomainState::running};
    w.volume_events = {volume::VolumeState::lost};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}};
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K05");
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
    EXPECT_EQ(w.made, std::set<std::string>{"lock"}) << "what was sent before may still be under way";
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_FALSE(w.front_end.mentions("BERTH-K32")) << "who lost the lock need not know";
}

class ClaimedTest : public SessionTest {
  protected:
    ClaimedTest() {
        w.domain_states = {guest::DomainState::running};
        w.volume_events = {volume::VolumeState::claimed};
        w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}};
        w.at = [this](const std::string& what) {
            if (what == "resume") w.claimed_until = w.clock.now() + std::chrono::milliseconds(50'500);
            when.emplace(what, w.clock.now());
        };
    }
    Duration left_at(const std::string& what) { return *w.claimed_until - when.at(what); }
    std::map<std::string, BootTime> when;  ///< First time of each operation.
};

TEST_F(ClaimedTest, is_told_and_closed_by_its_button_and_released) {
    ASSERT_TRUE(run());
    EXPECT_TRUE(
        w.front_end.mentions("status Workstation berth-7 asks for your virtual machine: save your work now. "
                             "It will be asked to shut down in 10 s and switched off in 41 s."));
    EXPECT_TRUE(
        w.front_end.mentions("status Your virtual machine is being closed to move to workstation berth-7"));
    EXPECT_LE(left_at("power button"), seconds(40));
    EXPECT_GE(left_at("power button"), seconds(39));
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") == w.log.end()) << "nobody pulled its plug";
    EXPECT_EQ(undos(), (std::vector<std::string>{"volume", "run_dir", "lock", "mount", "swap", "pam"}));
    EXPECT_GT(left_at("undo lock"), seconds(0));
    EXPECT_TRUE(w.made.empty());
    EXPECT_TRUE(w.front_end.mentions("\"work\" was closed and moves to workstation berth-7"));
    EXPECT_FALSE(w.front_end.mentions("BERTH-K33"));
}

TEST_F(ClaimedTest, gets_the_seconds_that_are_left_when_it_is_noticed) {
    w.front_end.heard = {{}, {.wish = Wish::descriptor, .fd = -3}};
    w.front_end.on_listen = [this, slept = false]() mutable {
        if (!std::exchange(slept, true)) w.clock.advance(seconds(20));  // the session stood still
    };
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("It will be asked to shut down in 5 s and switched off in 24 s."));
    EXPECT_GT(left_at("undo lock"), seconds(0));
}

TEST_F(ClaimedTest, switches_off_a_guest_that_ignores_its_button_in_time_for_the_last_writes) {
    w.power_button_works = false;
    ASSERT_TRUE(run());
    EXPECT_TRUE(
        w.front_end.mentions("status Your virtual machine did not shut down in time and is switched off."));
    // Each second once, down to 0, and nothing stands behind that.
    ASSERT_EQ(w.front_end.stood.size(), 44u);
    EXPECT_TRUE(w.front_end.stood[0].at(0).ends_with("shut down in 10 s and switched off in 41 s."));
    EXPECT_TRUE(w.front_end.stood[42].at(0).ends_with(" 0 s are left."));
    EXPECT_TRUE(w.front_end.stood[43].empty());
    EXPECT_GE(left_at("undo vm"), seconds(7));
    EXPECT_GT(left_at("undo volume"), seconds(0));
    EXPECT_GT(left_at("undo lock"), seconds(0));
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
}

TEST_F(ClaimedTest, gets_no_more_than_the_lease_when_its_user_closed_it_before) {
    w.power_button_works = false;
    w.front_end.heard = {{.wish = Wish::close}, {.wish = Wish::descriptor, .fd = -3}};
    ASSERT_TRUE(run());
    EXPECT_EQ(std::ranges::count(w.log, "power button"), 1);
    EXPECT_GE(left_at("undo vm"), seconds(7));
}

TEST_F(ClaimedTest, says_what_could_not_be_saved_before_the_lease_ended) {
    w.uncommitted = 5000;
    w.failing = {"undo volume"};
    EXPECT_FALSE(run());
    EXPECT_TRUE(w.front_end.mentions("error BERTH-K33"));
    EXPECT_TRUE(w.front_end.mentions("5 KiB of \"work\""));
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
    EXPECT_EQ(w.made, std::set<std::string>{"lock"}) << "a release would say that nothing is under way";
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_FALSE(w.front_end.mentions("was closed and moves to"));
}

TEST_F(ClaimedTest, is_lost_with_a_code_when_its_lease_ends_before_it_closed) {
    w.volume_events = {volume::VolumeState::claimed, volume::VolumeState::lost};
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K33");
    EXPECT_TRUE(std::ranges::find(w.log, "undo vm") != w.log.end());
    EXPECT_TRUE(std::ranges::find(w.log, "undo lock") == w.log.end());
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_EQ(std::ranges::count_if(w.front_end.shown, [](const auto& s) { return s.contains("BERTH-K33"); }),
              1);
}

TEST_F(ClaimedTest, releases_nothing_when_the_claim_is_first_seen_after_the_lease) {
    w.front_end.heard = {{.wish = Wish::close}};
    w.volume_events.clear();
    w.at = [this](const std::string& what) {
        if (what == "power button") w.claimed_until = w.clock.now();  // it stood still meanwhile
    };
    EXPECT_FALSE(run());
    EXPECT_TRUE(std::ranges::find(w.log, "undo lock") == w.log.end());
    EXPECT_TRUE(left_to_the_sweeper());
}

TEST_F(ClaimedTest, answers_status_with_the_seconds_left) {
    w.front_end.heard.push_back({.wish = Wish::status});
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("is being closed to move to workstation berth-7: 41 s are left"));
}

TEST_F(ClaimedTest, continues_a_guest_that_stopped_at_a_failed_request) {
    w.domain_states = {guest::DomainState::running, guest::DomainState::running,
                       guest::DomainState::paused_io_error, guest::DomainState::running,
                       guest::DomainState::gone};
    ASSERT_TRUE(run());
    EXPECT_EQ(std::ranges::count(w.log, "resume"), 2) << "at its start, and once more";
}

class FirmwareTest : public SessionTest {
  protected:
    FirmwareTest() {
        w.files["machine.toml"] = "firmware = \"uefi\"\n" + std::string(k_machine_toml);
        config.run_root = folder_ + "/run";
        config.ovmf.variables = folder_ + "/vars";
        std::filesystem::create_directories(config.run_root + "/s1");
        EXPECT_TRUE(write_file_durably(config.ovmf.variables, "fresh"));
        w.at = [this](const std::string& what) {
            if (what != "resume") return;
            EXPECT_TRUE(write_file_durably(config.run_root + "/s1/nvram", "changed"));
        };
    }
};

TEST_F(SessionTest, releases_its_lock_with_the_disks_that_were_configured_under_it) {
    const std::string files_disk = "[[disk]]\nname = \"files\"\nrole = \"files\"\npath = \"other/f.raw\"\n";
    w.disks["other/f.raw"] = w.disks["software.raw"];
    std::vector<lock::ConfiguredDisk> written_down;
    w.at = [&](const std::string& what) {
        if (what == "lock") w.files["machine.toml"] = std::string(k_machine_toml) + files_disk;
        if (what == "vm") written_down = store_->list()->at(0).state->disks;
    };
    ASSERT_TRUE(run());
    const std::vector<lock::ConfiguredDisk> both{{"software", "software.raw"}, {"files", "other/f.raw"}};
    EXPECT_EQ(w.released, both) << "swap has no file there";
    EXPECT_EQ(written_down, both) << "for a sweeper";
}

TEST_F(FirmwareTest, is_put_back_under_the_lock) {
    ASSERT_TRUE(run());
    EXPECT_EQ(w.files["nvram"], "changed");
    EXPECT_LT(std::ranges::find(w.log, "replace nvram"), std::ranges::find(w.log, "undo lock"));
}

TEST_F(FirmwareTest, is_kept_beside_the_vm_and_replaces_nothing_when_another_took_the_lock) {
    w.domain_states = {guest::DomainState::running};
    w.volume_events = {volume::VolumeState::lost};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}};
    EXPECT_FALSE(run());
    EXPECT_FALSE(w.files.contains("nvram"));
    EXPECT_EQ(w.files["nvram.unsaved-7"], "changed");
}

TEST_F(FirmwareTest, is_put_back_only_if_the_lease_stands_immediately_before_the_rename) {
    w.at = [this, before = w.at](const std::string& what) {
        before(what);
        if (what == "write nvram") w.volume_state = volume::VolumeState::lost;
    };
    EXPECT_FALSE(run());
    EXPECT_FALSE(w.files.contains("nvram"));
    EXPECT_EQ(w.files["nvram.unsaved-7"], "changed");
}

TEST_F(FirmwareTest, waits_for_the_renewal_after_a_lost_connection) {
    w.lease_suspended = 3;
    EXPECT_TRUE(run());
    EXPECT_EQ(w.files["nvram"], "changed");
    EXPECT_EQ(w.lease_suspended, 0);
}

TEST_F(FirmwareTest, is_left_to_the_sweeper_with_everything_it_needs_when_nobody_can_put_it_back) {
    w.failing = {"write nvram"};
    EXPECT_FALSE(run());
    EXPECT_EQ(w.made, (std::set<std::string>{"volume", "lock", "swap", "run_dir"}));
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_TRUE(std::filesystem::exists(config.run_root + "/s1/nvram"));
}

TEST_F(FirmwareTest, keeps_the_lock_until_a_rename_without_an_answer_cannot_be_executed_any_more) {
    BootTime unanswered, released;
    w.at = [&, before = w.at, first = true](const std::string& what) mutable {
        before(what);
        if (what == "undo lock") released = w.clock.now();
        if (what != "replace nvram" || !std::exchange(first, false)) return;
        unanswered = w.clock.now();
        w.silent = {"replace nvram"};
    };
    EXPECT_TRUE(run());
    EXPECT_EQ(w.files["nvram"], "changed");
    EXPECT_GE(released - unanswered, config.times.lock.sweep_wait);
}

TEST_F(FirmwareTest, is_put_back_under_a_claim_while_the_lease_lasts) {
    w.domain_states = {guest::DomainState::running};
    w.volume_events = {volume::VolumeState::claimed};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}};
    w.at = [this, before = w.at](const std::string& what) {
        before(what);
        if (what != "resume") return;
        w.holder->epoch = 8;  // the claim
        w.claimed_until = w.clock.now() + seconds(50);
    };
    EXPECT_TRUE(run());
    EXPECT_EQ(w.files["nvram"], "changed");
    EXPECT_LT(std::ranges::find(w.log, "replace nvram"), std::ranges::find(w.log, "undo lock"));
}

TEST_F(FirmwareTest, is_not_put_back_under_a_claim_when_the_lease_is_over_and_that_is_said) {
    w.domain_states = {guest::DomainState::running};
    w.volume_events = {volume::VolumeState::claimed};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -3}};
    w.at = [this, before = w.at](const std::string& what) {
        before(what);
        if (what == "resume") w.claimed_until = w.clock.now() + seconds(50);
        if (what == "power button") w.clock.advance(seconds(60));  // it closed, but too late
    };
    EXPECT_FALSE(run());
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_EQ(w.files["nvram.unsaved-7"], "changed");
    EXPECT_FALSE(w.files.contains("nvram"));
    EXPECT_TRUE(w.front_end.mentions("error BERTH-K33"));
}

TEST_F(SessionTest, ends_the_vm_when_the_volume_engine_died) {
    w.domain_states = {guest::DomainState::running};
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -2}, {.wish = Wish::descriptor, .fd = -2}};
    w.at = [this](const std::string& what) {
        if (what == "undo vm") w.volume_dead = true;
    };
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-V30");
    EXPECT_EQ(w.made, (std::set<std::string>{"volume", "lock"})) << "what it had sent may still be under way";
    EXPECT_TRUE(left_to_the_sweeper());
    EXPECT_TRUE(w.front_end.mentions("BERTH-K32"));
}

TEST_F(SessionTest, gives_the_lock_back_at_once_when_the_volume_engine_ended_before_it_served_a_vm) {
    w.failing = {"ready"};
    w.volume_dead = true;
    w.front_end.heard = {{.wish = Wish::descriptor, .fd = -2}};
    EXPECT_FALSE(run());
    EXPECT_FALSE(w.made.contains("lock"));
    EXPECT_FALSE(left_to_the_sweeper());
}

TEST_F(SessionTest, releases_the_lock_no_earlier_than_30_s_after_a_write_lost_its_connection) {
    w.write_lost = std::chrono::seconds(12);
    BootTime stopped, released;
    w.at = [&](const std::string& what) {
        if (what == "undo volume") stopped = w.clock.now();
        if (what == "undo lock") released = w.clock.now();
    };
    ASSERT_TRUE(run());
    EXPECT_EQ(released - stopped, seconds(18));
    EXPECT_EQ(
        std::ranges::count(w.front_end.progress_texts, "Waiting until all that was sent has arrived: 18 s"),
        1);
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, releases_the_lock_no_earlier_than_30_s_after_its_berth_files_died) {
    BootTime stopped, released;
    w.at = [&](const std::string& what) {
        if (what == "undo volume") {
            stopped = w.clock.now();
            w.files_lost = stopped + -seconds(5);
        }
        if (what == "undo lock") released = w.clock.now();
    };
    ASSERT_TRUE(run());
    EXPECT_EQ(released - stopped, seconds(25));
    EXPECT_TRUE(w.made.empty());
}

TEST_F(SessionTest, leaves_the_volume_engine_to_the_sweeper_when_an_exception_ends_it) {
    w.front_end.on_listen = [] { throw std::runtime_error("no memory"); };
    w.domain_states = {guest::DomainState::running};
    EXPECT_THROW((void)run(), std::runtime_error);
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());
    EXPECT_TRUE(w.made.contains("volume"));
    EXPECT_TRUE(left_to_the_sweeper());
}

TEST_F(SessionTest, asks_before_it_gives_up_what_the_file_server_does_not_take) {
    save_last_session();
    w.made = {"volume", "lock", "swap", "run_dir"};
    w.uncommitted = 5000;
    w.failing = {"undo volume"};  // the file server refuses them
    w.front_end.chosen = {0};
    auto result = run();
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-K32");
    EXPECT_TRUE(w.made.contains("volume"));
    EXPECT_TRUE(w.front_end.mentions("5 KiB"));
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") == w.log.end());

    w.front_end.chosen = {1};
    w.at = [this](const std::string& what) {
        if (what == "undo lock") w.failing.clear();
    };
    EXPECT_TRUE(run());
    EXPECT_TRUE(std::ranges::find(w.log, "kill volume") != w.log.end());
}

TEST_F(SessionTest, tells_the_provisioner_again_and_again_while_the_vm_runs) {
    w.domain_states.assign(2400, guest::DomainState::running);  // 20 minutes
    w.domain_states.push_back(guest::DomainState::gone);
    ASSERT_TRUE(run());
    ASSERT_GE(told.size(), 3u);
    EXPECT_LE(told.size(), 6u);
    EXPECT_EQ(told.front(), "ann/work");
    EXPECT_EQ(told[told.size() - 2], "ann/work");
    EXPECT_EQ(told.back(), "/");
}

TEST_F(SessionTest, tells_its_status_when_the_menu_asks) {
    w.domain_states = {guest::DomainState::running, guest::DomainState::running, guest::DomainState::gone};
    w.front_end.heard = {{.wish = Wish::status}};
    ASSERT_TRUE(run());
    EXPECT_TRUE(w.front_end.mentions("status \"work\" of ann"));
}

}  // namespace
}  // namespace berth::session
