// SPDX-License-Identifier: GPL-3.0-or-later
// A verb of berthctl: a file of its own, NOUN/NOUN_VERB.cpp, named in the table of verbs.cpp. Its constructor
// declares its options; run() does the work and answers. What it answers is printed by program.cpp alone, so
// --json prints JSON and nothing else.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "server/ctl/console.h"
#include "server/vmtools/vm_place.h"

namespace berth::server {

/// What every verb is given.
struct Ctl {
    Console& console;
    Clock& clock;
    Report& report;
    Places& places;
    std::string database = "/var/lib/berth-provisioner/berth.db";
    bool json = false;
    lock::LockTimes lock_times{};  ///< A laboratory's may be others (tests/lab).

    /// "berthctl: BERTH-..." on standard error; `about`: "berthctl: ABOUT: BERTH-...".
    void complain(const Error& error, std::string_view about = {}) const;
    /// A line for people on standard error; nothing with --json.
    void note(std::string_view line) const;
};

struct Answer {
    nlohmann::json json;             ///< What --json prints.
    std::vector<std::string> lines;  ///< What is printed without; each is made printable.
    Status then{};                   ///< Why the command fails once this is printed.
    /// Instead of `lines`: a file for another program, byte by byte.
    std::optional<std::string> file{};
};

/// {"text": FILE}, or the file itself.
Answer file_answer(std::string file);

class Verb {
  public:
    virtual ~Verb() = default;
    virtual Result<Answer> run(Ctl& ctl) = 0;
};

}  // namespace berth::server
