// SPDX-License-Identifier: GPL-3.0-or-later
// An owner that stood still past its hold time while another took over (docs/security.md, assumption 3):
// berth-volume as it is, stopped by SIGSTOP, on a real NFSv3 server. Blocks that reach the server after it
// goes on are counted.
#include <gtest/gtest.h>
#include <libnbd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/spawn.h"
#include "guest/user_directory.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/testing/recording_report.h"
#include "volume/api/volume_process.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr size_t k_block = 4096, k_blocks = 256;
constexpr size_t k_batch = 32;  // NfsDisk::Settings::calls

std::string file_text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class PausedOwner : public ::testing::Test {
  protected:
    PausedOwner() {
        fs::create_directories(disk().parent_path());
        std::ofstream(disk()) << std::string(k_blocks * k_block, '-');
        for (const auto& e : fs::recursive_directory_iterator(server_.exported()))
            (void)!lchown(e.path().c_str(), 4711, 4711);
    }
    ~PausedOwner() override {
        owner_.reset();
        join_writers();
    }
    fs::path disk() const { return server_.exported() / "ann/work/software.raw"; }
    std::string run_dir() const { return server_.folder() / fmt::format("run{}", owners_); }
    void join_writers() {
        for (auto& writer : writers_) writer.join();
        writers_.clear();
    }
    guest::MountOptions options() const {
        guest::MountOptions o{server_.location("ann"), std::nullopt, {4711, 4711, {}}};
        o.times = {100ms, 1500ms, 2500ms, 1000ms};
        return o;
    }
    lock::TakenLock take(const std::string& client) {
        auto mounted = guest::mount_user_directory(options(), files_, clock_, report_);
        if (!mounted) throw std::runtime_error(mounted.error().to_log());
        auto taken = (*mounted)->lock("work", {client, client, "ann", "boot"}, true, nullptr,
                                      [](auto) { return true; });
        if (!taken) throw std::runtime_error(taken.error().to_log());
        return *taken;
    }
    void start_owner() {
        const lock::TakenLock lock = take("m-1");
        owners_++;
        fs::create_directory(run_dir());
        VolumeConfig c;
        c.run_dir = run_dir();
        c.nfs = server_.location("ann");
        c.credentials = {4711, 4711, {}};
        c.vm = "work";
        c.epoch = lock.epoch;
        c.nonce = lock.nonce;
        c.owner = "m-1";
        c.disks = {{"software", DiskMode::direct, "software.raw", false}};
        c.renew = 100ms;
        c.hold = 1500ms;
        c.request_timeout = 20s;
        c.notice = 700ms;
        VolumeProgram program;
        program.program = BERTH_VOLUME;
        program.environment = {{"BERTH_NBDKIT_PLUGIN", BERTH_NBDKIT_PLUGIN}};
        auto process = VolumeProcess::start(c, program);
        if (!process) throw std::runtime_error(process.error().to_log());
        if (auto ready = process->wait_ready(60s); !ready) throw std::runtime_error(ready.error().to_log());
        owner_.emplace(std::move(*process));
    }
    /// Writes blocks `first`.. from a thread of its own, each pass with another letter; again and again until
    /// one is refused, or once.
    void write_blocks(size_t first, size_t count, bool again) {
        writers_.emplace_back([this, first, count, again] {
            nbd_handle* nbd = nbd_create();
            nbd_set_export_name(nbd, "software");
            if (nbd_connect_unix(nbd, (run_dir() + "/nbd.sock").c_str()) == 0) {
                unsigned refused = 0;
                char letter = 'a';
                do {
                    const std::string bytes(k_block, letter);
                    letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1);
                    for (size_t i = first; i < first + count; i++)
                        nbd_aio_pwrite(nbd, bytes.data(), k_block, i * k_block, NBD_NULL_COMPLETION, 0);
                    while (nbd_aio_in_flight(nbd) > 0 && nbd_poll(nbd, -1) >= 0)
                        for (int64_t done; (done = nbd_aio_peek_command_completed(nbd)) > 0;)
                            if (nbd_aio_command_completed(nbd, static_cast<uint64_t>(done)) < 0)
                                refused++;
                            else
                                written_++;
                } while (again && refused == 0);
                refused_ += refused;
            }
            nbd_close(nbd);
        });
    }
    void pause() {
        ASSERT_EQ(::kill(owner_->pid(), SIGSTOP), 0);
        // A process of many threads stops thread by thread; one that is traced is in the tracer's hands.
        wait_until([&] {
            return every_thread([](const fs::path& task) {
                const char state = state_of(task);
                return state == 'T' || state == 't';
            });
        });
    }
    void go_on() { ASSERT_EQ(::kill(owner_->pid(), SIGCONT), 0); }
    /// All that the paused owner had sent has arrived long before the other may start.
    void another_takes_over() {
        const lock::TakenLock taken = take("m-2");
        EXPECT_TRUE(taken.broke);
        before_ = file_text(disk());
    }
    std::set<size_t> arrived() const {
        const std::string now = file_text(disk());
        std::set<size_t> blocks;
        for (size_t b = 0; b < k_blocks; b++)
            if (now.compare(b * k_block, k_block, before_, b * k_block, k_block) != 0) blocks.insert(b);
        return blocks;
    }
    void wait_until_lost() {
        wait_until([&] {
            auto status = owner_->status();
            return status && status->state == VolumeState::lost;
        });
        join_writers();
        owner_->kill();
        owner_.reset();
    }
    template <typename F>
    void wait_until(F&& true_at_last) {
        const BootTime deadline = clock_.now() + 60s;
        while (!true_at_last()) {
            if (clock_.now() > deadline) throw std::runtime_error("waited in vain");
            clock_.sleep(10ms);
        }
    }
    fs::path task_folder() const { return fmt::format("/proc/{}/task", owner_->pid()); }
    static char state_of(const fs::path& task) {
        const std::string stat = file_text(task / "stat");
        const size_t end = stat.rfind(") ");
        return end == stat.npos ? 'X' : stat[end + 2];
    }
    template <typename F>
    bool every_thread(F&& holds) const {
        return std::ranges::all_of(fs::directory_iterator(task_folder()),
                                   [&](const auto& task) { return holds(task.path()); });
    }

    test::GaneshaServer server_;
    SystemClock clock_;
    RecordingReport report_;
    files::FilesHelper files_{test::files_program(), report_};
    std::optional<VolumeProcess> owner_;
    std::vector<std::thread> writers_;
    unsigned owners_ = 0;
    std::atomic<unsigned> refused_{0}, written_{0};
    std::string before_;
};

