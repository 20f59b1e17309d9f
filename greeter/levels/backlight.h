// SPDX-License-Identifier: GPL-3.0-or-later
// The brightness of a built-in panel, by sysfs.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace berth::levels {

class Panel {
  public:
    /// The panel below `folder` (/sys/class/backlight); nothing: there is none that says how bright it can be.
    static std::optional<Panel> find(const std::string& folder);

    int percent() const;
    /// A tenth brighter or darker. Never so dark that nothing can be read: 5 percent and the number 1 are the least.
    Status step(bool up);

  private:
    Panel(std::string folder, long value, long most)
        : folder_(std::move(folder)), value_(value), most_(most) {}
    std::string folder_;
    long value_, most_;
};

}  // namespace berth::levels
