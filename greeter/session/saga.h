// SPDX-License-Identifier: GPL-3.0-or-later
// A session is a list of steps with undo (docs/architecture.md "A session's steps"). They are undone in an order
// of their own (`undo_place`): the lock is released before the swap is deleted. The same list is the code, the
// screen's progress, the log, and the table in docs and tests.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/protocol/messages.h"

namespace berth::session {

/// What is fixed about a step.
struct StepFacts {
    std::string_view name;     ///< One word, as in the state file's "began".
    std::string_view doing;    ///< Sentence for the user while it is done.
    std::string_view undoing;  ///< Sentence while it is undone; empty: nothing to undo.
    Duration deadline;  ///< The step's own waiting ends by then; what a person is asked does not count.
    int undo_place;     ///< 1 is undone first; 0: nothing to undo.
    /// Steps that must be undone (or never begun) before this one may be: a lock is not released while its
    /// writer may live. Empty: none.
    std::array<std::string_view, 2> undo_needs;
};

/// What it does. `undo` is idempotent and copes with an `act` that failed half-way.
struct StepAction {
    std::function<Status(BootTime deadline)> act;
    std::function<Status()> undo;
};

using StepPhase = protocol::StepState;

/// For the log: "doing", "done", "failed", "undoing".
std::string_view phase_name(StepPhase phase);

/// Runs such a list. One thread. Destroying one that still holds something is logged: its owner must unwind it.
class Saga {
  public:
    /// Called at each change: which step, its place (from 0), how many, the phase.
    using Progress = std::function<void(const StepFacts&, size_t index, size_t of, StepPhase)>;
    /// Called before a step is begun, so that the caller can write it down; its error fails the step before
    /// anything was made.
    using Before = std::function<Status(const StepFacts&)>;
    /// An error ends the list between two steps (the user cancelled, the greeter is gone).
    using GoOn = std::function<Status()>;

    Saga(std::span<const StepFacts> facts, std::map<std::string_view, StepAction> actions, Clock& clock,
         Report& report);
    ~Saga();
    Saga(const Saga&) = delete;
    Saga& operator=(const Saga&) = delete;

    void on_progress(Progress progress) { progress_ = std::move(progress); }
    void before_each(Before before) { before_ = std::move(before); }
    void between(GoOn go_on) { go_on_ = std::move(go_on); }

    /// Does the steps in order up to the first error, which is returned as it is. Undoes nothing.
    Status run();

    /// Undoes every step that was begun, in the order of `undo_place`. An undo that fails is reported; the others
    /// still run, except those that need it done first. Returns the first error; another call repeats only what is left.
    Status unwind();

    /// Names of the steps begun and not undone, in do order.
    std::vector<std::string> outstanding() const;

  private:
    enum class State { idle, begun, done, undone };
    struct Entry {
        const StepFacts* facts;
        StepAction action;
        State state = State::idle;
    };
    bool holds(const Entry& e) const { return e.state == State::begun || e.state == State::done; }
    void tell(size_t index, StepPhase phase);
    Status run_one(size_t index);

    std::vector<Entry> steps_;
    Clock& clock_;
    Report& report_;
    Progress progress_;
    Before before_;
    GoOn go_on_;
};

/// The list as a Markdown table: number, name, sentence, deadline, place in the undo order, sentence of the
/// undo.
std::string step_table_text(std::span<const StepFacts> facts);

}  // namespace berth::session
