// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/state_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/testing/fake_remote.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

SessionState full_state() {
    return {.session = "s1",
            .user = "ann",
            .vm = "work",
            .location = {.server = "fs1",
                         .directory = "/export/users/ann",
                         .nfs_port = 2049,
                         .mount_port = 20048},
            .shared = NfsLocation{.server = "fs2", .directory = "/shared"},
            .credentials = {.uid = 1000, .gid = 1000, .groups = {27, 100}},
            .lock = LockState{.epoch = 7, .nonce = "00ff"},
            .disks = {{"software", "software.raw"}, {"files", "disks/files.raw"}},
            .domain = "6a4f3c1e-0000-4000-8000-000000000001",
            .volume_pid = 4711,
            .volume_start = 99,
            .run_dir = "/run/berth/vm/s1",
            .swap = {"/var/lib/berth/swap/s1-swap.raw"},
            .boot_id = "b",
            .began = {"authenticate", "lock"}};
}

class Store : public testing::Test {
  protected:
    Store() {
        char name[] = "/tmp/berth-state-XXXXXX";
        folder_ = mkdtemp(name);
    }
    ~Store() override { std::filesystem::remove_all(folder_); }
    std::string folder_;
    RecordingReport report_;
    FakeRemote remote_;
};

TEST(State, comes_back_as_it_was_written) {
    auto parsed = parse_state(format_state(full_state()));
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    EXPECT_EQ(*parsed, full_state());
    SessionState little = full_state();
    little.lock.reset();
    little.domain.reset();
    little.volume_pid.reset();
    little.volume_start.reset();
    little.shared.reset();
    EXPECT_EQ(*parse_state(format_state(little)), little);
}

TEST(State, is_read_as_far_as_it_is_known_when_another_version_wrote_it) {
    auto body = nlohmann::json::parse(format_state(full_state()));
    body["surprise"] = body["nfs"]["surprise"] = body["lock"]["surprise"] = {1, "a"};
    const auto parsed = parse_state(body.dump());
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    EXPECT_EQ(*parsed, full_state());
}

TEST(State, is_read_when_a_version_wrote_it_that_named_no_disks) {
    auto body = nlohmann::json::parse(format_state(full_state()));
    body.erase("disks");
    const auto parsed = parse_state(body.dump());
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    SessionState expected = full_state();
    expected.disks.clear();
    EXPECT_EQ(*parsed, expected);
}

TEST(State, names_the_member_that_is_wrong) {
    auto body = nlohmann::json::parse(format_state(full_state()));
    body["nfs"]["nfs_port"] = 70000;
    EXPECT_EQ(parse_state(body.dump()).error().detail(),
              "session state: nfs.nfs_port 70000: must be a whole number from 0 to 65535");
    EXPECT_EQ(parse_state("{}").error().detail(), "session state: schema is missing: must be 1");
}

TEST(State, refuses_what_could_make_a_sweeper_harm_others) {
    const std::string good = format_state(full_state());
    const auto with = [&good](const std::string& what, const std::string& instead) {
        std::string text = good;
        const size_t at = text.find(what);
        EXPECT_NE(at, std::string::npos) << what;
        return parse_state(text.replace(at, what.size(), instead));
    };
    EXPECT_FALSE(with("/var/lib/berth/swap/s1-swap.raw", "/var/lib/berth/swap/../../../../etc/passwd"));
    EXPECT_FALSE(with("/run/berth/vm/s1", "run"));
    EXPECT_FALSE(with("\"session\": \"s1\"", "\"session\": \"../s1\""));
    EXPECT_FALSE(with("4711", "1"));
    EXPECT_FALSE(with("4711", "-1"));
    EXPECT_FALSE(with("\"vm\": \"work\"", "\"vm\": \"..\""));
    EXPECT_FALSE(with("2049", "70000"));
    // What the json library would bend into a number of the wanted type.
    for (const std::string number : {"-1", "1.5", "1e300", "18446744073709551616", "true", "\"7\"", "[7]"}) {
        for (const std::string key : {"uid", "gid", "epoch", "mount_port", "volume_start"}) {
            auto body = nlohmann::json::parse(good);
            nlohmann::json& place = key == "epoch"          ? body["lock"]
                                    : key == "volume_start" ? body
                                                            : body["nfs"];
            place[key] = nlohmann::json::parse(number);
            EXPECT_FALSE(parse_state(body.dump())) << key << " " << number;
        }
        auto body = nlohmann::json::parse(good);
        body["nfs"]["groups"] = nlohmann::json::parse("[1," + number + "]");
        EXPECT_FALSE(parse_state(body.dump())) << number;
    }
    EXPECT_FALSE(with("\"schema\": 1", "\"schema\": 2"));
    EXPECT_FALSE(parse_state(good.substr(0, good.size() / 2)));
}

TEST_F(Store, keeps_states_lists_them_and_removes_them) {
    StateStore store(folder_, nullptr, report_);
    ASSERT_TRUE(store.save(full_state()));
    auto list = store.list();
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 1u);
    EXPECT_EQ(*list->front().state, full_state());
    ASSERT_TRUE(store.remove("s1"));
    ASSERT_TRUE(store.remove("s1"));
    EXPECT_TRUE(store.list()->empty());
}

