// SPDX-License-Identifier: GPL-3.0-or-later
// An option for every setting of a machine's record (server/model/machine.h).
#pragma once

#include <CLI/CLI.hpp>

#include "server/model/machine.h"

namespace berth::server {

class SettingArguments {
  public:
    explicit SettingArguments(CLI::App& command);

    /// Checks what the line named and applies it: an empty value takes the setting away. What was refused
    /// under its key goes too. P06.
    Status apply(Settings& settings, Settings& refused) const;
    /// Whether the line says `--KEY VALUE`.
    bool says(const std::string& key, std::string_view value) const {
        const auto found = given_.find(key);
        return found != given_.end() && found->second == value;
    }

  private:
    Settings given_;
};

}  // namespace berth::server
