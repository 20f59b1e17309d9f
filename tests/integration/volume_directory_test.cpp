// SPDX-License-Identifier: GPL-3.0-or-later
// UserDirectory on a real NFSv3 server.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include "base/fd.h"
#include "base/spawn.h"
#include "files/nfs/nfs_session.h"
#include "guest/user_directory.h"
#include "lock/protocol.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/lib/rpc_proxy.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

Status always() {
    return {};
}

namespace fs = std::filesystem;
using namespace std::chrono_literals;

void put(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
}

class UserDirectoryOnServer : public ::testing::Test {
  protected:
    UserDirectoryOnServer() {
        fs::create_directories(user() / "work");
        put(user() / "work/machine.toml", "cpus = 1\n");
        put(user() / "work/software.raw", std::string(8192, 's'));
        fs::create_directories(user() / "empty");
        fs::create_directories(user() / "alpha");
        put(user() / "alpha/machine.toml", "");
        own(user());
    }
    /// The tests' user on the server: 4711.
    static void own(const fs::path& path) {
        lchown(path.c_str(), 4711, 4711);
        for (const auto& e : fs::recursive_directory_iterator(path)) lchown(e.path().c_str(), 4711, 4711);
    }
    fs::path user() const { return server_.exported() / "ann"; }
    guest::MountOptions options() const {
        guest::MountOptions o{server_.location("ann"), server_.shared_location(), {4711, 4711, {4711}}};
        o.call_timeout = 5s;
        o.times = {100ms, 2000ms, 3000ms, 1000ms};
        return o;
    }
    std::unique_ptr<guest::UserDirectory> mount() {
        auto mounted = guest::mount_user_directory(options(), files_, clock_, report_);
        EXPECT_TRUE(mounted) << mounted.error().to_log();
        return mounted ? std::move(*mounted) : nullptr;
    }
    static std::set<std::string> names(const fs::path& folder) {
        std::set<std::string> found;
        for (const auto& e : fs::directory_iterator(folder)) found.insert(e.path().filename());
        return found;
    }
    test::GaneshaServer server_;
    SystemClock clock_;
    RecordingReport report_;
    files::FilesHelper files_{test::files_program(), report_};
    lock::LockOwner berth1_{"m-1", "berth-1", "ann", "boot"}, berth2_{"m-2", "berth-2", "ann", "boot"};
};

TEST_F(UserDirectoryOnServer, lists_the_folders_that_hold_a_vm) {
    fs::create_directory_symlink("work", user() / "zlink");
    auto vms = mount()->list_vms();
    ASSERT_TRUE(vms) << vms.error().to_log();
    EXPECT_EQ(*vms, (std::vector<std::string>{"alpha", "work"}));
}

/// Another thread puts a file, then a link, in the place of `path`, until it is destroyed. Not without a
/// pause: Ganesha answers no LOOKUP while the name changes below it again and again.
class Swapping {
  public:
    Swapping(fs::path path, fs::path file, fs::path link)
        : thread_([this, path, file, link](const std::stop_token& stop) {
              const fs::path next = path.parent_path() / ".next";
              while (!stop.stop_requested()) {
                  fs::create_hard_link(file, next);
                  fs::rename(next, path);
                  std::this_thread::sleep_for(200us);
                  fs::create_symlink(link, next);
                  fs::rename(next, path);
                  std::this_thread::sleep_for(200us);
                  ++times;
              }
          }) {}
    std::atomic<int> times = 0;

  private:
    std::jthread thread_;
};

