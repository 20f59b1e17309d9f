// SPDX-License-Identifier: GPL-3.0-or-later
// Threads that wait for each other's requests, over disks that answer when a test says so. The lines' part is
// volume_engine_test's, on a real server.
#include "volume/core/core_driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/clock.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;

/// Ends the requests that it was told to at its next step, the latest first.
class SlowDisk final : public Volume {
  public:
    uint64_t size() const override { return 1 << 20; }
    void submit(std::shared_ptr<BlockRequest> request) override {
        if (at_once) return request->done(0);
        held.push_back(std::move(request));
        holds = held.size();
    }
    BootTime step() override {
        if (throws.exchange(false)) throw std::runtime_error("no memory");
        for (size_t n = may_end.exchange(0); n > 0 && !held.empty(); n--) {
            const auto request = held.back();
            held.pop_back();
            request->done(static_cast<int>(request->offset));
        }
        holds = held.size();
        return due;
    }
    void abandon() override {
        for (const auto& request : std::exchange(held, {})) request->done(ESHUTDOWN);
    }
    const Counters& counters() const override { return counted; }

    std::atomic<bool> at_once = false, throws = false;
    std::atomic<size_t> may_end = 0, holds = 0;
    std::deque<std::shared_ptr<BlockRequest>> held;
    BootTime due = k_never;
    Counters counted;
};

struct CoreDriverTest : ::testing::Test {
    CoreDriverTest() {
        auto made = std::make_unique<SlowDisk>();
        disk = made.get();
        core.add(0, std::move(made));
        lease.renewed(clock.now(), lease.begin_renewal());
    }
    static std::shared_ptr<BlockRequest> request(uint64_t answer) {
        auto made = std::make_shared<BlockRequest>();
        made->offset = answer;
        return made;
    }
    std::future<int> run_on_its_thread(uint64_t answer) {
        return std::async(std::launch::async, [this, answer] { return driver.run(0, request(answer)); });
    }
    void until_it_holds(size_t count) {
        while (disk->holds != count) std::this_thread::yield();
    }
    void end_one() {
        disk->may_end++;
        driver.call();
    }

    SystemClock clock;
    lock::Lease lease{clock, 60s};
    RecordingReport report;
    VolumeConfig config = [] {
        VolumeConfig c;
        c.disks = {{"software", DiskMode::local, "/disk", false}};
        return c;
    }();
    EngineCore core{config, lease, clock, report, {[](bool) {}, [] { return std::nullopt; }}};
    CoreDriver driver{core, lease, clock};
    SlowDisk* disk = nullptr;
};

TEST_F(CoreDriverTest, a_request_that_is_done_at_once_waits_for_nobody) {
    disk->at_once = true;
    EXPECT_EQ(driver.run(0, request(0)), 0);
}

TEST_F(CoreDriverTest, a_thread_that_waits_serves_itself) {
    driver.start();
    auto one = run_on_its_thread(5);
    until_it_holds(1);
    end_one();
    EXPECT_EQ(one.get(), 5);
}

TEST_F(CoreDriverTest, each_of_many_hears_of_its_own_end_in_whatever_order_they_end) {
    driver.start();
    for (int round = 0; round < 20; round++) {
        std::vector<std::future<int>> ends;
        for (uint64_t n = 0; n < 8; n++) ends.push_back(run_on_its_thread(100 + n));
        until_it_holds(8);
        for (int n = 0; n < 8; n++) {
            end_one();
            until_it_holds(7U - static_cast<unsigned>(n));
        }
        for (uint64_t n = 0; n < 8; n++) EXPECT_EQ(ends[n].get(), static_cast<int>(100 + n));
    }
}

TEST_F(CoreDriverTest, many_that_end_at_once_all_come_back) {
    driver.start();
    for (int round = 0; round < 100; round++) {
        std::vector<std::future<int>> ends;
        for (uint64_t n = 0; n < 8; n++) ends.push_back(run_on_its_thread(n));
        until_it_holds(8);
        disk->may_end = 8;
        driver.call();
        for (uint64_t n = 0; n < 8; n++) EXPECT_EQ(ends[n].get(), static_cast<int>(n));
    }
}

TEST_F(CoreDriverTest, one_thread_waits_for_many_requests) {
    driver.start();
    auto ends = std::async(std::launch::async, [this] {
        return driver.run_all({{0, request(1)}, {0, request(2)}, {0, request(3)}});
    });
    until_it_holds(3);
    auto another = run_on_its_thread(4);
    until_it_holds(4);
    disk->may_end = 2;  // the last ones, another thread's among them
    driver.call();
    EXPECT_EQ(another.get(), 4);
    disk->may_end = 2;
    driver.call();
    EXPECT_EQ(ends.get(), (std::vector{1, 2, 3}));
}

TEST_F(CoreDriverTest, the_end_fails_who_waits_and_who_comes_later) {
    driver.start();
    std::vector<std::future<int>> ends;
    for (uint64_t n = 0; n < 4; n++) ends.push_back(run_on_its_thread(n));
    until_it_holds(4);
    driver.end();
    for (auto& end : ends) EXPECT_EQ(end.get(), ESHUTDOWN);
    EXPECT_EQ(driver.run(0, request(0)), ESHUTDOWN);
    driver.end();
}

TEST_F(CoreDriverTest, an_exception_fails_every_request_and_the_state_is_lost) {
    driver.start();
    std::promise<void> told;
    driver.on_change([&, heard = false]() mutable {
        if (driver.state() == VolumeState::lost && !std::exchange(heard, true)) told.set_value();
    });
    std::vector<std::future<int>> ends;
    for (uint64_t n = 0; n < 4; n++) ends.push_back(run_on_its_thread(n));
    until_it_holds(4);
    ::testing::internal::CaptureStderr();
    disk->throws = true;
    driver.call();
    for (auto& end : ends) EXPECT_EQ(end.get(), ESHUTDOWN);
    told.get_future().wait();
    ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(driver.state(), VolumeState::lost);
    EXPECT_TRUE(lease.lost_for_good());
    EXPECT_EQ(driver.run(0, request(0)), ESHUTDOWN);
}

TEST_F(CoreDriverTest, what_is_due_is_done_whoever_waits) {
    disk->due = clock.now();
    driver.start();
    auto one = run_on_its_thread(7);
    until_it_holds(1);
    disk->may_end = 1;  // and nobody is called: its time comes
    EXPECT_EQ(one.get(), 7);
}

TEST_F(CoreDriverTest, a_state_is_told_while_requests_come_and_when_none_do) {
    driver.start();
    std::atomic<int> told = 0;
    driver.on_change([&] { told++; });
    driver.stopping(true);
    while (told == 0) std::this_thread::yield();
    EXPECT_EQ(driver.state(), VolumeState::stopping);
    auto one = run_on_its_thread(1);
    until_it_holds(1);
    lease.lose_for_good();
    driver.call();
    while (told < 2) std::this_thread::yield();
    EXPECT_EQ(driver.state(), VolumeState::lost);
    end_one();
    EXPECT_EQ(one.get(), 1);
}

}  // namespace
}  // namespace berth::volume
