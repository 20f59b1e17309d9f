// SPDX-License-Identifier: GPL-3.0-or-later
// The engine's threads in one process with the test, so that the thread sanitizer sees them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "guest/user_directory.h"
#include "tests/lib/black_hole.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/lib/rpc_proxy.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"
#include "volume/core/engine.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct EngineOnServer : ::testing::Test {
    void SetUp() override {
        lay_out();
        ASSERT_NO_FATAL_FAILURE(take_lock());
        config.run_dir = server.folder();
        config.nfs = server.location("ann");
        config.vm = "work";
        config.owner = "m-1";
        config.disks = {{"software", DiskMode::direct, "software.raw", false}};
        config.renew = 200ms;
        config.hold = 5000ms;
        config.request_timeout = 60s;
        config.notice = 500ms;
    }

    void lay_out() {
        fs::create_directories(vm);
        std::ofstream(vm / "machine.toml").flush();
        std::ofstream(vm / "software.raw").flush();
        fs::resize_file(vm / "software.raw", 8 << 20);
    }
    void take_lock() {
        auto directory = guest::mount_user_directory({server.location("ann"), std::nullopt, {0, 0, {}}},
                                                     files, clock, report);
        ASSERT_TRUE(directory) << directory.error().to_log();
        auto lock = (*directory)->lock("work", {"m-1", "berth-1", "ann", "b"}, false, nullptr, nullptr);
        ASSERT_TRUE(lock) << lock.error().to_log();
        config.epoch = lock->epoch;
        config.nonce = lock->nonce;
    }
    /// Another workstation claims above the lock, and does not wait.
    void claim() {
        auto other = guest::mount_user_directory({server.location("ann"), std::nullopt, {0, 0, {}}}, files,
                                                 clock, report);
        ASSERT_TRUE(other) << other.error().to_log();
        auto taken =
            (*other)->lock("work", {"m-2", "berth-2", "ben", "b"}, true, nullptr, [](auto) { return false; });
        ASSERT_FALSE(taken);
        ASSERT_EQ(code_of(taken), "BERTH-K03");
    }
    bool reaches(Engine& engine, VolumeState state) {
        const BootTime give_up = clock.now() + 30s;
        while (engine.status().state != state && clock.now() < give_up) clock.sleep(20ms);
        return engine.status().state == state;
    }

    test::GaneshaServer server;
    const fs::path vm = server.exported() / "ann/work";
    SystemClock clock;
    RecordingReport report;
    files::FilesHelper files{test::files_program(), report};
    VolumeConfig config;
};

TEST_F(EngineOnServer, makes_another_connection_when_one_breaks_while_it_is_delivered) {
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    std::mutex mutex;
    std::condition_variable delivered;
    int connections = 0;
    guard.want_line(false);
    guard.start([&](bool, std::unique_ptr<Line>) {
        std::lock_guard lock(mutex);
        if (++connections == 1) guard.want_line(false);
        delivered.notify_all();
    });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(delivered.wait_for(lock, 30s, [&] { return connections == 2; }));
    lock.unlock();
    guard.stop();
}

TEST_F(EngineOnServer, makes_another_connection_when_the_first_broke_before_blocks_were_wanted) {
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    server.restart();
    std::promise<bool> delivered;
    guard.want_line(false);
    guard.start([&](bool, std::unique_ptr<Line> line) { delivered.set_value(!line->broken()); });
    auto stands = delivered.get_future();
    ASSERT_EQ(stands.wait_for(60s), std::future_status::ready);
    EXPECT_TRUE(stands.get());
    guard.stop();
}

TEST_F(EngineOnServer, does_not_use_a_first_connection_that_broke_when_the_folder_was_replaced) {
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    fs::rename(vm, vm.parent_path() / "aside");
    fs::copy(vm.parent_path() / "aside", vm);
    server.restart();
    std::atomic<bool> delivered{false};
    guard.want_line(false);
    guard.start([&](bool, std::unique_ptr<Line>) { delivered = true; });
    const auto refused = [&] {
        return std::ranges::any_of(report.entries(), [](const auto& e) {
            return std::ranges::any_of(e.fields, [](const auto& f) {
                return f.second.find("work is another directory") != f.second.npos;
            });
        });
    };
    for (int i = 0; i < 300 && !refused(); i++) clock.sleep(100ms);
    guard.stop();
    EXPECT_TRUE(refused());
    EXPECT_FALSE(delivered);
}