TEST_F(UserDirectoryOnServer, never_reads_what_a_link_out_shows_while_names_are_swapped) {
    server_.stop();
    server_.start({"--attr-seconds", "0"});
    put(user() / "canary", "canary");
    put(user() / "work/inside", "inside");
    put(user() / "work/swapped", "inside");
    own(user());
    auto impatient = options();
    impatient.call_timeout = 2s;
    auto directory = guest::mount_user_directory(impatient, files_, clock_, report_).value();
    std::set<std::string> seen;
    Swapping swapping(user() / "work/swapped", user() / "work/inside", "../canary");
    // Each call of one resolves the name anew; what is found is read by its handle.
    for (int i = 0; i < 5000 && (i < 200 || !seen.contains("read") || !seen.contains("refused")); ++i) {
        auto text = directory->read("work", "swapped", 1000);
        if (text) {
            ASSERT_EQ(*text, "inside");
        }
        auto part = directory->read_at("work", "swapped", 0, 6);
        if (part) {
            ASSERT_EQ(*part, "inside");
        }
        // Else it went while it was looked at, or Ganesha said nothing.
        seen.insert(text ? "read" : failed_as(text, Condition::invalid) ? "refused" : "nothing");
    }
    EXPECT_TRUE(seen.contains("read") && seen.contains("refused")) << "the race was not both won and lost";
    EXPECT_GT(swapping.times, 10);
}

TEST_F(UserDirectoryOnServer, never_works_in_a_folder_that_became_a_link) {
    server_.stop();
    server_.start({"--attr-seconds", "0"});
    fs::create_directories(server_.exported() / "elsewhere");
    put(server_.exported() / "elsewhere/machine.toml", "canary");
    fs::rename(user() / "work", user() / "real");
    fs::create_symlink("../elsewhere", user() / "work");
    own(server_.exported());
    auto directory = mount();
    EXPECT_EQ(*directory->list_vms(), (std::vector<std::string>{"alpha", "real"}));
    EXPECT_EQ(code_of(directory->read("work", "machine.toml", 100)), "BERTH-M09");
    EXPECT_EQ(code_of(directory->facts("work", "machine.toml")), "BERTH-M09");
    EXPECT_FALSE(directory->check_writable("work"));
    EXPECT_FALSE(directory->replace("work", "nvram", "x", always));
    EXPECT_FALSE(directory->lock("work", berth1_, true, nullptr, nullptr));
    EXPECT_EQ(names(server_.exported() / "elsewhere"), (std::set<std::string>{"machine.toml"}));
}

TEST_F(UserDirectoryOnServer, takes_and_releases_a_lock) {
    auto directory = mount();
    uint64_t announced = 0;
    auto taken = directory->lock(
        "work", berth1_, false,
        [&](uint64_t epoch, const std::string&) {
            announced = epoch;
            return Status{};
        },
        nullptr);
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_EQ(taken->epoch, 1u);
    EXPECT_EQ(announced, 1u);
    EXPECT_FALSE(taken->broke);
    EXPECT_TRUE(names(user() / "work").contains("lock.1"));
    auto holder = directory->holder("work");
    ASSERT_TRUE(holder && *holder);
    EXPECT_EQ((*holder)->record.owner.host, "berth-1");
    auto released = directory->release("work", taken->epoch, taken->nonce, {{"software", "software.raw"}});
    ASSERT_TRUE(released) << released.error().to_log();
    EXPECT_EQ(names(user() / "work"), (std::set<std::string>{"last-used.1", "machine.toml", "software.raw"}));
    auto again = directory->lock("work", berth1_, false, nullptr, nullptr);
    ASSERT_TRUE(again) << again.error().to_log();
    EXPECT_EQ(again->epoch, 2u);
    ASSERT_TRUE(again->predecessor);
    EXPECT_EQ(again->predecessor->record.nonce, taken->nonce);
    ASSERT_EQ(again->predecessor->disks.size(), 1u);
    EXPECT_EQ(again->predecessor->disks[0].name, "software");
    EXPECT_EQ(again->predecessor->disks[0].size, 8192u);
}

TEST_F(UserDirectoryOnServer, connects_from_a_port_below_1024_which_a_secure_export_demands) {
    server_.stop();
    server_.start({"--secure"});
    auto session = files::NfsSession::mount(server_.location("ann"), {4711, 4711, {}}, 5s);
    ASSERT_TRUE(session) << session.error().to_log();
    EXPECT_LT((*session)->local_port(), 1024);
    EXPECT_TRUE((*session)->attributes((*session)->root()));
}