TEST_F(Store, lets_one_hold_a_session_at_a_time) {
    StateStore store(folder_, nullptr, report_), other(folder_, nullptr, report_);
    {
        auto claim = store.claim("s1");
        ASSERT_TRUE(claim && *claim);
        auto second = other.claim("s1");
        ASSERT_TRUE(second);
        EXPECT_FALSE(*second);
    }
    auto third = other.claim("s1");
    EXPECT_TRUE(third && *third);
}

TEST_F(Store, keeps_a_copy_at_the_provisioner_of_a_diskless_client) {
    StateStore store(folder_, &remote_, report_);
    ASSERT_TRUE(store.save(full_state()));
    EXPECT_EQ(*parse_state(remote_.texts["s1"]), full_state());
    ASSERT_TRUE(store.remove("s1"));
    EXPECT_TRUE(remote_.texts.empty());
}

TEST_F(Store, gives_only_its_own_files_to_whoever_finishes_sessions) {
    StateStore store(folder_, &remote_, report_);
    ASSERT_TRUE(store.save(full_state()));
    std::filesystem::remove(folder_ + "/s1.json");  // the power went; or it was never this client's
    EXPECT_TRUE(store.list()->empty());
    EXPECT_FALSE(*store.load("s1"));
    EXPECT_TRUE(remote_.texts.contains("s1"));
}

TEST_F(Store, its_own_file_counts_and_never_the_provisioners_copy) {
    StateStore store(folder_, &remote_, report_);
    ASSERT_TRUE(store.save(full_state()));
    SessionState forged = full_state();
    forged.lock->epoch = 99;
    remote_.texts["s1"] = format_state(forged);
    EXPECT_EQ(*store.list()->front().state, full_state());
}

TEST_F(Store, a_later_lock_takes_the_lower_ones_of_the_same_vm_away_from_the_provisioner) {
    StateStore store(folder_, &remote_, report_);
    SessionState ours = full_state(), lower = full_state(), unlocked = full_state(), higher = full_state(),
                 other = full_state();
    lower.lock->epoch = 6;
    unlocked.lock.reset();
    higher.lock->epoch = 8;
    other.vm = "play";
    remote_.texts = {{"lower", format_state(lower)},
                     {"unlocked", format_state(unlocked)},
                     {"higher", format_state(higher)},
                     {"other", format_state(other)},
                     {"nonsense", "{"},
                     {"../lower", format_state(lower)}};
    ASSERT_TRUE(store.save(ours));
    store.forget_below(ours);
    std::vector<std::string> left;
    for (const auto& [name, text] : remote_.texts) left.push_back(name);
    EXPECT_EQ(left, (std::vector<std::string>{"../lower", "higher", "nonsense", "other", "s1"}));
    remote_.down = true;
    store.forget_below(ours);
    EXPECT_TRUE(report_.has("session states at the provisioner are unknown"));
}

TEST_F(Store, goes_on_when_the_provisioner_is_down_and_says_so) {
    remote_.down = true;
    StateStore store(folder_, &remote_, report_);
    ASSERT_TRUE(store.save(full_state()));
    EXPECT_TRUE(report_.has("session state not kept at the provisioner"));
    EXPECT_EQ(store.list()->size(), 1u);
}

TEST_F(Store, tells_of_a_file_that_it_cannot_read_and_keeps_it) {
    ASSERT_TRUE(write_file_durably(folder_ + "/s2.json", "{"));
    StateStore store(folder_, nullptr, report_);
    auto list = store.list();
    ASSERT_EQ(list->size(), 1u);
    EXPECT_FALSE(list->front().state);
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/s2.json"));
}

TEST_F(Store, gives_nothing_to_delete_that_is_not_the_sessions_own) {
    StateStore store(folder_, &remote_, report_);
    for (const auto& [run_dir, swap] : {std::pair{"/etc", "/var/lib/berth/swap/s1-swap.raw"},
                                        {"/run/berth/vm", "/var/lib/berth/swap/s1-swap.raw"},
                                        {"/run/berth/vm/s2", "/var/lib/berth/swap/s1-swap.raw"},
                                        {"/run/berth/vm/s1", "/etc/shadow"},
                                        {"/run/berth/vm/s1", "/var/lib/berth/swap/s2-swap.raw"},
                                        {"/run/berth/vm/s1", "/var/lib/berth/swap/s1-a/b"}}) {
        SCOPED_TRACE(fmt::format("{} {}", run_dir, swap));
        SessionState foreign = full_state();
        foreign.run_dir = run_dir;
        foreign.swap = {swap};
        ASSERT_TRUE(write_file_durably(folder_ + "/s1.json", format_state(foreign)));
        auto list = store.list();
        ASSERT_TRUE(list);
        ASSERT_EQ(list->size(), 1u);
        EXPECT_FALSE(list->front().state);
    }
}

}  // namespace
}  // namespace berth::session
