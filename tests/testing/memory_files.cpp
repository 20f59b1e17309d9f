// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/testing/memory_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "base/plain_text.h"

namespace berth::files {
namespace {

std::unexpected<Error> lost() {
    return fail(ErrorCode::M04, "no answer");
}

}  // namespace

std::string MemoryServer::fresh_prefix() {
    static std::atomic<unsigned> servers = 0;
    return fmt::format("{}-{}-", getpid(), ++servers);
}

std::shared_ptr<MemoryServer::Node> MemoryServer::make(FileType type) {
    auto node = std::make_shared<Node>();
    node->type = type;
    node->id = next_id_++;
    node->handle = prefix_ + std::to_string(node->id);
    nodes_[handle(*node)] = node;
    return node;
}

std::shared_ptr<MemoryServer::Node> MemoryServer::put(const std::string& path, FileType type,
                                                      std::string data) {
    auto folder = root_;
    size_t at = 0;
    for (size_t slash; (slash = path.find('/', at)) != path.npos; at = slash + 1) {
        auto& next = folder->entries[path.substr(at, slash - at)];
        if (!next) next = make(FileType::directory);
        folder = next;
    }
    auto node = make(type);
    node->data = std::move(data);
    folder->entries[path.substr(at)] = node;
    return node;
}

std::shared_ptr<MemoryServer::Node> MemoryServer::at(const std::string& path) {
    auto node = root_;
    for (size_t at = 0; node && at <= path.size();) {
        size_t end = std::min(path.find('/', at), path.size());
        auto entry = node->entries.find(path.substr(at, end - at));
        node = entry == node->entries.end() ? nullptr : entry->second;
        at = end + 1;
    }
    return node;
}

Result<std::shared_ptr<MemoryServer::Node>> MemoryServer::find(const FileHandle& handle) {
    auto at = nodes_.find(handle);
    auto node = at == nodes_.end() ? nullptr : at->second.lock();
    if (!node) return fail(ErrorCode::M10, "stale handle");
    return node;
}

Status MemoryServer::write(const FileHandle& file, uint64_t offset, std::string_view data) {
    auto node = find(file);
    if (!node) return fail(node.error());
    if (refuses_writes) return fail(*refuses_writes, "refused");
    auto& bytes = (*node)->data;
    if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
    bytes.replace(offset, data.size(), data);
    (*node)->mtime_ns = now_ns_;
    return {};
}

Status MemoryServer::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    auto node = find(file), folder = find(directory);
    if (!node) return fail(node.error());
    if (!folder) return fail(folder.error());
    if (!(*folder)->entries.emplace(name, *node).second) return fail(ErrorCode::M13, "{}", name);
    return {};
}

Status MemoryServer::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    auto folder = find(directory);
    if (!folder) return fail(folder.error());
    auto entry = (*folder)->entries.find(from);
    if (entry == (*folder)->entries.end()) return fail(ErrorCode::M09, "{}", from);
    auto node = entry->second;
    // Two names of one file: nothing is done (RFC 1813 3.3.14).
    if (const auto there = (*folder)->entries.find(to);
        there != (*folder)->entries.end() && there->second == node)
        return {};
    (*folder)->entries.erase(entry);
    (*folder)->entries[to] = node;
    return {};
}

Status MemoryServer::remove(const FileHandle& directory, const std::string& name) {
    auto folder = find(directory);
    if (!folder) return fail(folder.error());
    if ((*folder)->entries.erase(name) == 0) return fail(ErrorCode::M09, "{}", name);
    return {};
}

Result<FileHandle> MemoryServer::create(const FileHandle& directory, const std::string& name, uint32_t mode) {
    auto folder = find(directory);
    if (!folder) return fail(folder.error());
    if ((*folder)->entries.contains(name)) return fail(ErrorCode::M13, "{}", name);
    auto node = make(FileType::regular);
    node->mode = mode;
    node->mtime_ns = now_ns_;
    (*folder)->entries[name] = node;
    return handle(*node);
}

Attributes MemoryServer::attributes(const Node& node) const {
    return {node.type, node.mode, node.data.size(), node.id, node.mtime_ns, node.mtime_ns, 0, 0};
}

template <typename F>
auto MemoryFiles::change(std::string_view call, const std::string& name, F execute) -> decltype(execute()) {
    switch (ask(call, name)) {
        case Fault::none:
            return execute();
        case Fault::not_sent:
            return lost();
        case Fault::late:
            server_.late.push_back([execute] { (void)execute(); });
            return lost();
        case Fault::no_reply:
            (void)execute();
            return lost();
        case Fault::duplicated:
            server_.late.push_back([execute] { (void)execute(); });
            return execute();
    }
    return lost();
}

Result<LookupReply> MemoryFiles::lookup(const FileHandle& directory, const std::string& name) {
    if (ask("LOOKUP", name) != Fault::none) return lost();
    auto folder = server_.find(directory);
    if (!folder) return fail(folder.error());
    auto entry = (*folder)->entries.find(name);
    if (entry == (*folder)->entries.end()) return fail(ErrorCode::M09, "{}", printable(name, 255));
    return LookupReply{MemoryServer::handle(*entry->second), server_.attributes(*entry->second)};
}