TEST_F(UserDirectoryOnServer, goes_on_after_the_server_restarted) {
    auto directory = mount();
    ASSERT_TRUE(directory->list_vms());
    server_.restart();
    // The first call may find the old connection gone; nothing is sent twice unasked.
    auto first = directory->list_vms();
    auto second = first ? std::move(first) : directory->list_vms();
    ASSERT_TRUE(second) << second.error().to_log();
    EXPECT_EQ(second->size(), 2u);
}

TEST_F(UserDirectoryOnServer, asks_about_the_same_root_after_the_server_restarted) {
    auto session = files::NfsSession::mount(server_.location("ann"), {4711, 4711, {}}, 5s);
    ASSERT_TRUE(session) << session.error().to_log();
    server_.restart();
    // The first call may find the old connection gone; the next one makes another.
    auto space = (*session)->space();
    if (!space) space = (*session)->space();
    ASSERT_TRUE(space) << space.error().to_log();
    server_.restart();
    auto limits = (*session)->limits();
    if (!limits) limits = (*session)->limits();
    EXPECT_TRUE(limits) << limits.error().to_log();
}

TEST_F(UserDirectoryOnServer, lists_again_when_the_server_says_that_a_name_went_meanwhile) {
    std::atomic<int> refused{0}, more{3};
    test::RpcProxy proxy(server_.location().nfs_port, [&](uint32_t procedure, const std::string&) {
        if (procedure != test::k_proc_readdir || more == 0) return test::RpcProxy::Fate::pass;
        --more;
        ++refused;
        return test::RpcProxy::Fate::gone;
    });
    guest::MountOptions o = options();
    o.location.nfs_port = proxy.port();
    auto directory = guest::mount_user_directory(o, files_, clock_, report_);
    ASSERT_TRUE(directory) << directory.error().to_log();
    auto vms = (*directory)->list_vms();
    ASSERT_TRUE(vms) << vms.error().to_log();
    EXPECT_EQ(*vms, (std::vector<std::string>{"alpha", "work"}));
    EXPECT_EQ(refused, 3);
    // One that says nothing else is asked six times in all.
    more = 1000;
    auto never = (*directory)->list_vms();
    ASSERT_FALSE(never);
    EXPECT_EQ(code_of(never), "BERTH-M09") << never.error().to_log();
    EXPECT_EQ(refused, 3 + 6);
}

TEST_F(UserDirectoryOnServer, lists_a_directory_in_which_another_renames_all_the_time) {
    server_.stop();
    server_.start({"--attr-seconds", "0"});
    for (int i = 0; i < 50; i++) put(user() / fmt::format("file-{:02}", i), "");
    own(user());
    auto directory = mount();
    std::jthread renaming([&](const std::stop_token& stop) {
        for (int i = 0; !stop.stop_requested(); i++) {
            fs::rename(user() / fmt::format("file-{:02}", i % 50), user() / "renamed");
            fs::rename(user() / "renamed", user() / fmt::format("file-{:02}", i % 50));
            std::this_thread::sleep_for(1ms);
        }
    });
    for (int i = 0; i < 300; i++) {
        auto vms = directory->list_vms();
        ASSERT_TRUE(vms) << "listing " << i << ": " << vms.error().to_log();
    }
}

TEST_F(UserDirectoryOnServer, says_what_is_wrong_with_the_mount) {
    auto code = [this](const NfsLocation& location, std::vector<uint32_t> groups = {}) {
        guest::MountOptions o = options();
        o.location = location;
        o.shared.reset();
        o.call_timeout = 2s;
        o.credentials.groups = std::move(groups);
        auto mounted = guest::mount_user_directory(o, files_, clock_, report_);
        return code_of(mounted);
    };
    NfsLocation good = server_.location("ann");
    NfsLocation no_name = good, refused = good, refused_mount = good;
    no_name.server = "no-such-server.invalid";
    refused.nfs_port = refused_mount.mount_port = 1;
    EXPECT_EQ(code(no_name), "BERTH-M01");
    EXPECT_EQ(code(refused), "BERTH-M02");
    EXPECT_EQ(code(refused_mount), "BERTH-M02");
    // Servers differ in what MOUNT says of what is not exported or not there: NOENT, or ACCES so as not to
    // tell (this one).
    NfsLocation elsewhere = good;
    elsewhere.directory = "/etc";
    for (const auto& location : {elsewhere, server_.location("nobody")}) {
        const std::string_view missing = code(location);
        EXPECT_TRUE(missing == "BERTH-M05" || missing == "BERTH-M06") << missing;
    }
    EXPECT_EQ(code(good, std::vector<uint32_t>(17, 4711)), "BERTH-M12");
    EXPECT_EQ(code(good, std::vector<uint32_t>(16, 4711)), "none") << "16 groups are fine";
    server_.pause();
    EXPECT_EQ(code(good), "BERTH-M04");
    server_.resume();
}

