// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"

namespace berth {

/// Keeps everything. Any thread.
class RecordingReport final : public Report {
  public:
    struct Entry {
        Level level;
        std::string event;
        Fields fields;
    };
    void event(Level level, std::string_view event, const Fields& fields = {}) override {
        std::lock_guard lock(mutex_);
        entries_.push_back({level, std::string(event), fields});
    }
    std::vector<Entry> entries() const {
        std::lock_guard lock(mutex_);
        return entries_;
    }
    bool has(std::string_view event) const {
        for (const auto& e : entries())
            if (e.event == event) return true;
        return false;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Entry> entries_;
};

}  // namespace berth
