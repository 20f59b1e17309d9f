// SPDX-License-Identifier: GPL-3.0-or-later
// The one question of berthctl: whether to make the change that it shows.
#pragma once

#include "server/ctl/verb.h"

namespace berth::server {

/// With -y (--yes) the answer is yes. Without it a person at a terminal is asked, and where there is no
/// terminal the command is refused.
class Question {
  public:
    explicit Question(CLI::App& command) { command.add_flag("-y,--yes", yes_, "do not ask"); }

    /// P06 when nobody can be asked. confirm() says the same; for a verb that must know before it begins.
    Status can_be_asked(const Ctl& ctl) const;

    /// Shows the lines that change as a diff ("-mode: local", "+mode: network"), on standard output; with
    /// --json on standard error, and only if it asks. The question is on standard error. True: make the
    /// change; false: nothing changes, or the answer is no.
    Result<bool> confirm(const Ctl& ctl, const std::vector<std::string>& before,
                         const std::vector<std::string>& after) const;

  private:
    bool yes_ = false;
};

/// The answers of a verb that removes what confirm() has shown: {"removed": NAME}, or null when the answer
/// was no.
Answer removed(const std::string& name);
Answer nothing_removed(const std::string& name);

}  // namespace berth::server