TEST_F(UserDirectoryOnServer, a_silent_server_is_named_with_the_seconds) {
    guest::MountOptions o = options();
    o.call_timeout = 1s;
    auto directory = guest::mount_user_directory(o, files_, clock_, report_);
    ASSERT_TRUE(directory);
    server_.pause();
    auto vms = (*directory)->list_vms();
    server_.resume();
    ASSERT_FALSE(vms);
    EXPECT_EQ(code_of(vms), "BERTH-M04");
    EXPECT_NE(vms.error().detail().find("127.0.0.1"), std::string::npos);
    EXPECT_NE(vms.error().detail().find("1 s"), std::string::npos) << vms.error().detail();
}

/// Readable after a moment, from a thread of its own: Escape.
class Escape {
  public:
    explicit Escape(Duration after)
        : thread_([this, after] {
              std::this_thread::sleep_for(after);
              const uint64_t one = 1;
              (void)!::write(event_.get(), &one, sizeof one);
          }) {}
    files::Interrupt interrupt() const { return {event_.get()}; }

  private:
    UniqueFd event_{::eventfd(0, EFD_CLOEXEC)};
    std::jthread thread_;
};

TEST_F(UserDirectoryOnServer, escape_ends_whatever_waits_for_the_server) {
    const auto given_up = [this](test::RpcProxy::Fate fate, auto operation) {
        std::atomic<bool> armed{false};
        test::RpcProxy proxy(server_.location().nfs_port, [&](uint32_t, const std::string&) {
            return armed ? fate : test::RpcProxy::Fate::pass;
        });
        const Escape escape(200ms);
        guest::MountOptions o = options();
        o.location.nfs_port = proxy.port();
        o.shared.reset();
        o.call_timeout = 60s;
        o.times = lock::LockTimes{};
        o.interrupt = escape.interrupt();
        auto directory = guest::mount_user_directory(o, files_, clock_, report_);
        ASSERT_TRUE(directory) << directory.error().to_log();
        armed = true;
        const BootTime begin = clock_.now();
        EXPECT_EQ(operation(**directory), "BERTH-L05");
        EXPECT_LT(clock_.now() - begin, 20s);
    };
    for (const auto fate : {test::RpcProxy::Fate::keep, test::RpcProxy::Fate::later}) {
        given_up(fate, [](guest::UserDirectory& d) { return code_of(d.list_vms()); });
        given_up(fate, [](guest::UserDirectory& d) { return code_of(d.check_writable("work")); });
        given_up(fate, [this](guest::UserDirectory& d) {
            return code_of(d.lock("work", berth1_, false, nullptr, nullptr));
        });
    }
    // While it connects.
    server_.pause();
    const Escape escape(200ms);
    guest::MountOptions o = options();
    o.call_timeout = 60s;
    o.interrupt = escape.interrupt();
    auto mounted = guest::mount_user_directory(o, files_, clock_, report_);
    server_.resume();
    ASSERT_FALSE(mounted);
    EXPECT_EQ(code_of(mounted), "BERTH-L05");
}

