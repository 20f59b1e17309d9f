// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/saga.h"

#include <algorithm>

namespace berth::session {

std::string_view phase_name(StepPhase phase) {
    switch (phase) {
        case StepPhase::doing:
            return "doing";
        case StepPhase::done:
            return "done";
        case StepPhase::failed:
            return "failed";
        case StepPhase::undoing:
            return "undoing";
    }
    return "";
}

Saga::Saga(std::span<const StepFacts> facts, std::map<std::string_view, StepAction> actions, Clock& clock,
           Report& report)
    : clock_(clock), report_(report) {
    for (const StepFacts& f : facts) steps_.push_back({&f, std::move(actions[f.name])});
}

Saga::~Saga() {
    for (const auto& name : outstanding())
        report_.event(Level::error, "a step was never undone", {{"step", name}});
}

void Saga::tell(size_t index, StepPhase phase) {
    report_.event(
        phase == StepPhase::failed ? Level::warning : Level::info, "step",
        {{"step", std::string(steps_[index].facts->name)}, {"phase", std::string(phase_name(phase))}});
    if (progress_) progress_(*steps_[index].facts, index, steps_.size(), phase);
}

Status Saga::run_one(size_t index) {
    Entry& step = steps_[index];
    tell(index, StepPhase::doing);
    if (before_) BERTH_TRY(before_(*step.facts));
    step.state = State::begun;
    const BootTime began = clock_.now();
    if (step.action.act) BERTH_TRY(step.action.act(began + step.facts->deadline));
    step.state = State::done;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - began);
    report_.event(Level::debug, "step took",
                  {{"step", std::string(step.facts->name)}, {"ms", std::to_string(took.count())}});
    tell(index, StepPhase::done);
    return {};
}

Status Saga::run() {
    for (size_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i].state == State::done) continue;
        if (go_on_) BERTH_TRY(go_on_());
        if (Status s = run_one(i); !s) {
            report_.error("step failed", s.error().with_prefix(steps_[i].facts->name));
            tell(i, StepPhase::failed);
            return s;
        }
    }
    return {};
}

Status Saga::unwind() {
    std::vector<size_t> order;
    for (size_t i = 0; i < steps_.size(); ++i)
        if (holds(steps_[i])) order.push_back(i);
    std::ranges::stable_sort(order, {}, [this](size_t i) { return steps_[i].facts->undo_place; });

    Status first;
    for (size_t i : order) {
        Entry& step = steps_[i];
        if (step.facts->undo_place == 0) {
            step.state = State::undone;
            continue;
        }
        const auto blocking = std::ranges::find_if(step.facts->undo_needs, [this](std::string_view name) {
            return std::ranges::any_of(steps_,
                                       [&](const Entry& e) { return e.facts->name == name && holds(e); });
        });
        if (blocking != step.facts->undo_needs.end()) {
            report_.event(Level::error, "undo left to the sweeper",
                          {{"step", std::string(step.facts->name)}, {"needs", std::string(*blocking)}});
            continue;
        }
        tell(i, StepPhase::undoing);
        Status undone = step.action.undo ? step.action.undo() : Status{};
        if (undone) {
            step.state = State::undone;
            tell(i, StepPhase::done);
            continue;
        }
        report_.error("undo failed", undone.error().with_prefix(step.facts->name));
        tell(i, StepPhase::failed);
        if (first) first = std::move(undone);
    }
    return first;
}

std::vector<std::string> Saga::outstanding() const {
    std::vector<std::string> names;
    for (const Entry& e : steps_)
        if (holds(e)) names.emplace_back(e.facts->name);
    return names;
}

std::string step_table_text(std::span<const StepFacts> facts) {
    std::string text =
        "| do | step | what the user reads | deadline | undo | what the user reads then "
        "|\n|---|---|---|---|---|---|\n";
    for (size_t i = 0; i < facts.size(); ++i) {
        const StepFacts& f = facts[i];
        text += fmt::format("| {} | {} | {} | {} s | {} | {} |\n", i + 1, f.name, f.doing,
                            std::chrono::duration_cast<std::chrono::seconds>(f.deadline).count(),
                            f.undo_place == 0 ? "" : std::to_string(f.undo_place), f.undoing);
    }
    return text;
}

}  // namespace berth::session
