// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/saga.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "greeter/session/step_table.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

using std::chrono::seconds;
using testing::Test;

const StepFacts k_three[] = {{"a", "doing a", "undoing a", seconds(5), 2, {}},
                             {"b", "doing b", "undoing b", seconds(5), 3, {"c"}},
                             {"c", "doing c", "undoing c", seconds(5), 1, {}}};

/// Records what is done; a named do or undo fails.
struct RecordedSteps {
    std::vector<std::string> log;
    std::set<std::string> failing;

    std::map<std::string_view, StepAction> actions(std::span<const StepFacts> facts) {
        std::map<std::string_view, StepAction> result;
        for (const auto& f : facts) {
            const std::string name(f.name);
            result[f.name] = {[this, name](BootTime) { return note("do " + name); },
                              [this, name] { return note("undo " + name); }};
        }
        return result;
    }
    Status note(const std::string& what) {
        log.push_back(what);
        return failing.contains(what) ? fail(ErrorCode::I01, "{}", what) : Status{};
    }
};

struct SagaTest : Test {
    FakeClock clock;
    RecordingReport report;
    RecordedSteps steps;
};

TEST_F(SagaTest, does_in_list_order_and_undoes_by_undo_place) {
    Saga saga(k_three, steps.actions(k_three), clock, report);
    ASSERT_TRUE(saga.run());
    EXPECT_EQ(saga.outstanding(), (std::vector<std::string>{"a", "b", "c"}));
    ASSERT_TRUE(saga.unwind());
    EXPECT_EQ(steps.log, (std::vector<std::string>{"do a", "do b", "do c", "undo c", "undo a", "undo b"}));
    EXPECT_TRUE(saga.outstanding().empty());
}

TEST_F(SagaTest, undoes_only_what_was_begun_and_the_half_done_step_too) {
    steps.failing = {"do b"};
    Saga saga(k_three, steps.actions(k_three), clock, report);
    auto result = saga.run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().detail(), "do b");
    ASSERT_TRUE(saga.unwind());
    EXPECT_EQ(steps.log, (std::vector<std::string>{"do a", "do b", "undo a", "undo b"}));
}

TEST_F(SagaTest, undoes_nothing_twice) {
    Saga saga(k_three, steps.actions(k_three), clock, report);
    ASSERT_TRUE(saga.run());
    ASSERT_TRUE(saga.unwind());
    steps.log.clear();
    ASSERT_TRUE(saga.unwind());
    EXPECT_TRUE(steps.log.empty());
}

TEST_F(SagaTest, goes_on_after_a_failed_undo_but_not_with_steps_that_need_it) {
    steps.failing = {"undo c"};
    Saga saga(k_three, steps.actions(k_three), clock, report);
    ASSERT_TRUE(saga.run());
    EXPECT_FALSE(saga.unwind());
    EXPECT_EQ(saga.outstanding(), (std::vector<std::string>{"b", "c"}));
    EXPECT_TRUE(report.has("undo left to the sweeper"));
    steps.failing.clear();
    steps.log.clear();
    ASSERT_TRUE(saga.unwind());
    EXPECT_EQ(steps.log, (std::vector<std::string>{"undo c", "undo b"}));
}

TEST_F(SagaTest, logs_what_was_never_undone_when_it_is_destroyed) {
    {
        Saga saga(k_three, steps.actions(k_three), clock, report);
        ASSERT_TRUE(saga.run());
    }
    EXPECT_TRUE(report.has("a step was never undone"));
}

TEST_F(SagaTest, begins_nothing_when_it_could_not_be_written_down) {
    Saga saga(k_three, steps.actions(k_three), clock, report);
    saga.before_each(
        [](const StepFacts& f) { return f.name == "b" ? Status(fail(ErrorCode::I01)) : Status{}; });
    EXPECT_FALSE(saga.run());
    EXPECT_EQ(saga.outstanding(), std::vector<std::string>{"a"});
    ASSERT_TRUE(saga.unwind());
}

TEST_F(SagaTest, stops_between_two_steps_when_told) {
    Saga saga(k_three, steps.actions(k_three), clock, report);
    saga.between(
        [this]() -> Status { return steps.log.size() == 1 ? Status(fail(ErrorCode::L05)) : Status{}; });
    EXPECT_FALSE(saga.run());
    EXPECT_EQ(steps.log, std::vector<std::string>{"do a"});
    ASSERT_TRUE(saga.unwind());
}

TEST_F(SagaTest, tells_each_phase_of_each_step) {
    std::vector<std::string> told;
    steps.failing = {"do b"};
    Saga saga(k_three, steps.actions(k_three), clock, report);
    saga.on_progress([&](const StepFacts& f, size_t index, size_t of, StepPhase phase) {
        told.push_back(fmt::format("{} {}/{} {}", f.name, index, of, phase_name(phase)));
    });
    EXPECT_FALSE(saga.run());
    ASSERT_TRUE(saga.unwind());
    EXPECT_EQ(told, (std::vector<std::string>{"a 0/3 doing", "a 0/3 done", "b 1/3 doing", "b 1/3 failed",
                                              "a 0/3 undoing", "a 0/3 done", "b 1/3 undoing", "b 1/3 done"}));
}

TEST(StepTable, undoes_in_the_order_of_figure_7) {
    std::vector<StepFacts> with_undo;
    for (const auto& f : session_steps())
        if (f.undo_place > 0) with_undo.push_back(f);
    std::ranges::sort(with_undo, {}, &StepFacts::undo_place);
    std::vector<std::string_view> order;
    for (const auto& f : with_undo) order.push_back(f.name);
    EXPECT_EQ(order, (std::vector<std::string_view>{step::console, step::vm, step::volume, step::lock,
                                                    step::mount, step::swap, step::authenticate}));
}

TEST(StepTable, gives_every_undo_its_own_place_and_every_step_a_sentence) {
    std::set<int> places;
    for (const auto& f : session_steps()) {
        EXPECT_FALSE(f.doing.empty()) << f.name;
        EXPECT_EQ(f.undoing.empty(), f.undo_place == 0) << f.name;
        EXPECT_TRUE(f.undo_place == 0 || places.insert(f.undo_place).second) << f.name;
    }
}

TEST(StepTable, is_the_one_in_the_architecture_page) {
    std::ifstream file(BERTH_SOURCE_DIR "/docs/architecture.md");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_TRUE(text.str().contains(step_table_text(session_steps())))
        << "put this into docs/architecture.md:\n"
        << step_table_text(session_steps());
}

}  // namespace
}  // namespace berth::session
