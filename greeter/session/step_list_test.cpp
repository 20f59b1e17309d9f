// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/step_list.h"

#include <gtest/gtest.h>

#include "greeter/session/steps/session_steps.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_world.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

/// Each step that ran or was undone, the first one first.
using Log = std::vector<std::string>;

struct First {
    int number;
};
struct Second {
    int number;
};

class One {
  public:
    static constexpr StepFacts facts{"one", "doing one", "undoing one", seconds(5), 2, {}};
    explicit One(Log& log) : log_(log) {}
    Result<First> run(BootTime) {
        log_.emplace_back("one");
        return First{1};
    }
    Status undo() {
        log_.emplace_back("undo one");
        return {};
    }
    static Status undo_left(Leftover& left) {
        left.seams.report.event(Level::info, "one");
        return {};
    }

  private:
    Log& log_;
};

class Two {
  public:
    static constexpr StepFacts facts{"two", "doing two", "undoing two", seconds(5), 1, {}};
    explicit Two(Log& log) : log_(log) {}
    Result<Second> run(First first, BootTime) {
        log_.push_back(fmt::format("two after {}", first.number));
        return Second{first.number + 1};
    }
    Status undo() {
        log_.emplace_back("undo two");
        return {};
    }
    static Status undo_left(Leftover& left) {
        left.seams.report.event(Level::info, "two");
        return left.unsaved == Unsaved::discard ? Status{} : fail(ErrorCode::V04);
    }

  private:
    Log& log_;
};

class Three {
  public:
    static constexpr StepFacts facts{"three", "doing three", "", seconds(5), 0, {}};
    explicit Three(Log&) {}
    Result<Second> run(Second second, BootTime) {
        if (second.number == 2) return fail(ErrorCode::I01, "two is enough");
        return second;
    }
    static constexpr std::string_view no_undo = "it made nothing";
};

struct Forgotten {
    static constexpr StepFacts facts{"forgotten", "doing", "", seconds(5), 0, {}};
    Result<Second> run(Second second, BootTime) { return second; }
};

// A step that is not whole does not compile (WholeStep); these are what it asks.
static_assert(Undoes<One> && UndoesWhatIsLeft<One> && !SaysWhyNoUndo<One>);
static_assert(!Undoes<Three> && SaysWhyNoUndo<Three>);
static_assert(!Undoes<Forgotten> && !SaysWhyNoUndo<Forgotten>);
static_assert(std::same_as<Takes<Two>, Gives<One>>);

TEST(StepList, gives_each_step_what_the_one_before_it_gave) {
    Log log;
    StepList<Log, One, Two> steps(log);
    FakeClock clock;
    RecordingReport report;
    Saga saga(steps.facts(), steps.actions(), clock, report);
    ASSERT_TRUE(saga.run());
    EXPECT_EQ(steps.result().number, 2);
    ASSERT_TRUE(saga.unwind());
    EXPECT_EQ(log, (Log{"one", "two after 1", "undo two", "undo one"}));
}

TEST(StepList, hands_a_steps_error_to_the_saga_and_undoes_only_what_has_an_undo) {
    Log log;
    StepList<Log, One, Two, Three> steps(log);
    FakeClock clock;
    RecordingReport report;
    Saga saga(steps.facts(), steps.actions(), clock, report);
    const Status ran = saga.run();
    ASSERT_FALSE(ran);
    EXPECT_EQ(ran.error().detail(), "two is enough");
    ASSERT_TRUE(saga.unwind());
    EXPECT_TRUE(saga.outstanding().empty());
    EXPECT_EQ(log, (Log{"one", "two after 1", "undo two", "undo one"}));
}

TEST(StepList, undoes_what_is_left_in_the_order_of_the_undo_up_to_the_first_error) {
    using Steps = StepList<Log, One, Two, Three>;
    FakeWorld w;
    FakeSessionResources resources(w);
    FakeHypervisor hypervisor(w);
    FakeProcessTable processes(w);
    StateStore store("/nonexistent", nullptr, w.report);
    const SweepSeams seams{w.clock, w.report, resources, hypervisor, store, processes, "boot-1", {}};
    const SessionState state;
    const SweepWaiting waiting;
    Leftover left{state, seams, waiting};
    EXPECT_FALSE(Steps::undo_left(left));
    EXPECT_TRUE(w.report.has("two"));
    EXPECT_FALSE(w.report.has("one"));
    left.unsaved = Unsaved::discard;
    EXPECT_TRUE(Steps::undo_left(left));
    EXPECT_TRUE(w.report.has("one"));
}

TEST(SessionSteps, each_undo_knows_what_a_dead_session_left) {
    EXPECT_TRUE(UndoesWhatIsLeft<VmStep> && UndoesWhatIsLeft<VolumeStep> && UndoesWhatIsLeft<LockStep> &&
                UndoesWhatIsLeft<SwapStep>);
    EXPECT_TRUE(SaysWhyNothingIsLeft<AuthenticateStep> && SaysWhyNothingIsLeft<MountStep> &&
                SaysWhyNothingIsLeft<ConsoleStep>);
}

}  // namespace
}  // namespace berth::session