TEST_F(PausedOwner, sends_nothing_of_what_waited_when_paused_before_its_check) {
    start_owner();
    pause();
    write_blocks(0, 64, false);  // into the socket of the one that stands still
    another_takes_over();
    go_on();
    wait_until_lost();
    EXPECT_EQ(arrived(), std::set<size_t>{});
    EXPECT_EQ(refused_, 64u) << "the VM is told";
}

TEST_F(PausedOwner, sends_at_most_the_batch_that_had_passed_its_check_when_paused_at_any_moment) {
    std::minstd_rand random(1);
    size_t late = 0;
    const int rounds = std::getenv("BERTH_FULL") && *std::getenv("BERTH_FULL") ? 20 : 4;
    for (int round = 0; round < rounds; round++) {
        start_owner();
        const unsigned before = written_;
        write_blocks(0, k_blocks, true);
        wait_until([&] { return written_ > before; });
        clock_.sleep(std::chrono::microseconds(random() % 20000));
        pause();
        another_takes_over();
        go_on();
        wait_until_lost();
        EXPECT_LE(arrived().size(), k_batch) << "round " << round;
        late += arrived().size();
    }
    RecordProperty("blocks_that_arrived_late", static_cast<int>(late));
    std::printf("%d rounds, %zu blocks arrived late\n", rounds, late);
}

/// strace holds the thread that sends blocks, whichever it is, at the entry of the very send that its check allowed.
/// Nothing else in the process calls sendmsg(2).
TEST_F(PausedOwner, sends_that_batch_and_nothing_behind_it_when_paused_between_check_and_send) {
    start_owner();
    SpawnOptions holding;
    holding.arguments = {"strace",
                         "-qq",
                         "-f",
                         "-o",
                         (server_.folder() / "strace").string(),
                         "-e",
                         "trace=sendmsg",
                         "-e",
                         "inject=sendmsg:delay_enter=600000000",
                         "-p",
                         std::to_string(owner_->pid())};
    auto tracer = spawn(holding);
    ASSERT_TRUE(tracer) << tracer.error().to_log();
    wait_until([&] {
        return every_thread([](const fs::path& task) {
            return file_text(task / "status").find("TracerPid:\t0\n") == std::string::npos;
        });
    });
    write_blocks(0, 1, false);
    // One that is stopped at each look is held; the others stop and go on at each of their calls.
    std::map<fs::path, int> held;
    wait_until([&] {
        return !every_thread([&held](const fs::path& task) {
            int& looks = held[task];
            looks = state_of(task) == 't' ? looks + 1 : 0;
            return looks < 20;
        });
    });
    pause();
    another_takes_over();
    EXPECT_EQ(before_[0], '-') << "the batch has not left";
    // These come behind it.
    write_blocks(8, 64, false);
    go_on();
    ::kill(tracer->pid(), SIGKILL);  // lets go of the thread
    wait_until_lost();
    auto late = arrived();
    RecordProperty("blocks_that_arrived_late", static_cast<int>(late.size()));
    std::printf("%zu block arrived late\n", late.size());
    late.erase(0);
    EXPECT_EQ(late, std::set<size_t>{});
}

}  // namespace
}  // namespace berth::volume
