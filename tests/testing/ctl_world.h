// SPDX-License-Identifier: GPL-3.0-or-later
// A world for a line of berthctl: a console that keeps what is said, users' folders in memory, and a database in
// a temporary folder.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "lock/record.h"
#include "server/ctl/program.h"
#include "server/store/store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"
#include "tests/testing/recording_report.h"

namespace berth::server {

/// If `terminal`, its user answers with `answers`, one after the other.
class RecordedConsole final : public Console {
  public:
    bool terminal = false, progress = false, was_interrupted = false;
    std::vector<std::string> answers;
    std::function<void()> while_asked;  ///< Happens before an answer.
    std::string out, error;
    size_t asked = 0;

    void print(Stream stream, std::string_view text) override {
        (stream == Stream::out ? out : error) += printable(text, std::string_view::npos, Newlines::kept);
    }
    Status print_file(std::string_view bytes) override {
        out += bytes;
        return {};
    }
    bool shows_progress() const override { return progress; }
    void show_progress(std::string_view text) override { error += "\r" + printable(text); }
    void end_progress() override { error += "\n"; }
    bool can_answer() const override { return terminal; }
    std::string answer() override {
        if (while_asked) while_asked();
        return asked < answers.size() ? answers[asked++] : "";
    }
    void heed_interrupts() override {}
    bool interrupted() const override { return was_interrupted; }
};

/// Users, each with a directory in memory.
class MemoryPlaces final : public Places {
  public:
    std::map<std::string, files::MemoryServer> directories;
    std::map<std::string, Error> closed;  ///< Whose directory cannot be opened, and why.

    Result<NfsCredentials> credentials_of(const std::string& user) override {
        if (!directories.contains(user)) return fail(ErrorCode::P29, "\"{}\"", user);
        return NfsCredentials{1000, 1000, {}};
    }
    Result<UserPlace> open(const PlaceOptions& options, const std::string& user, bool /*make*/, Clock& clock,
                           Report& report) override {
        BERTH_TRY(credentials_of(user));
        if (const auto why = closed.find(user); why != closed.end()) return fail(why->second);
        UserPlace place;
        place.user = user;
        place.where = "/srv/users/" + user;
        place.ops = std::make_shared<files::MemoryFiles>(directories.at(user));
        place.directory = guest::user_directory_on(place.ops, nullptr, "", options.times, clock, report);
        place.times = options.times;
        place.owner = [] { return lock::LockOwner{"m-0001", "admin-1", "root", "b"}; };
        return place;
    }
    Result<std::vector<std::string>> users(const PlaceOptions& /*options*/) override {
        std::vector<std::string> names;
        for (const auto& [name, server] : directories) names.push_back(name);
        return names;
    }
};

/// What a line printed, and its exit code.
struct Said {
    int code = 0;
    std::string out, error;
    bool refused(std::string_view code_name) const {
        return code == 1 && error.find(code_name) != std::string::npos;
    }
};

class CtlTest : public testing::Test {
  protected:
    CtlTest() {
        // A database makes every change durable, which a busy disk takes long for.
        char memory[] = "/dev/shm/berth-ctl-XXXXXX", disk[] = "/tmp/berth-ctl-XXXXXX";
        const char* made = mkdtemp(memory);
        folder = made != nullptr ? made : mkdtemp(disk);
        for (const char* user : {"ann", "ben"}) places.directories[user];
    }
    ~CtlTest() override { std::filesystem::remove_all(folder); }

    Said run(std::vector<std::string> line) {
        line.insert(line.begin(), "berthctl");
        std::vector<const char*> argv;
        for (const auto& word : line) argv.push_back(word.c_str());
        Ctl ctl{console, clock, report, places};
        ctl.database = folder + "/berth.db";
        console.out.clear(), console.error.clear(), console.asked = 0;
        const int code = run_line(ctl, static_cast<int>(argv.size()), argv.data());
        return {code, console.out, console.error};
    }
    /// Standard output of a line that works.
    std::string out_of(const std::vector<std::string>& line) {
        const Said said = run(line);
        EXPECT_EQ(said.code, 0) << said.error;
        return said.out;
    }
    /// The line with --json: standard output is one JSON value and nothing else, whatever the exit code.
    nlohmann::json json_of(std::vector<std::string> line, int code = 0) {
        line.emplace_back("--json");
        const Said said = run(line);
        EXPECT_EQ(said.code, code) << said.error;
        auto value = nlohmann::json::parse(said.out, nullptr, false);
        EXPECT_FALSE(value.is_discarded()) << said.out;
        return value;
    }
    /// A person at a terminal who answers so.
    void answers(const std::string& text) {
        console.terminal = true;
        console.answers = {text};
    }

    /// The database, as the provisioner has it open.
    std::unique_ptr<Store> store() {
        auto opened = Store::open(folder + "/berth.db", clock);
        EXPECT_TRUE(opened) << opened.error().to_log();
        return std::move(*opened);
    }
    /// A machine with that MAC, "berth-1".
    std::string add_machine(const std::string& mac = "52:54:00:00:00:01",
                            const std::string& name = "berth-1") {
        auto added = store()->add({.name = name, .macs = {mac}});
        EXPECT_TRUE(added) << added.error().to_log();
        return added->id;
    }

    files::MemoryServer& of(const std::string& user) { return places.directories.at(user); }
    /// ann/work, of one disk of 1 MiB.
    void add_vm() { out_of({"vm", "create", "--directory", "/srv/users", "ann/work", "--disk", "1 MiB"}); }
    /// Another workstation's lock on ann/work.
    void lock_vm(uint64_t epoch = 9) {
        lock::LockRecord record{.owner = {"m-0007", "berth-7", "ann", "b"},
                                .nonce = std::string(32, '0'),
                                .sequence = 1,
                                .since = "2026-01-01T08:00:00Z"};
        of("ann").put(fmt::format("work/lock.{}", epoch), files::FileType::regular,
                      lock::format_lock_record(record));
    }
    std::vector<std::string> names(const std::string& user, const std::string& path = {}) {
        std::vector<std::string> found;
        const auto node = path.empty() ? of(user).root() : of(user).at(path);
        if (node)
            for (const auto& [name, entry] : node->entries) found.push_back(name);
        return found;
    }
    /// A file of that content in the temporary folder; its path.
    std::string file(const std::string& name, const std::string& content) {
        std::ofstream(folder + "/" + name, std::ios::binary) << content;
        return folder + "/" + name;
    }

    std::string folder;
    RecordedConsole console;
    FakeClock clock;
    RecordingReport report;
    MemoryPlaces places;
};

}  // namespace berth::server
