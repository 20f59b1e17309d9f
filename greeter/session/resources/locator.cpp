// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/locator.h"

#include <algorithm>

#include "base/plain_text.h"
#include "base/spawn.h"
#include "base/text.h"

namespace berth::session {
namespace {

using std::chrono::seconds;

/// What a program printed.
std::string said(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    return in_quotes(text, 120);
}

Result<NfsLocation> by_configuration(const LocateConfig& config, const std::string& user) {
    if (config.server.empty() || config.directory.empty())
        return fail(ErrorCode::M30, "locate.server and locate.directory are not configured");
    std::string directory = config.directory;
    constexpr std::string_view k_place = "{user}";
    for (size_t at = 0; (at = directory.find(k_place, at)) != std::string::npos; at += user.size())
        directory.replace(at, k_place.size(), user);
    return NfsLocation{
        .server = config.server, .directory = std::move(directory), .nfs_port = 0, .mount_port = 0};
}

Result<NfsLocation> by_script(const LocateConfig& config, const std::string& user, Duration limit) {
    auto output = run({.arguments = {config.script, user}}, std::min<Duration>(limit, seconds(10)));
    if (!output) return fail(ErrorCode::M30, "{}: {}", config.script, output.error().detail());
    if (output->exit_code != 0)
        return fail(ErrorCode::M30, "{} ended with code {}: {}", config.script, output->exit_code,
                    said(output->err.empty() ? output->out : output->err));
    std::string_view line = output->out;
    if (line.ends_with('\n')) line.remove_suffix(1);
    auto location = parse_location(line);
    if (!location)
        return fail(ErrorCode::M30, "{} printed {}: must be one line, server:/absolute/path", config.script,
                    said(output->out));
    return *location;
}

}  // namespace

Result<NfsLocation> locate_user(const LocateConfig& config, const std::string& user, Duration limit) {
    // The name becomes a part of a path.
    if (user.empty() || user == "." || user == ".." || user.contains('/'))
        return fail(ErrorCode::M30, "the user name {} cannot be part of a path", in_quotes(user));
    if (!config.unusable.empty())
        return fail(ErrorCode::M30, "this workstation's record: {}", config.unusable);
    auto location = config.method == LocateMethod::script ? by_script(config, user, limit)
                                                          : by_configuration(config, user);
    if (!location) return location;
    location->nfs_port = config.nfs_port;
    location->mount_port = config.mount_port;
    return location;
}

}  // namespace berth::session
