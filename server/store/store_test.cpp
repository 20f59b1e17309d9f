// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/store/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <thread>

#include "base/fd.h"
#include "base/spawn.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"

namespace berth::server {
namespace {

class StoreTest : public testing::Test {
  protected:
    StoreTest() {
        char name[] = "/tmp/berth-store-XXXXXX";
        folder = mkdtemp(name);
        store = reopen();
    }
    ~StoreTest() override { std::filesystem::remove_all(folder); }

    std::unique_ptr<Store> reopen() {
        auto opened = Store::open(folder + "/a.db", clock);
        EXPECT_TRUE(opened) << opened.error().to_log();
        return std::move(*opened);
    }
    Machine added(const std::string& mac, const std::string& name = "", const std::string& uuid = "") {
        Machine m;
        m.name = name;
        if (!mac.empty()) m.macs = {mac};
        m.uuid = uuid;
        auto result = store->add(m);
        EXPECT_TRUE(result) << result.error().to_log();
        return *result;
    }
    void sqlite(const std::string& statement) {
        ASSERT_TRUE(
            run_checked({.arguments = {"sqlite3", folder + "/a.db", statement}}, std::chrono::seconds(30)));
    }

    std::string folder;
    FakeClock clock;
    std::unique_ptr<Store> store;
};
const std::string k_mac = "52:54:00:00:00:01", k_other = "52:54:00:00:00:02",
                  k_uuid = "12345678-abcd-4000-8000-0123456789ab";

/// What the first release made of a database, with what machines sent it.
constexpr const char* k_version_1 = R"sql(
CREATE TABLE machines (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL, serial TEXT NOT NULL, enabled INTEGER NOT NULL, marked INTEGER NOT NULL, settings TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0, platform TEXT NOT NULL DEFAULT '', boot_id TEXT NOT NULL DEFAULT '', stage TEXT NOT NULL DEFAULT '', percent INTEGER NOT NULL DEFAULT -1, error TEXT NOT NULL DEFAULT '', facts TEXT NOT NULL DEFAULT 'null', session TEXT NOT NULL DEFAULT 'null') STRICT;
CREATE INDEX machines_uuid ON machines (uuid);
CREATE TABLE macs (mac TEXT PRIMARY KEY, machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX macs_machine ON macs (machine);
CREATE TABLE tokens (n INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, token TEXT NOT NULL, made INTEGER NOT NULL) STRICT;
CREATE INDEX tokens_machine ON tokens (machine, n);
CREATE TABLE states (machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, name TEXT NOT NULL, body TEXT NOT NULL, written INTEGER NOT NULL, PRIMARY KEY (machine, name)) STRICT, WITHOUT ROWID;
CREATE TABLE policy (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO machines (id, name, uuid, serial, enabled, marked, settings, created) VALUES
 ('m-0001', 'desk', '03000200-0400-0500-0006-000700080009', 'To be filled by O.E.M.', 1, 0, '{"keymap":"de"}', 1),
 ('m-0002', 'good', '12345678-abcd-4000-8000-0123456789ab', ' SN 1 ', 1, 0, '{}', 1),
 ('m-0003', 'by-uuid', '22345678-abcd-4000-8000-0123456789ab', '', 1, 0, '{}', 1);
INSERT INTO macs VALUES ('52:54:00:00:00:01', 'm-0001', 0), ('88:88:88:88:87:88', 'm-0001', 1);
INSERT INTO tokens (machine, token, made) VALUES ('m-0001', 'token', 1);
INSERT INTO states VALUES ('m-0001', 's1', '{}', 1);
PRAGMA user_version = 1;
)sql";

TEST_F(StoreTest, keeps_what_was_added_over_a_restart) {
    Machine m{.id = {},
              .name = "desk",
              .macs = {k_mac, k_other},
              .uuid = k_uuid,
              .serial = "S 1",
              .enabled = false,
              .marked = true,
              .settings = {{"keymap", "de"}},
              .status = {}};
    const auto id = store->add(m)->id;
    EXPECT_EQ(id, "m-0001");
    store = reopen();
    const auto found = store->find(id).value();
    EXPECT_EQ(found.name, "desk");
    EXPECT_EQ(found.macs, (std::vector<std::string>{k_mac, k_other}));
    EXPECT_EQ(found.uuid, k_uuid);
    EXPECT_FALSE(found.enabled);
    EXPECT_TRUE(found.marked);
    EXPECT_EQ(found.settings, m.settings);
    EXPECT_EQ(found.status.seen, 0);
}

TEST_F(StoreTest, is_found_by_id_name_and_any_of_its_macs) {
    const auto m = added(k_mac, "desk");
    for (const char* word : {"m-0001", "desk", "52-54-00-00-00-01", "525400000001"})
        EXPECT_EQ(store->find(word)->id, m.id) << word;
    for (const char* word : {"", "m-0002", "des", "%", "' OR 1=1 --", "52:54:00:00:00:02"})
        EXPECT_EQ(code_of(store->find(word)), "BERTH-P02") << word;
}

TEST_F(StoreTest, hostile_text_is_only_text) {
    Machine m;
    m.macs = {k_mac};
    m.serial = "'); DROP TABLE machines; --";
    ASSERT_TRUE(store->add(m));
    EXPECT_EQ(store->machines()->size(), 1u);
    EXPECT_EQ(store->machines()->front().serial, m.serial);
    EXPECT_EQ(code_of(store->check_token("m-0001' OR '1'='1", "' OR '1'='1")), "BERTH-P03");
}

TEST_F(StoreTest, an_unnamed_machine_is_named_by_its_address) {
    EXPECT_EQ(added(k_mac).name, "berth-525400000001");
}

TEST_F(StoreTest, an_unnamed_machine_never_meets_anothers_name) {
    added(k_other, "berth-525400000001");
    EXPECT_EQ(added(k_mac).name, "berth-525400000001-2");
}

TEST_F(StoreTest, refuses_a_name_or_mac_that_is_anothers) {
    added(k_mac, "desk");
    Machine same_name{.name = "desk", .macs = {k_other}}, same_mac{.name = "b", .macs = {k_other, k_mac}},
        nothing{.name = "c"};
    EXPECT_EQ(code_of(store->add(same_name)), "BERTH-P07");
    EXPECT_EQ(code_of(store->add(same_mac)), "BERTH-P07");
    EXPECT_EQ(code_of(store->add(nothing)), "BERTH-P06");
    EXPECT_EQ(store->machines()->size(), 1u);
}

TEST_F(StoreTest, an_id_is_never_used_again) {
    EXPECT_EQ(added(k_mac).id, "m-0001");
    ASSERT_TRUE(store->remove("m-0001"));
    EXPECT_EQ(added(k_mac).id, "m-0002");
}

TEST_F(StoreTest, at_boot_a_record_is_found_by_a_mac_or_by_uuid_and_serial_and_never_by_a_uuid_alone) {
    Machine board{.name = "by-board", .uuid = k_uuid, .serial = "SN 1"};
    ASSERT_TRUE(store->add(board));
    added(k_mac, "with-mac");
    const std::map<Match, std::string> k_not_found{{Match::unknown, "unknown"},
                                                   {Match::conflict, "conflict"}};
    const auto name = [&](const Hardware& seen) {
        const auto found = store->identify(seen).value();
        return found.machine ? found.machine->name : k_not_found.at(found.who.match);
    };
    EXPECT_EQ(name({k_mac, "", ""}), "with-mac");
    EXPECT_EQ(name({k_other, k_uuid, "SN 1"}), "by-board");
    EXPECT_EQ(name({k_other, swapped_uuid(k_uuid), "SN 1"}), "by-board");
    EXPECT_EQ(name({k_other, k_uuid, ""}), "unknown");
    EXPECT_EQ(name({k_other, k_uuid, "SN 2"}), "unknown");
    EXPECT_EQ(name({k_mac, k_uuid, "SN 1"}), "conflict");
}

TEST_F(StoreTest, learns_what_is_new_of_a_machine_and_gives_it_to_no_other) {
    added(k_mac, "desk");
    // Two machines with one MAC ask at once: both have read that nothing differs, and one is first to write.
    ASSERT_EQ(store->identify({k_mac, k_uuid, "SN 1"})->who.match, Match::found);
    ASSERT_EQ(store->identify({k_mac, "", "SN 2"})->who.match, Match::found);
    EXPECT_EQ(store->learn({k_mac, k_uuid, "SN 1"})->who.match, Match::found);
    const auto second = store->learn({k_mac, "", "SN 2"}).value();
    EXPECT_EQ(second.who.match, Match::conflict);
    EXPECT_FALSE(second.machine);
    EXPECT_EQ(store->find("desk")->serial, "SN 1");
    EXPECT_EQ(store->learn({k_other, k_uuid, "SN 1"})->who.match, Match::mac_added);
    EXPECT_EQ(store->find("desk")->macs, (std::vector<std::string>{k_mac, k_other}));
    EXPECT_EQ(store->identify({k_other, "", ""})->who, (Identification{Match::found, "m-0001", ""}));
}

TEST_F(StoreTest, lists_conflicts_counts_them_and_keeps_the_latest) {
    added(k_mac);
    for (int i = 0; i < 20; ++i) {
        clock.advance(std::chrono::seconds(1));
        ASSERT_TRUE(store->note_conflict("m-0001", {k_mac, "", fmt::format("SN {}", i)}));
    }
    clock.advance(std::chrono::seconds(1));
    ASSERT_TRUE(store->note_conflict("m-0001", {k_mac, "", "SN 19"}));
    ASSERT_TRUE(store->note_conflict("m-0009", {k_mac, "", ""})) << "removed meanwhile";
    const auto list = store->conflicts().value();
    ASSERT_EQ(list.size(), static_cast<size_t>(k_max_conflicts));
    EXPECT_EQ(list[0].seen, (Hardware{k_mac, "", "SN 19"}));
    EXPECT_EQ(list[0].times, 2);
    EXPECT_EQ(list[0].first, 1'700'000'020);
    EXPECT_EQ(list[0].last, 1'700'000'021);
    EXPECT_EQ(list[1].seen.serial, "SN 18");
    ASSERT_TRUE(store->remove("m-0001"));
    EXPECT_TRUE(store->conflicts()->empty());
}

TEST_F(StoreTest, a_machine_that_has_a_record_of_its_own_is_a_conflict_no_more) {
    added(k_mac);
    ASSERT_TRUE(store->note_conflict("m-0001", {k_mac, k_uuid, "SN 2"}));
    ASSERT_TRUE(store->add({.name = "own", .uuid = k_uuid, .serial = "SN 2"}));
    EXPECT_TRUE(store->conflicts()->empty());
}

TEST_F(StoreTest, replacing_moves_the_record_and_nothing_of_the_old_hardware) {
    Machine old{
        .name = "desk", .macs = {k_mac}, .uuid = k_uuid, .serial = "SN 1", .settings = {{"keymap", "de"}}};
    ASSERT_TRUE(store->add(old));
    ASSERT_TRUE(store->add_token("m-0001", "token"));
    ASSERT_TRUE(store->post_status("m-0001", {.facts = nlohmann::json{{"disks", nlohmann::json::array()}}}));
    ASSERT_TRUE(store->put_state("m-0001", "s1", "{}"));
    ASSERT_TRUE(store->note_conflict("m-0001", {k_mac, "", "SN 2"}));
    added(k_other, "new");
    const auto good = [](const Machine&, const Machine* other) {
        EXPECT_EQ(other->name, "new");
        return Status();
    };
    EXPECT_EQ(code_of(store->replace("m-0001", {}, "m-0001", good)), "BERTH-P02");
    EXPECT_EQ(code_of(store->replace("m-0001", {}, "m-0009", good)), "BERTH-P02");
    ASSERT_TRUE(store->replace("m-0001", {}, "m-0002", good));
    const auto m = store->find("desk").value();
    EXPECT_EQ(m.id, "m-0001");
    EXPECT_EQ(m.macs, std::vector<std::string>{k_other});
    EXPECT_EQ(m.uuid + m.serial, "");
    EXPECT_EQ(m.settings.at("keymap"), "de");
    EXPECT_TRUE(m.status.facts.is_null());
    EXPECT_EQ(code_of(store->check_token("m-0001", "token")), "BERTH-P03");
    EXPECT_EQ(code_of(store->find("new")), "BERTH-P02");
    EXPECT_TRUE(store->conflicts()->empty());
    EXPECT_EQ(store->identify({k_mac, k_uuid, "SN 1"})->who, Identification{});
}

TEST_F(StoreTest, stores_no_placeholder_and_no_record_by_which_nobody_is_known) {
    EXPECT_EQ(code_of(store->add({.name = "a", .macs = {k_mac}, .serial = "None"})), "BERTH-P06");
    EXPECT_EQ(code_of(store->add({.name = "a", .macs = {"88:88:88:88:87:88"}})), "BERTH-P06");
    EXPECT_EQ(
        code_of(store->add({.name = "a", .macs = {k_mac}, .uuid = "03000200-0400-0500-0006-000700080009"})),
        "BERTH-P06");
    EXPECT_EQ(code_of(store->add({.name = "a", .uuid = k_uuid})), "BERTH-P06");
    ASSERT_TRUE(store->add({.name = "a", .uuid = k_uuid, .serial = "SN 1"}));
    EXPECT_EQ(code_of(store->add({.name = "b", .uuid = k_uuid, .serial = "SN 1"})), "BERTH-P07");
}

TEST_F(StoreTest, a_database_of_version_1_is_brought_forward_and_its_placeholders_forgotten) {
    store.reset();
    std::filesystem::remove_all(folder + "/a.db");
    for (const char* more : {"-wal", "-shm"}) std::filesystem::remove(folder + "/a.db" + more);
    sqlite(k_version_1);
    store = reopen();
    const auto desk = store->find("desk").value();
    EXPECT_EQ(desk.uuid, "");
    EXPECT_EQ(desk.serial, "");
    EXPECT_EQ(desk.macs, std::vector<std::string>{k_mac});
    EXPECT_EQ(desk.settings.at("keymap"), "de");
    const auto good = store->find("good").value();
    EXPECT_EQ(good.uuid, k_uuid);
    EXPECT_EQ(good.serial, "SN 1");
    EXPECT_TRUE(store->check_token("m-0001", "token"));
    EXPECT_EQ(store->state("m-0001", "s1")->value(), "{}");
    EXPECT_TRUE(store->conflicts()->empty());
    EXPECT_EQ(desk.status.again, 0);
    EXPECT_TRUE(store->add_token("m-0001", "new", "berth/1-x"));
    // Known by its UUID alone so far; an admin may still change what else it has.
    EXPECT_TRUE(store->update("m-0003", [](Machine& m) {
        m.settings["keymap"] = "fr";
        return Status();
    }));
}

TEST_F(StoreTest, reads_wait_for_no_writer_and_writes_only_as_long_as_they_were_told) {
    added(k_mac);
    ASSERT_TRUE(store->add_token("m-0001", "token"));
    auto other = std::move(*Store::open(folder + "/a.db", clock, std::chrono::milliseconds(1)));
    ASSERT_TRUE(store->update("m-0001", [&](Machine&) -> Status {  // holds the write lock
        EXPECT_TRUE(other->identify({k_mac, "", ""})->machine);
        EXPECT_TRUE(other->policy());
        EXPECT_TRUE(other->check_token("m-0001", "token"));
        EXPECT_EQ(other->find("m-0001")->id, "m-0001");
        EXPECT_EQ(code_of(other->add_token("m-0001", "more")), "BERTH-P04");
        // And of this process's own writers.
        EXPECT_TRUE(store->identify({k_mac, "", ""})->machine);
        return {};
    }));
    EXPECT_TRUE(other->add_token("m-0001", "more"));
}

TEST_F(StoreTest, update_changes_all_or_nothing) {
    added(k_mac, "a");
    added(k_other, "b");
    EXPECT_EQ(code_of(store->update("m-0002",
                                    [](Machine& m) {
                                        m.name = "a";
                                        return Status();
                                    })),
              "BERTH-P07");
    EXPECT_EQ(code_of(store->update("m-0002", [](Machine&) -> Status { return fail(ErrorCode::P06); })),
              "BERTH-P06");
    EXPECT_EQ(code_of(store->update("m-0009", [](Machine&) { return Status(); })), "BERTH-P02");
    EXPECT_EQ(store->find("m-0002")->name, "b");
    ASSERT_TRUE(store->update("m-0002", [](Machine& m) {
        m.name = "c", m.settings["mode"] = "local";
        return Status();
    }));
    EXPECT_EQ(store->find("m-0002")->settings.at("mode"), "local");
}

TEST_F(StoreTest, the_newest_tokens_are_good_and_only_for_their_machine) {
    added(k_mac);
    added(k_other);
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(store->add_token("m-0001", "token" + std::to_string(i)));
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(store->check_token("m-0001", "token" + std::to_string(i)).has_value(), i >= 2) << i;
    EXPECT_EQ(code_of(store->check_token("m-0002", "token5")), "BERTH-P03");
    EXPECT_EQ(code_of(store->check_token("m-0001", "")), "BERTH-P03");
}

TEST_F(StoreTest, releases_only_builds_that_no_token_names) {
    added(k_mac);
    ASSERT_TRUE(store->add_token("m-0001", "a", "berth/1-x", "site/2-x"));
    std::vector<std::string> released;
    const auto release = [&] {
        released.clear();
        EXPECT_TRUE(
            store->release_builds({"berth/1-x", "site/1-x", "site/2-x"}, [&](const std::string& build) {
                released.push_back(build);
                return Status();
            }));
        return released;
    };
    EXPECT_EQ(release(), std::vector<std::string>{"site/1-x"});
    for (size_t i = 0; i + 1 < k_kept_tokens; ++i)
        ASSERT_TRUE(store->add_token("m-0001", "b" + std::to_string(i)));
    EXPECT_EQ(release(), std::vector<std::string>{"site/1-x"});
    ASSERT_TRUE(store->add_token("m-0001", "c"));
    EXPECT_EQ(release().size(), 3u) << "the token is one of the four newest no more";
    EXPECT_FALSE(store->release_builds({"a"}, [](const auto&) { return Status(fail(ErrorCode::I01, "x")); }));
}

TEST_F(StoreTest, counts_the_boots_again_until_a_prompt) {
    added(k_mac);
    const auto post = [&](const char* stage) {
        StatusPost status;
        status.stage = stage;
        ASSERT_TRUE(store->post_status("m-0001", status));
    };
    const auto again = [&] { return store->find("m-0001")->status.again; };
    EXPECT_EQ(again(), 0);
    for (const char* stage : {"bootstrap", "fetch", "again", "bootstrap", "again"}) post(stage);
    EXPECT_EQ(again(), 2);
    ASSERT_TRUE(store->seen_at_boot("m-0001", Platform::efi));
    EXPECT_EQ(again(), 2) << "it is what the next decision needs";
    post("prompt");
    EXPECT_EQ(again(), 0);
    post("again");
    ASSERT_TRUE(store->forget_again("m-0001"));
    EXPECT_EQ(again(), 0);
}

TEST_F(StoreTest, a_status_changes_only_the_parts_it_has) {
    added(k_mac);
    StatusPost first{.boot_id = "b1",
                     .stage = "fetch",
                     .percent = 40,
                     .error = "slow",
                     .facts = nlohmann::json{{"cores", 2}},
                     .session = nlohmann::json{{"user", "ann"}}};
    ASSERT_TRUE(store->post_status("m-0001", first));
    StatusPost second;
    second.stage = "prompt";
    clock.advance(std::chrono::seconds(5));
    ASSERT_TRUE(store->post_status("m-0001", second));
    auto s = store->find("m-0001")->status;
    EXPECT_EQ(s.stage, "prompt");
    EXPECT_EQ(s.percent, -1);  // It was the last stage's.
    EXPECT_EQ(s.error, "slow");
    EXPECT_EQ(s.facts["cores"], 2);
    EXPECT_EQ(s.session["user"], "ann");
    EXPECT_EQ(s.seen, 1'700'000'005);
    StatusPost third{.error = "", .session = nlohmann::json()};
    ASSERT_TRUE(store->post_status("m-0001", third));
    s = store->find("m-0001")->status;
    EXPECT_EQ(s.error, "");
    EXPECT_TRUE(s.session.is_null());
    EXPECT_EQ(code_of(store->post_status("m-0009", second)), "BERTH-P02");
}

TEST_F(StoreTest, no_session_outlives_its_boot) {
    added(k_mac);
    const StatusPost running{.boot_id = "b1", .session = nlohmann::json{{"user", "ann"}, {"vm", "work"}}};
    const auto session = [&] { return store->find("m-0001")->status.session; };
    ASSERT_TRUE(store->post_status("m-0001", running));
    ASSERT_TRUE(store->post_status("m-0001", {.boot_id = "b1", .stage = "prompt"}));
    EXPECT_EQ(session()["vm"], "work");
    ASSERT_TRUE(store->post_status("m-0001", {.boot_id = "b2", .stage = "bootstrap"}));
    EXPECT_TRUE(session().is_null());
    ASSERT_TRUE(store->post_status("m-0001", running));
    ASSERT_TRUE(store->seen_at_boot("m-0001", Platform::efi));
    EXPECT_TRUE(session().is_null());
}

TEST_F(StoreTest, a_request_to_make_the_data_partition_anew_ends_when_it_was_carried_out) {
    added(k_mac);
    const auto wish = [&] { return store->find("m-0001")->settings.at("data"); };
    const auto says = [&](const nlohmann::json& data) {
        ASSERT_TRUE(store->post_status("m-0001", {.facts = nlohmann::json{{"data", data}}}));
    };
    ASSERT_TRUE(store->update("m-0001", [](Machine& m) {
        m.settings["data"] = "remake-2";
        m.settings["keymap"] = "de";
        return Status();
    }));
    says({{"kind", "memory"}, {"why", "fsck.ext4 ended with code 4"}});
    EXPECT_EQ(wish(), "remake-2");
    says({{"kind", "persistent"}, {"remade", "remake-1"}});
    EXPECT_EQ(wish(), "remake-2") << "that was an earlier request";
    ASSERT_TRUE(store->post_status("m-0001", {.boot_id = "b", .stage = "prompt"}));
    EXPECT_EQ(wish(), "remake-2");
    says({{"kind", "persistent"}, {"remade", "remake-2"}});
    EXPECT_EQ(wish(), "auto");
    EXPECT_EQ(store->find("m-0001")->settings.at("keymap"), "de");
    ASSERT_TRUE(store->update("m-0001", [](Machine& m) {
        m.settings["data"] = "none";
        return Status();
    }));
    says({{"kind", "persistent"}, {"remade", "none"}});
    EXPECT_EQ(wish(), "none") << "not a request";
}

TEST_F(StoreTest, state_files_are_kept_bounded_and_go_with_their_machine) {
    added(k_mac);
    const std::string large(k_max_state_bytes, 'x');
    ASSERT_TRUE(store->put_state("m-0001", "s0.json", large));
    EXPECT_EQ(store->state("m-0001", "s0.json")->value(), large);
    EXPECT_EQ(code_of(store->put_state("m-0001", "s0.json", large + "x")), "BERTH-P08");
    for (size_t i = 1; i < k_max_state_files; ++i)
        ASSERT_TRUE(store->put_state("m-0001", fmt::format("s{}.json", i), "{}"));
    EXPECT_EQ(code_of(store->put_state("m-0001", "more.json", "{}")), "BERTH-P08");
    ASSERT_TRUE(store->put_state("m-0001", "s1.json", "{\"a\":1}"));
    EXPECT_EQ(store->state_names("m-0001")->size(), k_max_state_files);
    ASSERT_TRUE(store->remove_state("m-0001", "s1.json"));
    ASSERT_TRUE(store->remove_state("m-0001", "s1.json"));
    EXPECT_FALSE(store->state("m-0001", "s1.json")->has_value());
    ASSERT_TRUE(store->remove("m-0001"));
    EXPECT_TRUE(store->state_names("m-0001")->empty());
}

TEST_F(StoreTest, policy_is_kept_over_a_restart) {
    EXPECT_EQ(store->policy()->unknown, UnknownPolicy::local);
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {{"image", "x"}}}));
    store = reopen();
    EXPECT_EQ(store->policy()->unknown, UnknownPolicy::enrol);
    EXPECT_EQ(store->policy()->defaults, (Settings{{"image", "x"}}));
}

TEST_F(StoreTest, values_edited_behind_its_back_are_checked_again) {
    added(k_mac);
    sqlite(R"(UPDATE machines SET settings = '{"image":"x y||shell","keymap":"de","nonsense":"1"}')");
    EXPECT_EQ(store->find("m-0001")->settings, (Settings{{"keymap", "de"}}));
    sqlite("UPDATE machines SET settings = 'not json', facts = '{'");
    EXPECT_EQ(store->find("m-0001")->settings, Settings());
}

TEST_F(StoreTest, keeps_a_setting_that_is_not_valid_until_an_admin_replaces_it) {
    ASSERT_TRUE(store->add({.macs = {"52:54:00:00:00:01"}}));
    sqlite(
        R"(UPDATE machines SET settings = '{"keymap":"-de","nfs_server":"[fd00::1]","time_zone":"UTC","ntp":["a"]}')");
    sqlite("INSERT INTO policy (key, value) VALUES ('shared', 'fd00::1:/x'), ('bridge', 'br0')");
    auto machine = store->find("m-0001").value();
    EXPECT_EQ(machine.settings, (Settings{{"nfs_server", "fd00::1"}, {"time_zone", "UTC"}}));
    EXPECT_EQ(machine.refused, (Settings{{"keymap", "-de"}, {"ntp", "[\"a\"]"}}));
    auto policy = store->policy().value();
    EXPECT_EQ(policy.defaults, (Settings{{"bridge", "br0"}}));
    EXPECT_EQ(policy.refused, (Settings{{"shared", "fd00::1:/x"}}));
    EXPECT_EQ(left_out(machine, policy), (std::vector<std::string_view>{"keymap", "ntp", "shared"}));
    // Another change does not make it go away unseen.
    ASSERT_TRUE(store->update("m-0001", [](Machine& m) -> Status {
        m.settings["mode"] = "local";
        return {};
    }));
    ASSERT_TRUE(store->set_policy(policy));
    EXPECT_EQ(store->find("m-0001")->refused, machine.refused);
    EXPECT_EQ(store->policy()->refused, policy.refused);
    ASSERT_TRUE(store->update("m-0001", [](Machine& m) -> Status {
        m.refused.erase("keymap");
        m.settings["keymap"] = "de";
        return {};
    }));
    EXPECT_EQ(store->find("m-0001")->settings.at("keymap"), "de");
    EXPECT_EQ(store->find("m-0001")->refused, (Settings{{"ntp", "[\"a\"]"}}));
}

TEST_F(StoreTest, two_processes_work_on_one_file_at_once) {
    auto other = reopen();
    std::vector<std::thread> threads;
    for (auto* s : {store.get(), other.get()})
        threads.emplace_back([s, n = s == store.get() ? 0 : 1] {
            for (int i = 0; i < 50; ++i) {
                Machine m;
                m.macs = {fmt::format("52:54:00:00:{:02x}:{:02x}", n, i)};
                EXPECT_TRUE(s->add(m));
            }
        });
    for (auto& t : threads) t.join();
    EXPECT_EQ(store->machines()->size(), 100u);
}

TEST_F(StoreTest, file_is_for_its_owner_only_and_in_wal_mode) {
    struct stat info{};
    ASSERT_EQ(stat((folder + "/a.db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_TRUE(std::filesystem::exists(folder + "/a.db-wal"));
}

TEST_F(StoreTest, refuses_a_newer_schema_and_what_is_no_database) {
    store.reset();
    sqlite("PRAGMA user_version = 99");
    EXPECT_EQ(code_of(Store::open(folder + "/a.db", clock)), "BERTH-P04");
    ASSERT_TRUE(write_file_durably(folder + "/b.db", std::string(5000, 'x')));
    EXPECT_EQ(code_of(Store::open(folder + "/b.db", clock)), "BERTH-P04");
    EXPECT_EQ(code_of(Store::open(folder + "/no/c.db", clock)), "BERTH-P04");
    EXPECT_EQ(code_of(Store::open("a\".db", clock)), "BERTH-P04");
}

}  // namespace
}  // namespace berth::server