TEST_F(UserDirectoryOnServer, nothing_outlasts_the_time_that_a_step_has) {
    for (int i = 0; i < 3000; i++) put(user() / fmt::format("file-{:06}", i), "");
    own(user());
    for (const auto fate : {test::RpcProxy::Fate::keep, test::RpcProxy::Fate::later}) {
        std::atomic<bool> armed{false};
        test::RpcProxy proxy(server_.location().nfs_port, [&](uint32_t, const std::string&) {
            return armed ? fate : test::RpcProxy::Fate::pass;
        });
        guest::MountOptions o = options();
        o.location.nfs_port = proxy.port();
        o.call_timeout = 60s;
        o.times = lock::LockTimes{};
        auto directory = guest::mount_user_directory(o, files_, clock_, report_);
        ASSERT_TRUE(directory) << directory.error().to_log();
        armed = true;
        const BootTime begin = clock_.now();
        (*directory)->finish_by(begin + 300ms);
        auto taken = (*directory)->lock("work", berth1_, false, nullptr, nullptr);
        ASSERT_FALSE(taken);
        EXPECT_EQ(code_of(taken), "BERTH-M04") << taken.error().to_log();
        EXPECT_LT(clock_.now() - begin, 20s) << "though a lock may be asked for as long as it holds";
    }
    // Each call is quick, but there are many.
    test::RpcProxy slow(server_.location().nfs_port, [&](uint32_t procedure, const std::string&) {
        if (procedure == test::k_proc_lookup) clock_.sleep(10ms);
        return test::RpcProxy::Fate::pass;
    });
    guest::MountOptions o = options();
    o.location.nfs_port = slow.port();
    auto directory = guest::mount_user_directory(o, files_, clock_, report_);
    ASSERT_TRUE(directory) << directory.error().to_log();
    const BootTime begin = clock_.now();
    (*directory)->finish_by(begin + 500ms);
    auto vms = (*directory)->list_vms();
    ASSERT_FALSE(vms);
    EXPECT_EQ(code_of(vms), "BERTH-M04") << vms.error().to_log();
    EXPECT_LT(clock_.now() - begin, 15s);
    (*directory)->finish_by(std::nullopt);
    EXPECT_TRUE((*directory)->read("work", "machine.toml", 100)) << "the way back has its own time";
}

TEST_F(UserDirectoryOnServer, really_writes_to_know_that_it_may) {
    auto directory = mount();
    EXPECT_TRUE(directory->check_writable("work"));
    EXPECT_EQ(names(user() / "work"), (std::set<std::string>{"machine.toml", "software.raw"}));
    EXPECT_EQ(code_of(directory->check_writable("nothing")), "BERTH-M09");
    ASSERT_EQ(::chown((user() / "alpha").c_str(), 0, 0), 0);
    EXPECT_EQ(code_of(directory->check_writable("alpha")), "BERTH-M06");
    server_.stop();
    server_.start({"--ro"});
    auto read_only = mount()->check_writable("work");
    ASSERT_FALSE(read_only);
    EXPECT_EQ(code_of(read_only), "BERTH-M03") << read_only.error().to_log();
}

TEST_F(UserDirectoryOnServer, a_supplementary_group_counts) {
    ASSERT_EQ(::chown((user() / "work").c_str(), 0, 5000), 0);
    ASSERT_EQ(::chmod((user() / "work").c_str(), 0770), 0);
    EXPECT_EQ(code_of(mount()->check_writable("work")), "BERTH-M06");
    guest::MountOptions o = options();
    o.credentials.groups = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 5000};
    auto member = guest::mount_user_directory(o, files_, clock_, report_);
    ASSERT_TRUE(member);
    auto writable = (*member)->check_writable("work");
    EXPECT_TRUE(writable) << writable.error().to_log();
}

