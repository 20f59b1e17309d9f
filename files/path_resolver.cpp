// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/path_resolver.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "base/plain_text.h"

namespace berth::files {
namespace {

/// What a message shows of a path or of a link's target: both are what anybody wrote.
constexpr size_t k_shown = 255;

std::deque<std::string> components(const std::string& path) {
    std::deque<std::string> parts;
    for (size_t at = 0; at <= path.size();) {
        size_t end = std::min(path.find('/', at), path.size());
        if (end > at && path.substr(at, end - at) != ".") parts.push_back(path.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

/// What remains of `path` below `tree`, or nothing when it is elsewhere.
std::optional<std::string> below(const std::string& path, std::string tree) {
    while (tree.size() > 1 && tree.back() == '/') tree.pop_back();
    if (tree == "/") return path;
    if (!path.starts_with(tree) || path.size() <= tree.size() || path[tree.size()] != '/')
        return std::nullopt;
    return path.substr(tree.size());
}

struct Walk {
    FileOps* ops;
    std::vector<LookupReply> stack;  ///< From the tree's root down to where we stand.
    bool shared = false;
};

}  // namespace

Result<Resolved> resolve_path(FileOps& user, const FileHandle& vm_directory, const SharedTree& shared,
                              const std::string& path) {
    std::deque<std::string> rest = components(path);
    if (path.starts_with('/') || path.find('\0') != path.npos || rest.empty() ||
        std::ranges::find(rest, "..") != rest.end())
        return fail(ErrorCode::C04,
                    "\"{}\": must be a path inside the virtual machine's directory, without \"..\"",
                    printable(path, k_shown));
    Walk walk{&user, {{vm_directory, {.type = FileType::directory}}}};
    for (int links = 0; !rest.empty();) {
        const std::string name = rest.front();
        rest.pop_front();
        if (name == "..") {
            if (walk.stack.size() == 1)
                return fail(ErrorCode::C04, "\"{}\": a symbolic link leads out of {}",
                            printable(path, k_shown),
                            walk.shared ? "the shared tree" : "the virtual machine's directory");
            walk.stack.pop_back();
            continue;
        }
        if (walk.stack.back().attributes.type != FileType::directory)
            return fail(ErrorCode::M09, "\"{}\": \"{}\" is looked for in something that is not a directory",
                        printable(path, k_shown), printable(name, k_shown));
        auto found = walk.ops->lookup(walk.stack.back().handle, name);
        if (!found) return fail(found.error().with_prefix(printable(path, k_shown)));
        if (found->attributes.type != FileType::symlink) {
            walk.stack.push_back(std::move(*found));
            continue;
        }
        if (++links > k_most_links)
            return fail(ErrorCode::C04, "\"{}\": more than {} symbolic links", printable(path, k_shown),
                        k_most_links);
        auto target = walk.ops->readlink(found->handle);
        if (!target) return fail(target.error().with_prefix(printable(path, k_shown)));
        std::string next = *target;
        if (next.starts_with('/')) {
            auto inside = shared.ops ? below(next, shared.directory) : std::nullopt;
            if (!inside)
                return fail(ErrorCode::C04, "\"{}\": its link to \"{}\" does not lead into the shared tree",
                            printable(path, k_shown), printable(next, k_shown));
            walk = {shared.ops, {{shared.ops->root(), {.type = FileType::directory}}}, true};
            next = *inside;
        }
        auto more = components(next);
        rest.insert(rest.begin(), more.begin(), more.end());
    }
    return Resolved{walk.ops, walk.stack.back().handle, walk.stack.back().attributes, walk.shared};
}

}  // namespace berth::files
