// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "base/report.h"
#include "greeter/site/chord.h"

namespace berth::supervisor {

/// The site's chords (berth.toml(5)). With a file that is wrong it is the default ones: a workstation is never without.
std::vector<Chord> configured_chords(const std::string& file, Report& report);

}  // namespace berth::supervisor
