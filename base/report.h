// SPDX-License-Identifier: GPL-3.0-or-later
// Where components say what happens: the journal in production, a list in tests. Never pass a secret.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth {

enum class Level { debug, info, warning, error };

/// Structured fields; names in lower case ("disk", "epoch").
using Fields = std::map<std::string, std::string>;

class Report {
  public:
    virtual ~Report() = default;
    /// `event` is a fixed phrase ("lease renewed"), what varies goes into fields. Any thread.
    virtual void event(Level level, std::string_view event, const Fields& fields = {}) = 0;
    void error(std::string_view event, const Error& e) {
        this->event(Level::error, event, {{"error", e.to_log()}});
    }
};

/// journald's native protocol when the journal is there (sd_journal_sendv(3); fields become BERTH_NAME=),
/// else lines on standard error. Fields and line are made printable (base/plain_text.h), and an event is one
/// line whatever it holds.
class JournalReport final : public Report {
  public:
    /// `program` goes to SYSLOG_IDENTIFIER.
    explicit JournalReport(std::string program);
    void event(Level level, std::string_view event, const Fields& fields = {}) override;

  private:
    std::string program_;
    bool journal_;
};

}  // namespace berth
