// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/time_text.h"

#include <ctime>

namespace berth::session {

std::string rfc3339(std::chrono::system_clock::time_point t) {
    const std::time_t now = std::chrono::system_clock::to_time_t(t);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

std::string time_for_people(const std::string& rfc3339) {
    std::tm utc{};
    const char* rest = strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == nullptr || *rest != 'Z') return rfc3339;
    const std::time_t t = timegm(&utc);
    std::tm local{};
    localtime_r(&t, &local);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    return text;
}

}  // namespace berth::session