TEST_F(UserDirectoryOnServer, no_space_left_is_its_own_error) {
    server_.stop();
    const std::string disk = fmt::format(BERTH_SOURCE_DIR "/tests/lib/memory-disk 1M {0} && chmod 777 {0}",
                                         server_.exported().string());
    ASSERT_EQ(std::system(disk.c_str()), 0);
    struct Unmount {
        std::string path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } unmount{server_.exported()};
    fs::create_directories(user() / "work");
    put(user() / "work/machine.toml", "");
    {
        // Block by block: ext4 takes nothing of a write that does not fit.
        std::ofstream full(user() / "work/full.raw", std::ios::binary);
        while (full << std::string(1024, 'f') << std::flush) continue;
    }
    own(user());
    server_.start({});
    {
        auto directory = mount();
        auto left = directory->space_left();
        ASSERT_TRUE(left);
        EXPECT_LT(left->bytes, 8192u);
        auto full = directory->check_writable("work");
        ASSERT_FALSE(full);
        EXPECT_EQ(code_of(full), "BERTH-M07") << full.error().to_log();
        EXPECT_EQ(names(user() / "work"), (std::set<std::string>{"full.raw", "machine.toml"}));
    }
    server_.stop();
}

TEST_F(UserDirectoryOnServer, a_used_up_quota_on_a_server_that_copies_on_write_spoils_no_renewal) {
    server_.stop();
    const auto sh = [](const std::string& script) {
        SpawnOptions o;
        o.arguments = {"/bin/sh", "-ec", script};
        auto done = run_checked(o, 60s);
        ASSERT_TRUE(done) << done.error().to_log();
    };
    const std::string image = server_.folder() / "btrfs.img", top = server_.folder() / "btrfs";
    struct Unmount {
        std::vector<std::string> paths;
        ~Unmount() {
            for (const auto& path : paths) ::umount2(path.c_str(), MNT_DETACH);
        }
    } unmount{{server_.exported(), top}};
    ASSERT_NO_FATAL_FAILURE(
        sh(fmt::format("truncate -s 120M {0}; mkfs.btrfs -q {0}; mkdir {1}; mount -o loop {0} {1}; "
                       "btrfs -q quota enable {1}; btrfs -q subvolume create {1}/export; "
                       "btrfs -q qgroup limit 4M {1}/export; mount --bind {1}/export {2}",
                       image, top, server_.exported().string())));
    fs::create_directories(user() / "work");
    put(user() / "work/machine.toml", "");
    own(user());
    server_.start({});
    {
        auto directory = mount();
        auto taken = directory->lock("work", berth1_, false, nullptr, nullptr);
        ASSERT_TRUE(taken) << taken.error().to_log();
        // By another of the user's programs, with all that the quota leaves.
        ASSERT_NO_FATAL_FAILURE(sh(fmt::format(
            "dd if=/dev/zero of={0}/full bs=4k 2>/dev/null || true; sync -f {0}", user().string())));
        EXPECT_EQ(code_of(directory->replace("work", "nvram", "x", always)), "BERTH-M08");
        const auto record = [this] { return read_file(user() / "work/lock.1").value_or(""); };
        const std::string unchanged = record();
        const BootTime before = clock_.now();
        auto renewed = lock::good_since(directory->renew("work", taken->epoch, taken->nonce));
        ASSERT_TRUE(renewed) << renewed.error().to_log();
        EXPECT_GE(*renewed, before);
        EXPECT_EQ(record(), unchanged) << "its WRITE was refused";
    }
    server_.stop();
}

