// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/remove_tree.h"

namespace berth::files {
namespace {

constexpr int k_max_depth = 32;

Status remove_tree_at(FileOps& ops, const FileHandle& directory, const std::string& name, int depth) {
    auto found = ops.lookup(directory, name);
    if (failed_as(found, Condition::absent)) return {};
    if (!found) return fail(found.error());
    if (found->attributes.type != FileType::directory) return ops.remove(directory, name);
    if (depth == k_max_depth)
        return fail(ErrorCode::M11, "\"{}\": folders deeper than {}", name, k_max_depth);
    auto entries = BERTH_TRY(ops.list(found->handle));
    for (const auto& entry : entries) BERTH_TRY(remove_tree_at(ops, found->handle, entry.name, depth + 1));
    return ops.remove_directory(directory, name);
}

}  // namespace

Status remove_tree(FileOps& ops, const FileHandle& directory, const std::string& name) {
    return remove_tree_at(ops, directory, name, 0);
}

}  // namespace berth::files
