// SPDX-License-Identifier: GPL-3.0-or-later
// A list of steps as types. A step is a class with
//   facts                            what is fixed about it (saga.h)
//   Result<Gives> run(Takes, BootTime deadline)   Takes is what the step before it gives; the first takes none
//   Status undo()                    or no_undo: a sentence that says why there is nothing to undo
//   static Status undo_left(Leftover&)  the undo for a session that died, by what is written down (leftover.h);
//                                    or nothing_left: a sentence that says why nothing outlives the process
// A step that lacks one of them does not compile.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "greeter/session/leftovers/leftover.h"
#include "greeter/session/saga.h"

namespace berth::session {

template <typename S>
concept Undoes = requires(S& step) {
    { step.undo() } -> std::same_as<Status>;
};
template <typename S>
concept SaysWhyNoUndo = requires {
    { S::no_undo } -> std::convertible_to<std::string_view>;
};
template <typename S>
concept UndoesWhatIsLeft = requires(Leftover& left) {
    { S::undo_left(left) } -> std::same_as<Status>;
};
template <typename S>
concept SaysWhyNothingIsLeft = requires {
    { S::nothing_left } -> std::convertible_to<std::string_view>;
};

/// What a step's run() takes and gives.
template <typename Run>
struct RunTypes;
template <typename S, typename G>
struct RunTypes<Result<G> (S::*)(BootTime)> {
    using Takes = void;
    using Gives = G;
};
template <typename S, typename T, typename G>
struct RunTypes<Result<G> (S::*)(T, BootTime)> {
    using Takes = T;
    using Gives = G;
};
template <typename S>
using Takes = typename RunTypes<decltype(&S::run)>::Takes;
template <typename S>
using Gives = typename RunTypes<decltype(&S::run)>::Gives;

/// What the compiler holds a step to.
template <typename S>
struct WholeStep {
    static_assert(Undoes<S> || SaysWhyNoUndo<S>,
                  "a step has undo(), or no_undo that says why there is nothing to undo");
    static_assert(!(Undoes<S> && SaysWhyNoUndo<S>), "a step with undo() has no no_undo");
    static_assert(Undoes<S> == (S::facts.undo_place > 0),
                  "a step with undo(), and no other, has an undo_place");
    static_assert(
        !Undoes<S> || UndoesWhatIsLeft<S> || SaysWhyNothingIsLeft<S>,
        "a step with undo() has undo_left(), or nothing_left that says why nothing outlives the process");
    static constexpr bool value = true;
};

/// Owns one of each, in the order in which they run. `Context` is what each is made with.
template <typename Context, typename... S>
class StepList {
  public:
    explicit StepList(Context& context) : steps_(same<S>(context)...) {}
    StepList(const StepList&) = delete;
    StepList& operator=(const StepList&) = delete;

    static std::span<const StepFacts> facts() {
        static constexpr std::array<StepFacts, sizeof...(S)> k_facts{S::facts...};
        return k_facts;
    }

    /// For a Saga that this outlives: each step is given what the one before it gave.
    std::map<std::string_view, StepAction> actions() { return actions(std::index_sequence_for<S...>()); }

    /// What the last step gave, when the saga has run.
    auto& result() { return *std::get<sizeof...(S) - 1>(results_); }

    /// Undoes what a dead session left, in the order of the undo, up to the first error.
    static Status undo_left(Leftover& left) {
        std::vector<std::pair<int, Status (*)(Leftover&)>> undos;
        const auto add = [&undos]<typename Step>() {
            if constexpr (UndoesWhatIsLeft<Step>)
                undos.emplace_back(Step::facts.undo_place, &Step::undo_left);
        };
        (add.template operator()<S>(), ...);
        std::ranges::sort(undos);
        for (const auto& [place, undo] : undos) BERTH_TRY(undo(left));
        return {};
    }

  private:
    static_assert((WholeStep<S>::value && ...));

    template <typename>
    static Context& same(Context& context) {
        return context;
    }

    template <size_t I>
    Status run(BootTime deadline) {
        using Step = std::tuple_element_t<I, std::tuple<S...>>;
        const auto given = [&] {
            if constexpr (I == 0) {
                return std::get<I>(steps_).run(deadline);
            } else {
                static_assert(std::same_as<Takes<Step>, Gives<std::tuple_element_t<I - 1, std::tuple<S...>>>>,
                              "a step takes what the step before it gives");
                return std::get<I>(steps_).run(*std::get<I - 1>(results_), deadline);
            }
        }();
        if (!given) return fail(given.error());
        std::get<I>(results_) = *given;
        return {};
    }

    template <size_t... I>
    std::map<std::string_view, StepAction> actions(std::index_sequence<I...>) {
        std::map<std::string_view, StepAction> all;
        const auto undo = [](auto& step) -> std::function<Status()> {
            if constexpr (Undoes<std::remove_reference_t<decltype(step)>>)
                return [&step] { return step.undo(); };
            else
                return {};
        };
        ((all[S::facts.name] = {[this](BootTime deadline) { return run<I>(deadline); },
                                undo(std::get<I>(steps_))}),
         ...);
        return all;
    }

    std::tuple<S...> steps_;
    std::tuple<std::optional<Gives<S>>...> results_;
};

}  // namespace berth::session
