// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/configured_chords.h"

#include "greeter/site/client_config.h"

namespace berth::supervisor {

std::vector<Chord> configured_chords(const std::string& file, Report& report) {
    const auto config = read_client_config(file);
    if (config) return config->chords;
    report.error("the default chords are in force", config.error());
    return default_chords();
}

}  // namespace berth::supervisor
