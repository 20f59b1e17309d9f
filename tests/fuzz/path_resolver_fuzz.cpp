// SPDX-License-Identifier: GPL-3.0-or-later
// A VM's directory as hostile as a user can make it. Each line of the input is "f PATH", "d PATH" or
// "l PATH TARGET" (made inside work/), "s PATH TARGET" (a link in the shared tree), or a path to resolve. No
// file outside work/ and the shared tree may ever be found.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "files/path_resolver.h"
#include "tests/testing/memory_files.h"

namespace {

using namespace berth;
using namespace berth::files;

/// The handles of all that stands below `node`.
void collect(const files::MemoryServer::Node& node, std::set<files::FileHandle>& handles, int depth = 0) {
    handles.insert(files::MemoryServer::handle(node));
    if (depth > 64) return;
    for (const auto& [name, child] : node.entries) collect(*child, handles, depth + 1);
}

/// Plain components only, few and short: this makes the tree, it is not what is tested.
bool makes_a_path(std::string_view path) {
    if (path.empty() || path.size() > 64) return false;
    const std::string around = "/" + std::string(path) + "/";
    return around.find("//") == around.npos && around.find("/./") == around.npos &&
           around.find("/../") == around.npos;
}

/// Nothing may be put below what is not a folder.
bool has_room(files::MemoryServer& server, const std::string& path) {
    for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
        if (auto node = server.at(path.substr(0, slash)); node && node->type != files::FileType::directory)
            return false;
    return !server.at(path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), std::min<size_t>(size, 4096));
    files::MemoryServer user, shared;
    user.put("work/software.raw", files::FileType::regular, "disk");
    user.put("secret", files::FileType::regular, "canary");
    user.put("other/secret", files::FileType::regular, "canary");
    shared.put("images/base.raw", files::FileType::regular, "base");
    std::vector<std::string> paths;
    while (!text.empty()) {
        const std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const size_t space = line.find(' ', 2);
        const std::string path = line.size() > 2 ? line.substr(2, space - 2) : "";
        const std::string target = space == line.npos ? "" : line.substr(space + 1);
        const bool command = line.size() > 2 && line[1] == ' ';
        files::MemoryServer& server = command && line[0] == 's' ? shared : user;
        const std::string full = (&server == &user ? "work/" : "") + path;
        if (!command)
            paths.push_back(line);
        else if (makes_a_path(path) && has_room(server, full))
            server.put(full,
                       line[0] == 'd'                     ? files::FileType::directory
                       : line[0] == 'l' || line[0] == 's' ? files::FileType::symlink
                                                          : files::FileType::regular,
                       target);
    }
    std::set<files::FileHandle> inside, in_shared;
    collect(*user.at("work"), inside);
    collect(*shared.root(), in_shared);
    files::MemoryFiles user_ops(user), shared_ops(shared);
    for (const std::string& path : paths) {
        const auto found = files::resolve_path(user_ops, files::MemoryServer::handle(*user.at("work")),
                                               {&shared_ops, "/export/shared"}, path);
        if (!found) {
            for (const unsigned char c : found.error().detail())
                if (c < ' ' || c == 0x7f) std::abort();
            continue;
        }
        if (found->ops != (found->shared ? &shared_ops : &user_ops)) std::abort();
        if (!(found->shared ? in_shared : inside).contains(found->handle)) std::abort();
    }
    return 0;
}
