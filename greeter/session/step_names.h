// SPDX-License-Identifier: GPL-3.0-or-later
// The names of a session's steps, as in the state file's "began", on the wire, in the log and in the tests.
#pragma once

#include <string_view>

namespace berth::session::step {

inline constexpr std::string_view authenticate = "authenticate", account = "account",
                                  credentials = "credentials", locate = "locate", mount = "mount",
                                  choose = "choose", check = "check", lock = "lock", configure = "configure",
                                  swap = "swap", volume = "volume", vm = "vm", console = "console";

}  // namespace berth::session::step
