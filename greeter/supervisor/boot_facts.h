// SPDX-License-Identifier: GPL-3.0-or-later
// What the boot found (docs/architecture.md, /run/berth/boot.json) as sentences for the user, and where the
// console is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::supervisor {

struct BootFacts {
    std::string host;                  ///< Empty: not known.
    std::vector<std::string> notices;  ///< Whole sentences, most urgent first.
};

/// Never fails: a missing or malformed file means that nothing is known.
BootFacts parse_boot_facts(std::string_view text);

/// The terminal that berth.console= of the kernel command line names, as a path below /dev
/// (is_console(): "tty1", "ttyS0", "hvc0"); the last one counts. "/dev/tty1" when there is none
/// that is allowed.
std::string console_path(std::string_view kernel_command_line);

/// What is on the other side of `tty`: a virtual terminal of the kernel or a line to some terminal.
bool is_virtual_terminal(std::string_view tty);
/// 1 to 63; 0: it is not one of these.
int virtual_terminal_number(std::string_view tty);
/// terminfo's name for it.
std::string term_for(std::string_view tty);

}  // namespace berth::supervisor
