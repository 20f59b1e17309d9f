// SPDX-License-Identifier: GPL-3.0-or-later
// Who called berthctl: what they read, what they answer, and when they interrupt. Tests have a recorded one
// (tests/testing/ctl_world.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/output.h"
#include "base/result.h"

namespace berth::server {

/// One thread.
class Console {
  public:
    virtual ~Console() = default;

    /// Text of several lines, made printable but for the ends of lines.
    virtual void print(Stream stream, std::string_view text) = 0;
    /// A file for another program, to standard output (say_file of base/output.h). I01.
    virtual Status print_file(std::string_view bytes) = 0;

    /// Whether a person may be looking at standard error.
    virtual bool shows_progress() const = 0;
    /// A line on standard error that the next one replaces, until end_progress().
    virtual void show_progress(std::string_view text) = 0;
    virtual void end_progress() = 0;

    /// Whether standard input is a terminal.
    virtual bool can_answer() const = 0;
    /// The line that is typed; empty at the end of input, or when a signal came.
    virtual std::string answer() = 0;

    /// From now on SIGINT, SIGTERM and SIGHUP end the work at its next step, so that the lock of a VM is
    /// released and a copy can be continued. A second one ends the process.
    virtual void heed_interrupts() = 0;
    virtual bool interrupted() const = 0;
};

/// The process's own. One at a time.
std::unique_ptr<Console> process_console();

void append(std::vector<std::string>& lines, const std::vector<std::string>& more);
/// Columns padded to their widest cell, two blanks between. Cells are made printable.
std::vector<std::string> table(std::vector<std::vector<std::string>> rows);

}  // namespace berth::server
