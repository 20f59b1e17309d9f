// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/virtual_terminals.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/testing/fake_clock.h"
#include "tests/testing/recording_report.h"

namespace berth::supervisor {
namespace {

using namespace std::chrono_literals;

/// A kernel whose terminal in front may have an owner that takes its time, or for ever.
class FakeVts final : public VtCalls {
  public:
    explicit FakeVts(Clock& clock) : clock_(clock) {}

    Result<int> active() override {
        if (meanwhile) meanwhile();
        if (asked_ && wish_ != 0 && clock_.now() >= *asked_ + owner_takes) {
            in_front = wish_;
            wish_ = 0;
        }
        if (broken == "active") return fail(ErrorCode::I01);
        return in_front;
    }
    Status lock(bool on) override {
        if (broken == "lock" && on) return fail(ErrorCode::I01);
        locked = on;
        return {};
    }
    Status ask_for(int number) override {
        if (broken == "ask") return fail(ErrorCode::I01);
        if (locked) return {};
        asked.push_back(number);
        wish_ = number;
        asked_ = clock_.now();
        return {};
    }
    Status reclaim(int number) override {
        reclaimed.push_back(number);
        owner_takes = 0s;
        return {};
    }

    int in_front = 1;
    bool locked = true;
    Duration owner_takes = 0s;
    std::vector<int> asked, reclaimed;
    std::string broken;
    std::function<void()> meanwhile;

  private:
    Clock& clock_;
    int wish_ = 0;
    std::optional<BootTime> asked_;
};

class VirtualTerminalsTest : public testing::Test {
  protected:
    FakeClock clock_;
    FakeVts kernel_{clock_};
    VirtualTerminals terminals_{kernel_, clock_};
    const BootTime start_ = clock_.now();
};

TEST_F(VirtualTerminalsTest, switches_at_once_where_nobody_owns_the_terminal) {
    EXPECT_EQ(terminals_.activate(2, start_ + 500ms).value(), Arrival::arrived);
    EXPECT_EQ(kernel_.in_front, 2);
    EXPECT_TRUE(kernel_.locked);
    EXPECT_EQ(clock_.now(), start_);
}

TEST_F(VirtualTerminalsTest, waits_for_an_owner_that_lets_go) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 95ms;
    EXPECT_EQ(terminals_.activate(1, start_ + 500ms).value(), Arrival::arrived);
    EXPECT_EQ(clock_.now(), start_ + 100ms);
    EXPECT_EQ(kernel_.asked, std::vector<int>{1});
    EXPECT_TRUE(kernel_.locked);
}

TEST_F(VirtualTerminalsTest, says_by_the_deadline_that_an_owner_holds_on) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 1h;
    EXPECT_EQ(terminals_.activate(1, start_ + 55ms).value(), Arrival::held);
    EXPECT_EQ(clock_.now(), start_ + 55ms);
    EXPECT_TRUE(kernel_.locked);
    kernel_.owner_takes = 0s;  // Killed.
    EXPECT_EQ(terminals_.activate(1, clock_.now() + 55ms).value(), Arrival::arrived);
}

TEST_F(VirtualTerminalsTest, asks_and_looks_once_when_the_deadline_is_over_already) {
    EXPECT_EQ(terminals_.activate(2, start_ + -1s).value(), Arrival::arrived);
    kernel_.owner_takes = 1h;
    EXPECT_EQ(terminals_.activate(1, start_ + -1s).value(), Arrival::held);
}

TEST_F(VirtualTerminalsTest, asks_for_nothing_when_it_is_in_front_and_locks_it_there) {
    kernel_.locked = false;
    EXPECT_EQ(terminals_.activate(1, start_ + 500ms).value(), Arrival::arrived);
    EXPECT_TRUE(kernel_.asked.empty());
    EXPECT_TRUE(kernel_.locked);
}

TEST_F(VirtualTerminalsTest, asks_again_when_somebody_switched_elsewhere_meanwhile) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 50ms;
    bool once = true;
    kernel_.meanwhile = [&] {
        if (clock_.now() < start_ + 20ms || !once) return;
        once = false;
        (void)kernel_.ask_for(3);
        kernel_.in_front = 3;
    };
    EXPECT_EQ(terminals_.activate(1, start_ + 500ms).value(), Arrival::arrived);
    EXPECT_EQ(kernel_.in_front, 1);
    EXPECT_EQ(kernel_.asked.back(), 1);
}

TEST_F(VirtualTerminalsTest, locks_again_whatever_fails_and_says_when_it_cannot) {
    for (const char* call : {"active", "ask"}) {
        kernel_.broken = call;
        kernel_.locked = false;
        EXPECT_FALSE(terminals_.activate(2, start_ + 20ms)) << call;
        EXPECT_TRUE(kernel_.locked) << call;
    }
    kernel_.broken = "lock";
    EXPECT_FALSE(terminals_.activate(2, start_ + 20ms));
}

TEST_F(VirtualTerminalsTest, reclaims_a_terminal_from_an_owner_that_cannot_be_killed) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 1h;
    EXPECT_EQ(terminals_.activate(1, start_ + 20ms).value(), Arrival::held);
    ASSERT_TRUE(terminals_.reclaim(2));
    EXPECT_EQ(kernel_.reclaimed, std::vector<int>{2});
    EXPECT_EQ(terminals_.activate(1, clock_.now() + 20ms).value(), Arrival::arrived);
}

TEST_F(VirtualTerminalsTest, forces_a_switch_by_killing_who_holds_the_terminal) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 1h;
    RecordingReport report;
    int killed = 0;
    terminals_.force(1, 2, report, [&] {
        ++killed;
        kernel_.owner_takes = 0s;
    });
    EXPECT_EQ(kernel_.in_front, 1);
    EXPECT_EQ(killed, 1);
    EXPECT_TRUE(kernel_.reclaimed.empty());
    EXPECT_TRUE(kernel_.locked);
    terminals_.force(1, 2, report, [&] { ++killed; });
    EXPECT_EQ(killed, 1);
}

TEST_F(VirtualTerminalsTest, forces_a_switch_from_one_that_cannot_be_killed) {
    kernel_.in_front = 2;
    kernel_.owner_takes = 1h;
    RecordingReport report;
    terminals_.force(1, 2, report, [] {});
    EXPECT_EQ(kernel_.in_front, 1);
    EXPECT_EQ(kernel_.reclaimed, std::vector<int>{2});
    EXPECT_LE(clock_.now(), start_ + 3s);
}

}  // namespace
}  // namespace berth::supervisor
