// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume as it is: nbdkit with our plugin, a real NFSv3 server, a real NBD client.
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

#include "tests/lib/ganesha_server.h"
#include "volume/lock_protocol.h"
#include "volume/user_directory.h"
#include "volume/volume_process.h"

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
        for (const auto& e : fs::recursive_directory_iterator(server_.exported())) (void)!lchown(e.path().c_str(), 4711, 4711);
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
    MountOptions mount_options() const {
        MountOptions o{server_.location("ann"), server_.shared_location(), {4711, 4711, {}}};
        o.times = {100ms, 3000ms, 4000ms, 1000ms};
        return o;
    }
    std::unique_ptr<UserDirectory> mount() {
        auto mounted = mount_user_directory(mount_options(), clock_, report_);
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
    /// Polls the state, which changes by itself.
    testing::AssertionResult reaches(VolumeProcess& process, VolumeState state, std::chrono::seconds within = 20s) {
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
    std::unique_ptr<UserDirectory> directory_;
    TakenLock lock_;
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
    ASSERT_TRUE(directory_->release("work", lock_.epoch, lock_.nonce));
    EXPECT_TRUE(fs::exists(vm() / "last-used.1"));
    EXPECT_FALSE(fs::exists(vm() / "lock.1"));
}

}  // namespace
}  // namespace berth::volume
