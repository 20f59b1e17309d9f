// SPDX-License-Identifier: GPL-3.0-or-later
// Times as records and people have them.
#pragma once

#include <chrono>
#include <string>

namespace berth::session {

/// RFC 3339, UTC.
std::string rfc3339(std::chrono::system_clock::time_point t);
/// "2026-11-22 17:45" in the client's time zone, of such a text; another text as it is.
std::string time_for_people(const std::string& rfc3339);

}  // namespace berth::session