TEST_F(UserDirectoryOnServer, reads_and_replaces_files_by_the_same_path_rules) {
    auto directory = mount();
    EXPECT_EQ(*directory->read("work", "machine.toml", 100), "cpus = 1\n");
    EXPECT_EQ(code_of(directory->read("work", "software.raw", 100)), "BERTH-C04") << "too large";
    const std::string nvram(540'672, 'n');
    ASSERT_TRUE(directory->replace("work", "nvram", nvram, always));
    ASSERT_TRUE(directory->replace("work", "nvram", nvram + "2", always));
    EXPECT_EQ(*directory->read("work", "nvram", 1 << 20), nvram + "2");
    put(server_.shared() / "base.raw", "base");
    fs::create_symlink(server_.shared() / "base.raw", user() / "work/shared.raw");
    fs::create_symlink("/etc/passwd", user() / "work/passwd");
    auto facts = directory->facts("work", "shared.raw");
    ASSERT_TRUE(facts) << facts.error().to_log();
    EXPECT_EQ(facts->size, 4u);
    EXPECT_TRUE(facts->regular && facts->readable);
    EXPECT_FALSE(facts->writable) << "the shared tree is exported read-only";
    EXPECT_EQ(code_of(directory->facts("work", "passwd")), "BERTH-C04");
    EXPECT_EQ(code_of(directory->replace("work", "../alpha/machine.toml", "x", always)), "BERTH-C04");
    auto own_disk = directory->facts("work", "software.raw");
    EXPECT_TRUE(own_disk->writable);
    ASSERT_EQ(::chmod((user() / "work/software.raw").c_str(), 0), 0);
    ASSERT_EQ(::chown((user() / "work/software.raw").c_str(), 0, 0), 0);
    // Through a session that has not seen the file before: a server may remember attributes.
    server_.restart();
    EXPECT_FALSE(mount()->facts("work", "software.raw")->readable);
}

TEST_F(UserDirectoryOnServer, one_of_two_that_race_for_a_lock_gets_it) {
    for (int round = 1; round <= 10; round++) {
        files::FilesHelper other(test::files_program(), report_);
        std::vector<std::unique_ptr<guest::UserDirectory>> clients;
        clients.push_back(mount());
        clients.push_back(guest::mount_user_directory(options(), other, clock_, report_).value());
        std::vector<Result<lock::TakenLock>> results(2, fail(ErrorCode::I01));
        std::vector<std::thread> threads;
        for (int i = 0; i < 2; i++)
            threads.emplace_back([&, i] {
                results[i] = clients[i]->lock("work", i ? berth1_ : berth2_, false, nullptr, nullptr);
            });
        for (auto& t : threads) t.join();
        ASSERT_EQ(results[0].has_value() + results[1].has_value(), 1) << "round " << round;
        const int winner = results[0] ? 0 : 1;
        EXPECT_EQ(code_of(results[1 - winner]), "BERTH-K01");
        EXPECT_EQ(results[winner]->epoch, static_cast<uint64_t>(round));
        ASSERT_TRUE(clients[winner]->release("work", results[winner]->epoch, results[winner]->nonce, {}));
        EXPECT_EQ(names(user() / "work"), (std::set<std::string>{fmt::format("last-used.{}", round),
                                                                 "machine.toml", "software.raw"}));
    }
}

TEST_F(UserDirectoryOnServer, breaking_a_lock_waits_its_time_and_the_old_holder_finds_itself_passed) {
    auto holder = mount(), breaker = mount();
    auto held = holder->lock("work", berth1_, false, nullptr, nullptr);
    ASSERT_TRUE(held);
    auto refused = breaker->lock("work", berth2_, false, nullptr, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail().find("berth-1"), std::string::npos);
    const BootTime begin = clock_.now();
    int waited = 0;
    auto broken = breaker->lock("work", berth2_, true, nullptr, [&](auto) { return ++waited, true; });
    ASSERT_TRUE(broken) << broken.error().to_log();
    EXPECT_GE(clock_.now() - begin, options().times.take_over);
    EXPECT_GE(waited, 2);
    EXPECT_TRUE(broken->broke);
    EXPECT_EQ(broken->epoch, held->epoch + 1);
    EXPECT_FALSE(names(user() / "work").contains("lock.1"));
    ASSERT_TRUE(holder->release("work", held->epoch, held->nonce, {}));
    EXPECT_TRUE(report_.has("lock was taken over"));
    EXPECT_TRUE(names(user() / "work").contains("lock.2"));
}

TEST_F(UserDirectoryOnServer, moving_a_session_starts_as_soon_as_the_other_has_released) {
    auto holder = mount(), mover = mount();
    auto held = holder->lock("work", berth1_, false, nullptr, nullptr);
    ASSERT_TRUE(held);
    bool released = false;
    auto moved = mover->lock("work", berth2_, true, nullptr, [&](auto) {
        if (!released) released = holder->release("work", held->epoch, held->nonce, {}).has_value();
        return true;
    });
    ASSERT_TRUE(moved);
    ASSERT_TRUE(moved->predecessor);
    EXPECT_EQ(moved->predecessor->record.nonce, held->nonce);
}

}  // namespace
}  // namespace berth::volume
