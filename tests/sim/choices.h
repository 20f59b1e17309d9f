// SPDX-License-Identifier: GPL-3.0-or-later
// What is chosen in a run, and by whom. A run is a function of its scenario and of its schedule: the list of
// what was chosen at each point at which there was a choice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace berth::sim {

/// What happens next. `go_on` is always the first: what an undisturbed world would do.
enum class Move : uint8_t {
    go_on,
    other_first,    ///< Another call, reply or thread goes first.
    stall,          ///< The next call, or its reply, is put off for as long as it may be.
    tick,           ///< Time passes first.
    run_copy,       ///< A copy that the network kept is executed.
    overtake,       ///< A call is executed before an older one of its connection.
    keep_copy,      ///< The call is executed, and a copy of it is kept.
    keep_call,      ///< The connection breaks, and the call is kept: executed later, or never.
    lose_call,      ///< The connection breaks before the call was executed.
    lose_reply,     ///< It breaks behind the call's execution.
    drop,           ///< The server forgets a call and lives on.
    refuse,         ///< A WRITE or COMMIT is refused.
    shorten,        ///< A WRITE is executed in part.
    restart,        ///< The server starts anew without what was not stable; connections last.
    restart_break,  ///< The same, and connections break.
    crash,          ///< A client is gone, and boots.
    break_line,     ///< A connection breaks that nothing is on.
};
const char* move_name(Move move);

/// What a move takes from: each kind may happen so often in a run.
enum class Purse : uint8_t { none, switches, copies, losses, restarts, crashes, refusals };
constexpr size_t k_purses = 7;
using Purses = std::array<uint8_t, k_purses>;
Purse purse_of(Move move);

struct Option {
    Move move = Move::go_on;
    uint32_t which = 0;  ///< Of whom or what.
};

/// A point at which more than one thing may happen.
struct Point {
    std::span<const Option> options;
    const Purses& left;
    bool block = false;                ///< The next call is about blocks.
    std::function<uint64_t()> digest;  ///< Of the whole world and this point; whoever needs it asks.
};

class Chooser {
  public:
    virtual ~Chooser() = default;
    /// An index of the point's options, or k_cut: the run ends here, for nothing new can follow.
    virtual size_t choose(const Point& point) = 0;
    static constexpr size_t k_cut = SIZE_MAX;
};

using Schedule = std::vector<uint16_t>;

}  // namespace berth::sim
