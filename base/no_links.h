// SPDX-License-Identifier: GPL-3.0-or-later
// Files in a folder that belongs to another user, for programs of root. That user may put a symbolic link, a
// pipe or a file of theirs under any name there, and swap them at any moment. The folder itself is root's
// word (its parents are root's) and may be reached through links; from there on no link is followed
// (openat2(2) RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS), nothing that exists is written, and a pipe holds nobody
// up.
#pragma once

#include <string>

#include "base/fd.h"

namespace berth {

/// Opens `path` below `folder`. None: errno says why (ELOOP: a link; EXDEV: it leads out).
UniqueFd open_below(const std::string& folder, const std::string& path, int flags);

/// Opens a path of which no part may be a link. None: errno says why (ELOOP).
UniqueFd open_without_links(const std::string& path, int flags);

/// A whole regular file below `folder`; errors as read_file's, and I01 for a link.
Result<std::string> read_file_below(const std::string& folder, const std::string& path);

/// A new file for writing at its end, in place of whatever has that name. I01, I06.
Result<UniqueFd> make_file_in(const std::string& folder, const std::string& name, unsigned mode);

/// Connects to the stream socket `name` of `folder`. None: errno says why (ELOOP: it is a link).
UniqueFd connect_in(const std::string& folder, const std::string& name);

}  // namespace berth
