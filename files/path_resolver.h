// SPDX-License-Identifier: GPL-3.0-or-later
// Finds a file of a VM by path with our own resolution of symbolic links: never by the server's, never out of
// the VM's directory or the shared tree (docs/rules.md "A VM's directory"). What comes back is the handle of the
// file that was looked at; using it, and not the path again, makes a swap of the path in between harmless.
#pragma once

#include <string>

#include "files/file_ops.h"

namespace berth::files {

struct Resolved {
    FileOps* ops = nullptr;  ///< The session whose handle it is: the user's or the shared tree's.
    FileHandle handle;
    Attributes attributes;
    bool shared = false;  ///< In the shared tree.
};

/// The shared tree: an absolute link below `directory` leads into `ops`.
struct SharedTree {
    FileOps* ops = nullptr;
    std::string directory;
};

inline constexpr int k_most_links = 16;

/// `path` is relative to `vm_directory` and has no "..". C04 when it leads out, M09 when there is nothing.
Result<Resolved> resolve_path(FileOps& user, const FileHandle& vm_directory, const SharedTree& shared,
                              const std::string& path);

}  // namespace berth::files
