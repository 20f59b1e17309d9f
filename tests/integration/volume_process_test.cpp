// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume as it is: nbdkit with our plugin, a real NFSv3 server, a real NBD client.
#include "volume/api/volume_process.h"

#include <gtest/gtest.h>
#include <libnbd.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "guest/user_directory.h"
#include "lock/protocol.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr uint64_t k_disk_size = 64 << 20;

std::string file_bytes(const fs::path& path, uint64_t offset, size_t count) {
    std::ifstream in(path, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    std::string bytes(count, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(count));
    bytes.resize(static_cast<size_t>(in.gcount()));
    return bytes;
}

/// One NBD connection.
class Nbd {
  public:
    Nbd(const std::string& socket, const std::string& name) : handle_(nbd_create()) {
        nbd_set_export_name(handle_, name.c_str());
        if (nbd_connect_unix(handle_, socket.c_str()) != 0) throw std::runtime_error(nbd_get_error());
    }
    ~Nbd() { nbd_close(handle_); }
    int write(const std::string& bytes, uint64_t offset, uint32_t flags = 0) {
        return nbd_pwrite(handle_, bytes.data(), bytes.size(), offset, flags) == 0 ? 0 : nbd_get_errno();
    }
    std::pair<int, std::string> read(size_t count, uint64_t offset) {
        std::string bytes(count, '?');
        int rc = nbd_pread(handle_, bytes.data(), count, offset, 0);
        return {rc == 0 ? 0 : nbd_get_errno(), bytes};
    }
    int flush() { return nbd_flush(handle_, 0) == 0 ? 0 : nbd_get_errno(); }
    int64_t size() { return nbd_get_size(handle_); }
    bool read_only() { return nbd_is_read_only(handle_) == 1; }

  private:
    nbd_handle* handle_;
};

class VolumeOnServer : public ::testing::Test {
  protected:
    VolumeOnServer() {
        fs::create_directories(vm());
        std::ofstream(vm() / "machine.toml") << "cpus = 1\n";
        for (const char* name : {"software.raw", "files.raw"}) {
            std::ofstream(vm() / name).flush();
            fs::resize_file(vm() / name, k_disk_size);
        }
        std::ofstream(server_.shared() / "base.raw", std::ios::binary) << std::string(1 << 20, 'B');
        fs::create_symlink(server_.shared() / "base.raw", vm() / "shared.raw");
        for (const auto& e : fs::recursive_directory_iterator(server_.exported()))
            (void)!lchown(e.path().c_str(), 4711, 4711);
        fs::create_directory(run_dir());
        std::ofstream(server_.folder() / "swap.raw").flush();
        fs::resize_file(server_.folder() / "swap.raw", 1 << 20);
        directory_ = mount();
        auto taken = directory_->lock("work", {"m-1", "berth-1", "ann", "boot"}, false, nullptr, nullptr);
        if (!taken) throw std::runtime_error(taken.error().to_log());
        lock_ = *taken;
    }

    fs::path vm() const { return server_.exported() / "ann/work"; }
    std::string run_dir() const { return server_.folder() / "run"; }
    std::string socket() const { return run_dir() + "/nbd.sock"; }
    guest::MountOptions mount_options() const {
        guest::MountOptions o{server_.location("ann"), server_.shared_location(), {4711, 4711, {}}};
        o.times = {100ms, 3000ms, 4000ms, 1000ms};
        return o;
    }
    std::unique_ptr<guest::UserDirectory> mount() {
        auto mounted = guest::mount_user_directory(mount_options(), files_, clock_, report_);
        if (!mounted) throw std::runtime_error(mounted.error().to_log());
        return std::move(*mounted);
    }
    VolumeConfig config() const {
        VolumeConfig c;
        c.run_dir = run_dir();
        c.nfs = server_.location("ann");
        c.shared = server_.shared_location();
        c.credentials = {4711, 4711, {}};
        c.vm = "work";
        c.epoch = lock_.epoch;
        c.nonce = lock_.nonce;
        c.owner = "m-1";
        c.disks = {{"software", DiskMode::direct, "software.raw", false},
                   {"files", DiskMode::direct, "files.raw", false},
                   {"shared", DiskMode::shared, "shared.raw", true},
                   {"swap", DiskMode::local, server_.folder() / "swap.raw", false}};
        c.renew = 200ms;
        c.hold = 3000ms;
        c.request_timeout = 2000ms;
        c.notice = 700ms;
        return c;
    }
    static VolumeProgram program() {
        VolumeProgram p;
        p.program = BERTH_VOLUME;
        p.environment = {{"BERTH_NBDKIT_PLUGIN", BERTH_NBDKIT_PLUGIN}};
        return p;
    }
    VolumeProcess start(const VolumeProgram& with = program()) {
        auto process = VolumeProcess::start(config(), with);
        if (!process) throw std::runtime_error(process.error().to_log());
        if (auto ready = process->wait_ready(20s); !ready) throw std::runtime_error(ready.error().to_log());
        return std::move(*process);
    }
    /// Polls the state, which changes without a request.
    testing::AssertionResult reaches(VolumeProcess& process, VolumeState state,
                                     std::chrono::seconds within = 20s) {
        const BootTime deadline = clock_.now() + within;
        std::string last;
        while (clock_.now() < deadline) {
            auto status = process.status();
            if (status && status->state == state) return testing::AssertionSuccess();
            last = status ? std::string(volume_state_name(status->state)) : status.error().to_log();
            clock_.sleep(20ms);
        }
        return testing::AssertionFailure() << "state is " << last;
    }

    test::GaneshaServer server_;
    SystemClock clock_;
    RecordingReport report_;
    files::FilesHelper files_{test::files_program(), report_};
    std::unique_ptr<guest::UserDirectory> directory_;
    lock::TakenLock lock_;
};

std::string pattern(size_t size, unsigned seed) {
    std::string bytes(size, '\0');
    std::minstd_rand random(seed);
    for (auto& b : bytes) b = static_cast<char>(random());
    return bytes;
}

TEST_F(VolumeOnServer, brings_every_byte_to_the_server_and_releases_its_lock_at_the_end) {
    auto process = start();
    const std::string first = pattern(3 << 20, 1), second = pattern(12345, 2);
    {
        Nbd software(socket(), "software"), files(socket(), "files");
        EXPECT_EQ(software.size(), static_cast<int64_t>(k_disk_size));
        ASSERT_EQ(software.write(first, 1 << 20), 0);
        ASSERT_EQ(files.write(second, 777), 0);
        auto [error, back] = software.read(first.size(), 1 << 20);
        EXPECT_EQ(error, 0);
        EXPECT_TRUE(back == first);
    }
    auto stopped = process.stop(10s);
    ASSERT_TRUE(stopped) << stopped.error().to_log();
    EXPECT_TRUE(file_bytes(vm() / "software.raw", 1 << 20, first.size()) == first);
    EXPECT_TRUE(file_bytes(vm() / "files.raw", 777, second.size()) == second);
    EXPECT_EQ(fs::file_size(vm() / "software.raw"), k_disk_size);
    EXPECT_FALSE(fs::exists(socket()));
    EXPECT_FALSE(fs::exists(run_dir() + "/control.sock"));
    ASSERT_TRUE(directory_->release("work", lock_.epoch, lock_.nonce, {}));
    EXPECT_TRUE(fs::exists(vm() / "last-used.1"));
    EXPECT_FALSE(fs::exists(vm() / "lock.1"));
}

TEST_F(VolumeOnServer, gives_qemus_group_the_disks_but_not_the_switch) {
    ASSERT_EQ(::chown(run_dir().c_str(), 0, 4712), 0);
    ASSERT_EQ(::chmod(run_dir().c_str(), 02770), 0);
    auto process = start();
    struct stat disks{}, control{};
    ASSERT_EQ(::stat(socket().c_str(), &disks), 0);
    ASSERT_EQ(::stat((run_dir() + "/control.sock").c_str(), &control), 0);
    EXPECT_EQ(disks.st_gid, 4712u);
    EXPECT_EQ(disks.st_mode & 0777, 0660u);
    EXPECT_EQ(control.st_mode & 0777, 0600u) << "QEMU must not end its own disks";
}

TEST_F(VolumeOnServer, runs_as_a_user_of_its_own_with_one_capability_against_a_secure_export) {
    server_.stop();
    server_.start({"--secure"});
    ASSERT_EQ(::chown(run_dir().c_str(), 4713, 4712), 0);
    ASSERT_EQ(::chmod(run_dir().c_str(), 0770), 0);
    ASSERT_EQ(::chown((server_.folder() / "swap.raw").c_str(), 4713, 4713), 0);
    VolumeProgram as_user = program();
    as_user.uid = 4713;
    as_user.gid = 4713;
    as_user.groups = {4712};
    auto process = start(as_user);
    std::ifstream text(fmt::format("/proc/{}/status", process.pid()));
    const std::string status((std::istreambuf_iterator<char>(text)), {});
    EXPECT_NE(status.find("Uid:\t4713\t4713"), std::string::npos) << status;
    EXPECT_NE(status.find("CapEff:\t0000000000000400"), std::string::npos) << status;
    struct stat facts{};
    ASSERT_EQ(::stat(socket().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_gid, 4712u);
    Nbd disk(socket(), "software");
    EXPECT_EQ(disk.write("works", 0), 0);
    EXPECT_EQ(disk.flush(), 0);
    EXPECT_EQ(file_bytes(vm() / "software.raw", 0, 5), "works");
}

TEST_F(VolumeOnServer, loses_nothing_when_the_server_is_killed_between_write_and_commit) {
    auto process = start();
    Nbd disk(socket(), "software");
    const std::string bytes = pattern(4 << 20, 3);
    ASSERT_EQ(disk.write(bytes, 0), 0);
    auto before = process.status();
    ASSERT_TRUE(before);
    EXPECT_EQ(before->disks[0].uncommitted, bytes.size());
    server_.stop();
    // What a server that loses its memory leaves: none of it.
    fs::resize_file(vm() / "software.raw", 0);
    fs::resize_file(vm() / "software.raw", k_disk_size);
    server_.start({});
    ASSERT_EQ(disk.write("more", 8 << 20), 0);
    auto [error, back] = disk.read(bytes.size(), 0);
    EXPECT_EQ(error, 0);
    EXPECT_TRUE(back == bytes) << "what was acknowledged must be readable";
    ASSERT_EQ(disk.flush(), 0);
    EXPECT_TRUE(file_bytes(vm() / "software.raw", 0, bytes.size()) == bytes);
    EXPECT_EQ(file_bytes(vm() / "software.raw", 8 << 20, 4), "more");
    EXPECT_EQ(process.status()->disks[0].uncommitted, 0u);
}

TEST_F(VolumeOnServer, a_silent_server_gives_an_error_after_the_timeout_and_all_resumes_by_itself) {
    auto process = start();
    Nbd disk(socket(), "software");
    ASSERT_EQ(disk.write("before", 0), 0);
    server_.pause();
    EXPECT_EQ(disk.write("within", 0), EIO);
    EXPECT_TRUE(reaches(process, VolumeState::silent));
    EXPECT_EQ(disk.read(6, 0).first, EIO);
    server_.resume();
    EXPECT_TRUE(reaches(process, VolumeState::running));
    EXPECT_EQ(disk.write("within", 0), 0) << "as QEMU repeats it";
    EXPECT_EQ(disk.write("behind", 6), 0);
    EXPECT_EQ(disk.flush(), 0);
    EXPECT_EQ(disk.read(12, 0).second, "withinbehind");
    EXPECT_EQ(file_bytes(vm() / "software.raw", 0, 12), "withinbehind");
}

TEST_F(VolumeOnServer, tells_whoever_watches_of_every_change_of_state) {
    auto process = start();
    auto fd = process.watch_fd();
    ASSERT_TRUE(fd);
    std::vector<VolumeState> seen;
    auto collect_until = [&](VolumeState state) {
        const BootTime deadline = clock_.now() + 20s;
        while (clock_.now() < deadline) {
            pollfd p{*fd, POLLIN, 0};
            poll(&p, 1, 100);
            while (true) {
                auto status = process.next_status();
                if (!status || !*status) break;
                seen.push_back((*status)->state);
            }
            if (!seen.empty() && seen.back() == state) return true;
        }
        return false;
    };
    EXPECT_TRUE(collect_until(VolumeState::running));
    server_.pause();
    EXPECT_TRUE(collect_until(VolumeState::silent));
    server_.resume();
    EXPECT_TRUE(collect_until(VolumeState::running));
    EXPECT_EQ(seen,
              (std::vector<VolumeState>{VolumeState::running, VolumeState::silent, VolumeState::running}));
}

TEST_F(VolumeOnServer, serves_the_shared_image_read_only_and_the_swap_from_this_client) {
    auto process = start();
    Nbd shared(socket(), "shared"), swap(socket(), "swap");
    EXPECT_TRUE(shared.read_only());
    EXPECT_EQ(shared.read(3, 100).second, "BBB");
    EXPECT_FALSE(swap.read_only());
    ASSERT_EQ(swap.write("swapped", 4096), 0);
    EXPECT_EQ(swap.flush(), 0);
    EXPECT_EQ(file_bytes(server_.folder() / "swap.raw", 4096, 7), "swapped");
    EXPECT_EQ(process.status()->disks[0].writes, 0u);
    EXPECT_EQ(process.status()->disks[3].writes, 1u);
}

TEST_F(VolumeOnServer, writes_nothing_more_once_another_has_taken_the_lock) {
    auto process = start();
    Nbd disk(socket(), "software");
    ASSERT_EQ(disk.write("mine", 0), 0);
    auto other = mount();
    auto taken =
        other->lock("work", {"m-2", "berth-2", "ann", "boot"}, true, nullptr, [](auto) { return true; });
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_EQ(taken->epoch, 2u);
    EXPECT_TRUE(taken->broke);
    EXPECT_TRUE(reaches(process, VolumeState::lost));
    EXPECT_EQ(disk.write("late", 0), EIO);
    EXPECT_EQ(file_bytes(vm() / "software.raw", 0, 4), "mine");
    EXPECT_TRUE(directory_->release("work", lock_.epoch, lock_.nonce, {}))
        << "that another took it over is no error";
    EXPECT_TRUE(fs::exists(vm() / "lock.2"));
}

TEST_F(VolumeOnServer, saves_what_it_holds_under_a_claim_and_then_the_claimer_starts) {
    VolumeConfig patient = config();
    patient.hold = 30s;
    auto started = VolumeProcess::start(patient, program());
    ASSERT_TRUE(started);
    VolumeProcess& process = *started;
    ASSERT_TRUE(process.wait_ready(20s));
    auto disk = std::make_unique<Nbd>(socket(), "software");
    ASSERT_EQ(disk->write("before", 0), 0);
    guest::MountOptions options = mount_options();
    options.times.take_over = 10min;  // it starts because the lower lock goes, or the test fails
    auto other = guest::mount_user_directory(options, files_, clock_, report_);
    ASSERT_TRUE(other);
    std::atomic<bool> was_told = false;
    Result<lock::TakenLock> taken = fail(ErrorCode::K02);
    std::thread claimer([&] {
        taken = (*other)->lock("work", {"m-2", "berth-2", "ann", "boot"}, true, nullptr, [&](auto) {
            auto lower = (*other)->holder_below("work", 2);
            if (lower && *lower && (*lower)->record.closing) was_told = true;
            return true;
        });
    });
    EXPECT_TRUE(reaches(process, VolumeState::claimed));
    auto status = process.status();
    if (status && status->claim) {
        EXPECT_EQ(status->claim->host, "berth-2");
        EXPECT_EQ(status->claim->user, "ann");
        EXPECT_GT(status->lease_left, 0ms);
        EXPECT_LE(status->lease_left, patient.hold);
    } else {
        ADD_FAILURE() << "no claim in the status";
    }
    EXPECT_EQ(disk->write("closing", 4096), 0) << "what is left of the lease is for closing";
    disk.reset();
    for (const BootTime until = clock_.now() + 20s; !was_told && clock_.now() < until;) clock_.sleep(20ms);
    EXPECT_TRUE(process.stop(10s));
    EXPECT_TRUE(fs::exists(vm() / "lock.1")) << "released by the session, after all is written";
    EXPECT_TRUE(directory_->release("work", lock_.epoch, lock_.nonce, {}));
    claimer.join();
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_TRUE(was_told);
    ASSERT_TRUE(taken->predecessor) << "released in order: what it knew of the disks holds";
    EXPECT_EQ(taken->predecessor->record.nonce, lock_.nonce);
    EXPECT_EQ(file_bytes(vm() / "software.raw", 0, 6), "before");
    EXPECT_EQ(file_bytes(vm() / "software.raw", 4096, 7), "closing");
}

TEST_F(VolumeOnServer, loses_a_claimed_lock_when_its_lease_ends) {
    auto process = start();
    Nbd disk(socket(), "software");
    ASSERT_EQ(disk.write("mine", 0), 0);
    auto other = mount();
    auto given_up =
        other->lock("work", {"m-2", "berth-2", "ann", "boot"}, true, nullptr, [](auto) { return false; });
    ASSERT_FALSE(given_up);
    EXPECT_EQ(code_of(given_up), "BERTH-K03");
    EXPECT_TRUE(reaches(process, VolumeState::claimed));
    EXPECT_TRUE(reaches(process, VolumeState::lost)) << "no renewal lengthens it, though the claimer left";
    EXPECT_EQ(disk.write("late", 0), EIO);
    auto status = process.status();
    ASSERT_TRUE(status && status->claim);
    EXPECT_EQ(status->lease_left, 0ms);
    EXPECT_EQ(status->disks[0].uncommitted, 4u) << "what was answered and is not known to be on its disk";
}

TEST_F(VolumeOnServer, stop_says_what_could_not_be_written_and_can_be_asked_again) {
    auto process = start();
    {
        Nbd disk(socket(), "files");
        ASSERT_EQ(disk.write("kept", 0), 0);
    }
    server_.pause();
    auto stopped = process.stop(10s);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(code_of(stopped), "BERTH-V04");
    EXPECT_NE(stopped.error().detail().find("files"), std::string::npos) << stopped.error().detail();
    server_.resume();
    EXPECT_TRUE(reaches(process, VolumeState::running));
    EXPECT_TRUE(process.stop(10s));
    EXPECT_EQ(file_bytes(vm() / "files.raw", 0, 4), "kept");
}

TEST_F(VolumeOnServer, a_termination_signal_ends_it_with_everything_written) {
    auto process = start();
    {
        Nbd disk(socket(), "files");
        ASSERT_EQ(disk.write("kept", 0), 0);
    }
    ::kill(process.pid(), SIGTERM);
    pollfd p{process.pidfd(), POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 20000), 1);
    EXPECT_EQ(file_bytes(vm() / "files.raw", 0, 4), "kept");
    EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(VolumeOnServer, does_not_start_under_a_lock_that_is_not_its_own) {
    lock_.nonce = std::string(32, '0');
    auto process = VolumeProcess::start(config(), program());
    ASSERT_TRUE(process);
    auto ready = process->wait_ready(20s);
    ASSERT_FALSE(ready);
    EXPECT_EQ(code_of(ready), "BERTH-V03");
    EXPECT_NE(ready.error().detail().find("BERTH-K05"), std::string::npos) << ready.error().detail();
}

TEST_F(VolumeOnServer, many_writers_at_once_on_two_disks_read_back_what_they_wrote) {
    auto process = start();
    std::vector<std::thread> writers;
    std::atomic<int> wrong{0};
    for (unsigned w = 0; w < 4; w++)
        writers.emplace_back([&, w] {
            Nbd disk(socket(), w % 2 ? "software" : "files");
            std::minstd_rand random(w);
            for (int i = 0; i < 100; i++) {
                // Each has its own part of the disk, and comes back to the same places again and again.
                const uint64_t offset = (uint64_t{w} * 8 << 20) + (random() % 64) * 4096;
                const std::string bytes = pattern(4096 * (1 + random() % 8), w * 1000 + i);
                if (disk.write(bytes, offset, random() % 8 ? 0 : LIBNBD_CMD_FLAG_FUA) != 0) wrong++;
                if (random() % 4 == 0 && disk.read(bytes.size(), offset).second != bytes) wrong++;
                if (random() % 16 == 0 && disk.flush() != 0) wrong++;
            }
        });
    for (auto& w : writers) w.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace berth::volume
