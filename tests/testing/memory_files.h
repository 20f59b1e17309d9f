// SPDX-License-Identifier: GPL-3.0-or-later
// A file server in memory for tests of paths and locks. Any number of clients; each call of a client may lose
// its reply, be executed late, or be executed now and a copy of it late again, as TCP and NFSv3 allow.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files/file_ops.h"

namespace berth::files {

class MemoryServer {
  public:
    struct Node {
        FileType type = FileType::regular;
        uint64_t id = 0;
        FileHandle handle;  ///< No other server's, in this process or another on this machine.
        std::string data;   ///< A file's bytes or a link's target.
        std::map<std::string, std::shared_ptr<Node>> entries;
        uint32_t mode = 0;
        int64_t mtime_ns = 0;
    };
    MemoryServer() : root_(make(FileType::directory)) {}

    std::shared_ptr<Node> root() { return root_; }
    std::shared_ptr<Node> make(FileType type);
    /// Puts a node at "a/b/c", making folders on the way.
    std::shared_ptr<Node> put(const std::string& path, FileType type, std::string data = {});
    std::shared_ptr<Node> at(const std::string& path);
    void set_time(int64_t ns) { now_ns_ = ns; }
    /// What every WRITE fails with: a used-up quota on a server that copies on write.
    std::optional<ErrorCode> refuses_writes;

    // What the calls do, once.
    Result<std::shared_ptr<Node>> find(const FileHandle& handle);
    Status write(const FileHandle& file, uint64_t offset, std::string_view data);
    Status link(const FileHandle& file, const FileHandle& directory, const std::string& name);
    Status rename(const FileHandle& directory, const std::string& from, const std::string& to);
    Status remove(const FileHandle& directory, const std::string& name);
    Result<FileHandle> create(const FileHandle& directory, const std::string& name, uint32_t mode);
    static FileHandle handle(const Node& node) { return node.handle; }
    Attributes attributes(const Node& node) const;

    /// Copies of calls that the network still holds; run one, in any order.
    std::vector<std::function<void()>> late;

  private:
    static std::string fresh_prefix();

    std::string prefix_ = fresh_prefix();  ///< Of its handles.
    uint64_t next_id_ = 1;
    int64_t now_ns_ = 0;
    std::map<FileHandle, std::weak_ptr<Node>> nodes_;
    std::shared_ptr<Node> root_;
};

enum class Fault {
    none,
    not_sent,    ///< M04, never executed.
    late,        ///< M04, executed later or never.
    no_reply,    ///< M04, executed now.
    duplicated,  ///< Executed now and answered; a copy comes late.
};

class MemoryFiles final : public FileOps {
  public:
    /// `fault` is asked before each call, with its name ("LINK"); empty: no faults. Only calls that change
    /// something are executed late.
    using FaultSource = std::function<Fault(std::string_view call, const std::string& name)>;
    explicit MemoryFiles(MemoryServer& server, FaultSource fault = {})
        : server_(server), root_(MemoryServer::handle(*server.root())), fault_(std::move(fault)) {}

    const FileHandle& root() const override { return root_; }
    Result<LookupReply> lookup(const FileHandle& directory, const std::string& name) override;
    Result<Attributes> attributes(const FileHandle& file) override;
    Result<uint32_t> access(const FileHandle& file, uint32_t wanted) override;
    Result<std::string> readlink(const FileHandle& link) override;
    Result<std::vector<DirectoryEntry>> list(const FileHandle& directory) override;
    Result<std::string> read(const FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<FileHandle> create(const FileHandle& directory, const std::string& name, uint32_t mode) override;
    Status link(const FileHandle& file, const FileHandle& directory, const std::string& name) override;
    Status rename(const FileHandle& directory, const std::string& from, const std::string& to) override;
    Status remove(const FileHandle& directory, const std::string& name) override;
    Result<Space> space() override { return Space{1 << 30, 1000}; }
    Result<TransferLimits> limits() override {
        if (ask("FSINFO") != Fault::none) return fail(ErrorCode::M04, "no answer");
        return TransferLimits{1 << 20, 1 << 20};
    }
    Result<FileHandle> make_directory(const FileHandle& directory, const std::string& name,
                                      uint32_t mode) override;
    Status remove_directory(const FileHandle& directory, const std::string& name) override;
    Status symlink(const FileHandle& directory, const std::string& name, const std::string& target) override;
    Result<std::string> write(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<std::string> commit(const FileHandle& file) override;
    Status set_size(const FileHandle& file, uint64_t size) override;
    /// What write() and commit() answer: another one is a server that was started again.
    std::string verifier = "verifier";

  private:
    Fault ask(std::string_view call, const std::string& name = {}) {
        return fault_ ? fault_(call, name) : Fault::none;
    }
    template <typename F>
    auto change(std::string_view call, const std::string& name, F execute) -> decltype(execute());

    MemoryServer& server_;
    FileHandle root_;
    FaultSource fault_;
};

}  // namespace berth::files
