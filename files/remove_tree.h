// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "files/file_ops.h"

namespace berth::files {

/// Removes a file, link or whole folder; symbolic links are removed, not followed. At most 32 deep (M11). What
/// is not there is removed.
Status remove_tree(FileOps& ops, const FileHandle& directory, const std::string& name);

}  // namespace berth::files