Result<Attributes> MemoryFiles::attributes(const FileHandle& file) {
    if (ask("GETATTR") != Fault::none) return lost();
    auto node = server_.find(file);
    if (!node) return fail(node.error());
    return server_.attributes(**node);
}

Result<uint32_t> MemoryFiles::access(const FileHandle& file, uint32_t wanted) {
    if (ask("ACCESS") != Fault::none) return lost();
    auto node = server_.find(file);
    if (!node) return fail(node.error());
    return wanted;
}

Result<std::string> MemoryFiles::readlink(const FileHandle& link) {
    if (ask("READLINK") != Fault::none) return lost();
    auto node = server_.find(link);
    if (!node) return fail(node.error());
    return (*node)->data;
}

Result<std::vector<DirectoryEntry>> MemoryFiles::list(const FileHandle& directory) {
    if (ask("READDIR") != Fault::none) return lost();
    auto folder = server_.find(directory);
    if (!folder) return fail(folder.error());
    std::vector<DirectoryEntry> names;
    for (const auto& [name, node] : (*folder)->entries) names.push_back({name, node->id});
    return names;
}

Result<std::string> MemoryFiles::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    if (ask("READ") != Fault::none) return lost();
    auto node = server_.find(file);
    if (!node) return fail(node.error());
    const auto& data = (*node)->data;
    return data.substr(std::min<size_t>(offset, data.size()), count);
}

Status MemoryFiles::write_sync(const FileHandle& file, uint64_t offset, std::string_view data) {
    return change("WRITE", {}, [s = &server_, file, offset, bytes = std::string(data)] {
        return s->write(file, offset, bytes);
    });
}

Result<FileHandle> MemoryFiles::create(const FileHandle& directory, const std::string& name, uint32_t mode) {
    return change("CREATE", name,
                  [s = &server_, directory, name, mode] { return s->create(directory, name, mode); });
}

Status MemoryFiles::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    return change("LINK", name,
                  [s = &server_, file, directory, name] { return s->link(file, directory, name); });
}

Status MemoryFiles::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    return change("RENAME", from,
                  [s = &server_, directory, from, to] { return s->rename(directory, from, to); });
}

Status MemoryFiles::remove(const FileHandle& directory, const std::string& name) {
    return change("REMOVE", name, [s = &server_, directory, name] { return s->remove(directory, name); });
}

Result<FileHandle> MemoryFiles::make_directory(const FileHandle& directory, const std::string& name,
                                               uint32_t mode) {
    return change("MKDIR", name, [s = &server_, directory, name, mode]() -> Result<FileHandle> {
        auto folder = s->find(directory);
        if (!folder) return fail(folder.error());
        if ((*folder)->entries.contains(name)) return fail(ErrorCode::M13, "{}", name);
        auto node = s->make(FileType::directory);
        node->mode = mode;
        (*folder)->entries[name] = node;
        return MemoryServer::handle(*node);
    });
}

Status MemoryFiles::remove_directory(const FileHandle& directory, const std::string& name) {
    return change("RMDIR", name, [s = &server_, directory, name]() -> Status {
        auto folder = s->find(directory);
        if (!folder) return fail(folder.error());
        auto entry = (*folder)->entries.find(name);
        if (entry == (*folder)->entries.end()) return fail(ErrorCode::M09, "{}", name);
        if (!entry->second->entries.empty()) return fail(ErrorCode::M11, "{} is not empty", name);
        (*folder)->entries.erase(entry);
        return {};
    });
}

Status MemoryFiles::symlink(const FileHandle& directory, const std::string& name, const std::string& target) {
    return change("SYMLINK", name, [s = &server_, directory, name, target]() -> Status {
        auto folder = s->find(directory);
        if (!folder) return fail(folder.error());
        if ((*folder)->entries.contains(name)) return fail(ErrorCode::M13, "{}", name);
        auto node = s->make(FileType::symlink);
        node->data = target;
        (*folder)->entries[name] = node;
        return {};
    });
}

Result<std::string> MemoryFiles::write(const FileHandle& file, uint64_t offset, std::string_view data) {
    BERTH_TRY(write_sync(file, offset, data));
    return verifier;
}

Result<std::string> MemoryFiles::commit(const FileHandle& file) {
    if (ask("COMMIT") != Fault::none) return lost();
    auto node = server_.find(file);
    if (!node) return fail(node.error());
    return verifier;
}

Status MemoryFiles::set_size(const FileHandle& file, uint64_t size) {
    return change("SETATTR", {}, [s = &server_, file, size]() -> Status {
        auto node = s->find(file);
        if (!node) return fail(node.error());
        (*node)->data.resize(size);
        return {};
    });
}

}  // namespace berth::files
