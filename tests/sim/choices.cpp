// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/choices.h"

namespace berth::sim {

const char* move_name(Move move) {
    static constexpr const char* k_names[] = {"goes on",
                                              "other first",
                                              "stall",
                                              "tick",
                                              "a copy is executed",
                                              "overtakes",
                                              "copy is kept",
                                              "call is kept",
                                              "call is lost",
                                              "reply is lost",
                                              "call is dropped",
                                              "refused",
                                              "cut short",
                                              "restart",
                                              "restart, connections break",
                                              "crash",
                                              "an idle connection breaks"};
    return k_names[static_cast<size_t>(move)];
}

Purse purse_of(Move move) {
    switch (move) {
        case Move::go_on:
        case Move::run_copy:
            return Purse::none;
        case Move::other_first:
        case Move::stall:
        case Move::tick:
            return Purse::switches;
        case Move::overtake:
        case Move::keep_copy:
        case Move::keep_call:
            return Purse::copies;
        case Move::lose_call:
        case Move::lose_reply:
        case Move::drop:
        case Move::break_line:
            return Purse::losses;
        case Move::refuse:
        case Move::shorten:
            return Purse::refusals;
        case Move::restart:
        case Move::restart_break:
            return Purse::restarts;
        case Move::crash:
            return Purse::crashes;
    }
    return Purse::none;
}

}  // namespace berth::sim
