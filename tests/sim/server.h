// SPDX-License-Identifier: GPL-3.0-or-later
// The file server: one exported directory that holds the VM's, with what RFC 1813 says of the calls that lock, guard and
// blocks are made of. Each call is executed at once and whole. Names and sizes are stable at once; bytes of an
// unstable WRITE are until restart() only in memory, unless a COMMIT came between.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "files/file_ops.h"
#include "volume/core/block_transport.h"

namespace berth::sim {

class Server {
  public:
    struct Node {
        uint64_t id = 0;
        files::FileType type = files::FileType::regular;
        std::string data, stable;                            ///< What is served; what survives a restart.
        std::map<std::string, std::shared_ptr<Node>> names;  ///< A directory's.
        int64_t mtime_ns = 0;
        unsigned links = 0;
        mutable uint64_t digest = 0;  ///< 0: to be made anew.
    };
    Server();

    std::string root() const { return "d1"; }
    std::shared_ptr<Node> make_directory(const files::FileHandle& in, const std::string& name);
    std::shared_ptr<Node> make_file(const files::FileHandle& in, const std::string& name, std::string data);
    void set_time(BootTime now) { now_ns_ = now.since_boot.count(); }

    // The calls.
    Result<files::LookupReply> lookup(const files::FileHandle& in, const std::string& name);
    Result<files::Attributes> attributes(const files::FileHandle& file);
    Result<std::vector<files::DirectoryEntry>> list(const files::FileHandle& directory);
    Result<std::string> read(const files::FileHandle& file, uint64_t offset, uint32_t count);
    Status write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable);
    Status commit(const files::FileHandle& file);
    Result<files::FileHandle> create(const files::FileHandle& in, const std::string& name);
    Status link(const files::FileHandle& file, const files::FileHandle& in, const std::string& name);
    Status rename(const files::FileHandle& in, const std::string& from, const std::string& to);
    Status remove(const files::FileHandle& in, const std::string& name);
    volume::Verifier verifier() const;

    /// What was not stable is gone.
    void restart();
    /// Anything that restart() would take.
    bool unstable() const;

    /// nullptr: there is none.
    const Node* at(const files::FileHandle& handle) const;
    const Node* named(const files::FileHandle& in, const std::string& name) const;
    uint64_t digest() const;

  private:
    Result<std::shared_ptr<Node>> find(const files::FileHandle& handle);
    Result<std::shared_ptr<Node>> directory(const files::FileHandle& handle);
    std::shared_ptr<Node> make(files::FileType type);
    files::Attributes attributes_of(const Node& node) const;
    void forget(const std::shared_ptr<Node>& node);

    std::map<files::FileHandle, std::shared_ptr<Node>> nodes_;
    uint64_t next_id_ = 1;
    uint32_t boots_ = 1;
    int64_t now_ns_ = 0;
};

}  // namespace berth::sim
