// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/server.h"

#include <algorithm>

#include "tests/sim/digest.h"

namespace berth::sim {

using files::FileHandle;
using files::FileType;

namespace {

FileHandle handle_of(const Server::Node& node) {
    return (node.type == FileType::directory ? "d" : "f") + std::to_string(node.id);
}

uint64_t node_digest(const Server::Node& node) {
    if (node.digest != 0) return node.digest;
    Digest digest;
    digest.add(node.id).add(node.data).add(static_cast<uint64_t>(node.mtime_ns));
    if (node.stable != node.data) digest.add(node.stable);
    for (const auto& [name, child] : node.names) digest.add(name).add(child->id);
    node.digest = digest.value();
    return node.digest;
}

void put(std::string& to, uint64_t offset, std::string_view bytes) {
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    to.replace(offset, bytes.size(), bytes);
}

}  // namespace

Server::Server() {
    make(FileType::directory)->links = 1;
}

std::shared_ptr<Server::Node> Server::make(FileType type) {
    auto node = std::make_shared<Node>();
    node->id = next_id_++;
    node->type = type;
    node->mtime_ns = now_ns_;
    nodes_[handle_of(*node)] = node;
    return node;
}

std::shared_ptr<Server::Node> Server::make_directory(const FileHandle& in, const std::string& name) {
    auto node = make(FileType::directory);
    node->links = 1;
    nodes_.at(in)->names[name] = node;
    return node;
}

std::shared_ptr<Server::Node> Server::make_file(const FileHandle& in, const std::string& name,
                                                std::string data) {
    auto node = make(FileType::regular);
    node->links = 1;
    node->stable = node->data = std::move(data);
    nodes_.at(in)->names[name] = node;
    return node;
}

Result<std::shared_ptr<Server::Node>> Server::find(const FileHandle& handle) {
    const auto at = nodes_.find(handle);
    if (at == nodes_.end()) return fail(ErrorCode::M10, "stale handle");
    return at->second;
}

Result<std::shared_ptr<Server::Node>> Server::directory(const FileHandle& handle) {
    auto node = BERTH_TRY(find(handle));
    if (node->type != FileType::directory) return fail(ErrorCode::M09, "not a directory");
    return node;
}

files::Attributes Server::attributes_of(const Node& node) const {
    files::Attributes a;
    a.type = node.type;
    a.mode = 0644;
    a.size = node.data.size();
    a.fileid = node.id;
    a.mtime_ns = a.ctime_ns = node.mtime_ns;
    return a;
}

Result<files::LookupReply> Server::lookup(const FileHandle& in, const std::string& name) {
    auto folder = BERTH_TRY(directory(in));
    const auto at = folder->names.find(name);
    if (at == folder->names.end()) return fail(ErrorCode::M09, "{}", name);
    return files::LookupReply{handle_of(*at->second), attributes_of(*at->second)};
}

Result<files::Attributes> Server::attributes(const FileHandle& file) {
    return attributes_of(*BERTH_TRY(find(file)));
}

Result<std::vector<files::DirectoryEntry>> Server::list(const FileHandle& handle) {
    auto folder = BERTH_TRY(directory(handle));
    std::vector<files::DirectoryEntry> entries;
    for (const auto& [name, node] : folder->names) entries.push_back({name, node->id});
    return entries;
}

Result<std::string> Server::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    auto node = BERTH_TRY(find(file));
    if (offset >= node->data.size()) return std::string();
    return node->data.substr(offset, count);
}

Status Server::write(const FileHandle& file, uint64_t offset, std::string_view data, bool stable) {
    auto node = BERTH_TRY(find(file));
    put(node->data, offset, data);
    // The size is stable at once, as files of a disk keep theirs.
    node->stable.resize(node->data.size());
    if (stable) put(node->stable, offset, data);
    node->mtime_ns = now_ns_;
    node->digest = 0;
    return {};
}

Status Server::commit(const FileHandle& file) {
    auto node = BERTH_TRY(find(file));
    node->stable = node->data;
    node->digest = 0;
    return {};
}

Result<FileHandle> Server::create(const FileHandle& in, const std::string& name) {
    auto folder = BERTH_TRY(directory(in));
    if (folder->names.contains(name)) return fail(ErrorCode::M13, "{}", name);
    folder->digest = 0;
    return handle_of(*make_file(in, name, {}));
}

Status Server::link(const FileHandle& file, const FileHandle& in, const std::string& name) {
    auto node = BERTH_TRY(find(file));
    auto folder = BERTH_TRY(directory(in));
    if (folder->names.contains(name)) return fail(ErrorCode::M13, "{}", name);
    folder->names[name] = node;
    folder->digest = 0;
    node->links++;
    return {};
}

void Server::forget(const std::shared_ptr<Node>& node) {
    if (--node->links == 0) nodes_.erase(handle_of(*node));
}

Status Server::rename(const FileHandle& in, const std::string& from, const std::string& to) {
    auto folder = BERTH_TRY(directory(in));
    const auto source = folder->names.find(from);
    if (source == folder->names.end()) return fail(ErrorCode::M09, "{}", from);
    const auto target = folder->names.find(to);
    // Both names are one file already: nothing is done (RFC 1813 3.3.14).
    if (target != folder->names.end() && target->second == source->second) return {};
    const auto node = source->second;
    const auto replaced = target == folder->names.end() ? nullptr : target->second;
    folder->names.erase(source);
    folder->names[to] = node;
    folder->digest = 0;
    if (replaced) forget(replaced);
    return {};
}

Status Server::remove(const FileHandle& in, const std::string& name) {
    auto folder = BERTH_TRY(directory(in));
    const auto at = folder->names.find(name);
    if (at == folder->names.end()) return fail(ErrorCode::M09, "{}", name);
    const auto node = at->second;
    folder->names.erase(at);
    folder->digest = 0;
    forget(node);
    return {};
}

volume::Verifier Server::verifier() const {
    volume::Verifier verifier{'b', 'o', 'o', 't'};
    verifier[4] = static_cast<char>(boots_ >> 8);
    verifier[5] = static_cast<char>(boots_);
    return verifier;
}

void Server::restart() {
    for (auto& [handle, node] : nodes_) {
        node->data = node->stable;
        node->digest = 0;
    }
    boots_++;
}

bool Server::unstable() const {
    return std::ranges::any_of(nodes_, [](const auto& at) { return at.second->data != at.second->stable; });
}

const Server::Node* Server::at(const FileHandle& handle) const {
    const auto found = nodes_.find(handle);
    return found == nodes_.end() ? nullptr : found->second.get();
}

const Server::Node* Server::named(const FileHandle& in, const std::string& name) const {
    const Node* folder = at(in);
    if (!folder) return nullptr;
    const auto found = folder->names.find(name);
    return found == folder->names.end() ? nullptr : found->second.get();
}

uint64_t Server::digest() const {
    Digest digest;
    digest.add(boots_).add(next_id_);
    for (const auto& [handle, node] : nodes_) digest.add(node_digest(*node));
    return digest.value();
}

}  // namespace berth::sim