TEST_F(EngineOnServer, writers_notice_nothing_of_a_server_that_dies_and_comes_back) {
    auto engine = Engine::start(config, clock, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    std::atomic<int> changes{0}, wrong{0};
    (*engine)->on_change([&] { changes++; });

    std::atomic<bool> more{true};
    std::vector<std::thread> writers;
    std::string expected(8 << 20, '\0');
    for (unsigned w = 0; w < 3; w++)
        writers.emplace_back([&, w] {
            std::minstd_rand random(w + 1);
            while (more) {
                const uint64_t offset = (uint64_t{w} << 21) + (random() % 256) * 4096;
                const std::string bytes(4096 * (1 + random() % 4), static_cast<char>('a' + random() % 26));
                if ((*engine)->write(0, bytes.data(), bytes.size(), offset, random() % 16 == 0) != 0) wrong++;
                std::ranges::copy(bytes, &expected[offset]);  // each writer has its own part
                std::string back(bytes.size(), '?');
                if (random() % 4 == 0 &&
                    ((*engine)->read(0, back.data(), back.size(), offset) != 0 || back != bytes))
                    wrong++;
                if (random() % 16 == 0 && (*engine)->flush(0) != 0) wrong++;
                (void)(*engine)->status();
            }
        });
    for (int round = 0; round < 2; round++) {
        clock.sleep(300ms);
        server.restart();
    }
    clock.sleep(300ms);
    more = false;
    for (auto& w : writers) w.join();
    EXPECT_EQ(wrong, 0);
    auto flushed = (*engine)->flush_all();
    EXPECT_TRUE(flushed) << flushed.error().to_log();
    (*engine)->end();
    std::ifstream in(vm / "software.raw", std::ios::binary);
    const std::string found((std::istreambuf_iterator<char>(in)), {});
    EXPECT_TRUE(found == expected);
    EXPECT_GE(changes, 2);
}

TEST_F(EngineOnServer, a_claim_outlives_connections_that_carried_no_write) {
    config.hold = 60s;
    std::ofstream(server.shared() / "base.raw") << std::string(4096, 'B');
    fs::create_symlink(server.shared() / "base.raw", vm / "shared.raw");
    config.shared = server.shared_location();
    config.disks.push_back({"shared", DiskMode::shared, "shared.raw", true});
    auto engine = Engine::start(config, clock, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    const std::string bytes(4096, 'x');
    std::string back(4096, '?');
    ASSERT_EQ((*engine)->write(0, bytes.data(), bytes.size(), 0, false), 0);
    ASSERT_EQ((*engine)->read(1, back.data(), back.size(), 0), 0);
    ASSERT_NO_FATAL_FAILURE(claim());
    ASSERT_TRUE(reaches(**engine, VolumeState::claimed));
    server.restart();
    EXPECT_EQ((*engine)->write(0, bytes.data(), bytes.size(), 4096, false), 0);
    EXPECT_EQ((*engine)->read(1, back.data(), back.size(), 0), 0);
    EXPECT_EQ((*engine)->status().state, VolumeState::claimed);
    auto flushed = (*engine)->flush_all();
    EXPECT_TRUE(flushed) << flushed.error().to_log();
    (*engine)->end();
    std::ifstream in(vm / "software.raw", std::ios::binary);
    std::string found(8192, '\0');
    in.read(found.data(), static_cast<std::streamsize>(found.size()));
    EXPECT_TRUE(found == bytes + bytes);
}

TEST_F(EngineOnServer, a_claim_ends_the_lease_with_a_connection_that_may_carry_a_write) {
    config.hold = 60s;
    std::atomic<bool> keep{false}, kept{false};
    test::RpcProxy proxy(config.nfs.nfs_port, [&](uint32_t procedure, const std::string&) {
        if (procedure != test::k_proc_write || !keep) return test::RpcProxy::Fate::pass;
        kept = true;
        return test::RpcProxy::Fate::keep;
    });
    config.nfs.nfs_port = proxy.port();
    auto engine = Engine::start(config, clock, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    ASSERT_NO_FATAL_FAILURE(claim());
    ASSERT_TRUE(reaches(**engine, VolumeState::claimed));
    while (!report.has("lock claimed")) clock.sleep(10ms);
    clock.sleep(200ms);  // it says that it is closing
    keep = true;
    auto written = std::async(std::launch::async, [&] {
        const std::string bytes(4096, 'x');
        return (*engine)->write(0, bytes.data(), bytes.size(), 0, false);
    });
    while (!kept) clock.sleep(10ms);
    EXPECT_EQ((*engine)->status().state, VolumeState::claimed);
    proxy.reset_all();
    EXPECT_EQ(written.get(), EIO);
    EXPECT_TRUE(reaches(**engine, VolumeState::lost));
    (*engine)->end();
}

TEST_F(EngineOnServer, the_lease_hears_of_an_answer_to_a_claim_that_may_be_on_its_way) {
    config.hold = 60s;
    test::RpcProxy proxy(config.nfs.nfs_port, [&](uint32_t procedure, const std::string& call) {
        const bool closing = procedure == test::k_proc_write && call.find("\"closing\":true") != call.npos;
        return closing ? test::RpcProxy::Fate::cut : test::RpcProxy::Fate::pass;
    });
    config.nfs.nfs_port = proxy.port();
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    guard.start([](bool, std::unique_ptr<Line>) {});
    ASSERT_NO_FATAL_FAILURE(claim());
    for (int i = 0; i < 1000 && !lease.lost_for_good(); i++) clock.sleep(20ms);
    EXPECT_TRUE(lease.is_claimed());
    EXPECT_TRUE(lease.lost_for_good());
    guard.stop();
}

TEST_F(EngineOnServer, the_lease_survives_a_loss_while_the_claim_is_read) {
    config.hold = 60s;
    // The lock of another is read in Guard::claimed only.
    std::atomic<bool> armed{false};
    std::atomic<int> cuts{0};
    test::RpcProxy proxy(config.nfs.nfs_port, [&](uint32_t procedure, const std::string& call) {
        const bool reads = procedure == test::k_proc_lookup && call.find("lock.2") != call.npos;
        return armed && reads && cuts++ == 0 ? test::RpcProxy::Fate::cut : test::RpcProxy::Fate::pass;
    });
    config.nfs.nfs_port = proxy.port();
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    guard.start([](bool, std::unique_ptr<Line>) {});
    armed = true;
    ASSERT_NO_FATAL_FAILURE(claim());
    for (int i = 0; i < 1000 && !report.has("lock claimed"); i++) clock.sleep(20ms);
    EXPECT_GE(cuts, 1);
    EXPECT_TRUE(lease.is_claimed());
    EXPECT_TRUE(lease.may_send());
    auto by = guard.claimant();
    ASSERT_TRUE(by);
    EXPECT_EQ(by->host, "berth-2");
    guard.stop();
}

/// The lock's connection and those for blocks are reset again and again; the right to send never ends. A
/// reset that hits a renewal's WRITE suspends it, rightly, until the next good one.
struct RenewalsOnServer : EngineOnServer {
    void SetUp() override {
        EngineOnServer::SetUp();
        config.hold = 4000ms;
    }
    void expect_no_late_renewal(const files::LookUp& look_up, const std::function<void()>& disturb,
                                bool shared = false) {
        lock::Lease lease(clock, config.hold);
        GuardThreads guard(config, lease, clock, report, look_up);
        auto opened = guard.open();
        ASSERT_TRUE(opened) << opened.error().to_log();
        std::atomic<int> lines{0};
        guard.start([&](bool of, std::unique_ptr<Line>) {
            lines++;
            guard.want_line(of);  // as if it broke at once
        });
        guard.want_line(false);
        if (shared) guard.want_line(true);
        int late = 0;
        const BootTime begin = clock.now();
        for (int i = 0; 2 * (clock.now() - begin) < 3 * config.hold; i++) {
            // A renewal that one of them ends is tried again after a second, before the next one comes.
            if (i % 150 == 20) disturb();
            clock.sleep(10ms);
            late += lease.ended();
        }
        EXPECT_EQ(late, 0);
        EXPECT_GE(lines, 2);
        guard.stop();
    }
    test::RpcProxy proxy{server.location().nfs_port,
                         [](uint32_t, const std::string&) { return test::RpcProxy::Fate::pass; }};
};

TEST_F(RenewalsOnServer, are_not_late_when_the_first_address_of_the_name_swallows_everything) {
    config.nfs.nfs_port = proxy.port();
    config.nfs.server = "fs1.example";
    test::BlackHole nfs("127.0.0.2", config.nfs.nfs_port), mount("127.0.0.2", config.nfs.mount_port);
    expect_no_late_renewal(
        [](const std::string&) -> Result<std::vector<files::SocketAddress>> {
            return std::vector{test::address_of("127.0.0.2"), test::address_of("127.0.0.1")};
        },
        [this] { proxy.reset_all(); });
}

TEST_F(RenewalsOnServer, are_not_late_when_the_resolver_falls_silent) {
    config.nfs.nfs_port = proxy.port();
    config.nfs.server = "fs1.example";
    std::promise<void> over;
    auto is_over = over.get_future().share();
    auto first = std::make_shared<std::atomic<bool>>(true);
    expect_no_late_renewal(
        [=](const std::string& name) -> Result<std::vector<files::SocketAddress>> {
            if (first->exchange(false)) return std::vector{test::address_of("127.0.0.1")};
            is_over.wait();
            return fail(ErrorCode::M01, "{}", name);
        },
        [this] { proxy.reset_all(); });
    over.set_value();
}

TEST_F(RenewalsOnServer, are_not_late_when_the_shared_server_falls_silent) {
    std::ofstream(server.shared() / "base.raw") << std::string(4096, 'B');
    fs::create_symlink(server.shared() / "base.raw", vm / "shared.raw");
    std::atomic<bool> silent{false};
    test::RpcProxy slow(server.location().nfs_port, [&](uint32_t, const std::string&) {
        return silent ? test::RpcProxy::Fate::keep : test::RpcProxy::Fate::pass;
    });
    config.shared = server.shared_location();
    config.shared->nfs_port = slow.port();
    config.disks.push_back({"shared", DiskMode::shared, "shared.raw", true});
    expect_no_late_renewal(
        files::system_look_up,
        [&] {
            if (!silent.exchange(true)) slow.reset_all();
        },
        /*shared=*/true);
}

TEST_F(RenewalsOnServer, are_not_late_in_a_directory_of_100000_entries) {
    // In memory, and made while no server caches the directory.
    server.stop();
    const std::string disk =
        fmt::format(BERTH_SOURCE_DIR "/tests/lib/memory-disk 256M {} -N 110000", server.exported().string());
    ASSERT_EQ(std::system(disk.c_str()), 0);
    struct Unmount {
        std::string path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } unmount{server.exported()};
    lay_out();
    const auto entries = std::distance(fs::directory_iterator(vm), fs::directory_iterator());
    for (auto i = entries + 1; i < 100'000; i++)  // and the lock
        ASSERT_EQ(::close(::creat((vm / fmt::format("file-{:06}", i)).c_str(), 0600)), 0);
    server.start({});
    ASSERT_NO_FATAL_FAILURE(take_lock());
    config.hold = 20s;
    lock::Lease lease(clock, config.hold);
    GuardThreads guard(config, lease, clock, report);
    auto opened = guard.open();
    ASSERT_TRUE(opened) << opened.error().to_log();
    guard.start([](bool, std::unique_ptr<Line>) {});
    int late = 0;
    Duration least = config.hold;
    for (int i = 0; i < 250; i++) {
        clock.sleep(10ms);
        late += !lease.may_send();
        least = std::min(least, lease.left());
    }
    EXPECT_EQ(late, 0);
    EXPECT_GT(least, config.hold / 2) << "renewed again and again";
    EXPECT_FALSE(report.has("lease not renewed"));
    guard.stop();
    server.stop();
}

/// The kernel's clock, a hundred times as fast.
class FastClock final : public Clock {
  public:
    BootTime now() override { return {real_.now().since_boot * 100}; }
    std::chrono::system_clock::time_point wall() override { return real_.wall(); }
    void sleep(Duration d) override { real_.sleep(d / 100); }
    void arm(int timer, BootTime at) override { real_.arm(timer, {at.since_boot / 100}); }

  private:
    SystemClock real_;
};

TEST_F(EngineOnServer, calls_the_server_every_minute_on_connections_that_are_idle) {
    std::ofstream(server.shared() / "base.raw") << std::string(4096, 'B');
    fs::create_symlink(server.shared() / "base.raw", vm / "shared.raw");
    std::atomic<int> users{0}, shareds{0};
    const auto counting = [](std::atomic<int>& calls) {
        return [&calls](uint32_t procedure, const std::string&) {
            if (procedure == test::k_proc_null) calls++;
            return test::RpcProxy::Fate::pass;
        };
    };
    test::RpcProxy user(server.location().nfs_port, counting(users));
    test::RpcProxy shared(server.location().nfs_port, counting(shareds));
    config.nfs.nfs_port = user.port();
    config.shared = server.shared_location();
    config.shared->nfs_port = shared.port();
    config.disks.push_back({"shared", DiskMode::shared, "shared.raw", true});
    // The lock's own connection is idle too.
    config.renew = std::chrono::minutes(20);
    config.hold = std::chrono::minutes(60);
    config.request_timeout = std::chrono::minutes(60);
    config.notice = std::chrono::minutes(10);
    FastClock fast;
    auto engine = Engine::start(config, fast, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    const BootTime begin = fast.now(), give_up = begin + std::chrono::minutes(20);
    while ((users < 4 || shareds < 2) && fast.now() < give_up) clock.sleep(20ms);
    const auto minutes = std::chrono::ceil<std::chrono::minutes>(fast.now() - begin).count();
    EXPECT_GE(users, 4) << "the lock's and the blocks'";
    EXPECT_GE(shareds, 2);
    EXPECT_LE(users, 2 * minutes);
    EXPECT_LE(shareds, minutes);
    EXPECT_FALSE(report.has("connection lost"));
    (*engine)->end();
}

TEST_F(EngineOnServer, a_stop_that_a_silent_server_fails_says_so_and_ends_nothing) {
    const std::vector<std::string> names = {"software", "files", "more"};
    for (const std::string name : {"files", "more"}) {
        std::ofstream(vm / (name + ".raw")).flush();
        fs::resize_file(vm / (name + ".raw"), 8 << 20);
        config.disks.push_back({name, DiskMode::direct, name + ".raw", false});
    }
    config.request_timeout = 3s;
    auto engine = Engine::start(config, clock, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    const std::string bytes(4096, 'x');
    for (size_t i = 0; i < names.size(); i++)
        ASSERT_EQ((*engine)->write(i, bytes.data(), bytes.size(), 0, false), 0);
    server.pause();
    auto flushed = (*engine)->flush_all();
    // As the sweeper asks: at once.
    const VolumeState state = (*engine)->status().state;
    server.resume();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(code_of(flushed), "BERTH-V04");
    for (const auto& name : names) EXPECT_NE(flushed.error().detail().find(name), std::string::npos) << name;
    EXPECT_EQ(state, VolumeState::silent);
    // Nothing was ended by it.
    const BootTime give_up = clock.now() + 60s;
    while (!(flushed = (*engine)->flush_all()) && clock.now() < give_up) clock.sleep(100ms);
    EXPECT_TRUE(flushed);
    (*engine)->end();
    for (const auto& name : names) {
        std::ifstream in(vm / (name + ".raw"), std::ios::binary);
        std::string found(bytes.size(), '\0');
        in.read(found.data(), static_cast<std::streamsize>(found.size()));
        EXPECT_TRUE(found == bytes) << name;
    }
}

TEST_F(EngineOnServer,
       an_exception_in_its_thread_fails_every_request_and_loses_the_lock_and_ends_nothing_else) {
    auto engine = Engine::start(config, clock, report);
    ASSERT_TRUE(engine) << engine.error().to_log();
    ASSERT_TRUE(reaches(**engine, VolumeState::running));
    const std::string bytes(4096, 'x');
    ASSERT_EQ((*engine)->write(0, bytes.data(), bytes.size(), 0, false), 0);
    std::atomic<int> told = 0;
    (*engine)->on_change([&told] {
        ++told;
        throw std::bad_alloc();
    });
    server.pause();  // the next change of state
    EXPECT_TRUE(reaches(**engine, VolumeState::lost));
    server.resume();
    EXPECT_GE(told, 1);
    EXPECT_NE((*engine)->write(0, bytes.data(), bytes.size(), 4096, false), 0);
    EXPECT_FALSE((*engine)->flush_all());
    EXPECT_EQ((*engine)->status().state, VolumeState::lost);
    (*engine)->end();
}

}  // namespace
}  // namespace berth::volume
