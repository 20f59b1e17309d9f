// SPDX-License-Identifier: GPL-3.0-or-later
// The few NFSv3 operations (RFC 1813) that paths and locks are made of, as a seam: NfsSession is the real
// one, MemoryFiles (tests/testing/memory_files.h) the fake whose replies can be lost and whose calls can execute
// late. Each call is one RPC on the wire. The layer below repeats only one that the server refused for the moment
// (files/nfs/nfs_session.h). One thread.
//
// Errors: M09 nothing of that name, M13 name taken, M03/M06/M07/M08/M10/M11 as the server says. M04 means
// that no answer came: the call may have been executed, may be executed later, or never. L05 is the same,
// because the owner no longer wanted to wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/nfs_types.h"
#include "base/result.h"

namespace berth::files {

/// Opaque, at most 64 bytes.
using FileHandle = std::string;

enum class FileType { regular, directory, symlink, other };

struct Attributes {
    FileType type = FileType::other;
    uint32_t mode = 0;
    uint64_t size = 0, fileid = 0;
    int64_t mtime_ns = 0, ctime_ns = 0;
    uint32_t uid = 0, gid = 0;
};

/// What LOOKUP says of a name (RFC 1813 3.3.3).
struct LookupReply {
    FileHandle handle;
    Attributes attributes;
};

struct DirectoryEntry {
    std::string name;
    uint64_t fileid = 0;
};

struct Space {
    uint64_t bytes = 0, files = 0;  ///< Free for this user.
};

/// What the server can move in one call (FSINFO).
struct TransferLimits {
    uint32_t read = 0, write = 0;
};

enum Access : uint32_t {
    k_access_read = 0x01,
    k_access_lookup = 0x02,
    k_access_modify = 0x04,
    k_access_extend = 0x08
};

class FileOps {
  public:
    virtual ~FileOps() = default;
    /// The handle that MOUNT gave.
    virtual const FileHandle& root() const = 0;
    /// Where its server was found; nothing: it has none.
    virtual MountedServer server() const { return {}; }
    virtual Result<LookupReply> lookup(const FileHandle& directory, const std::string& name) = 0;
    virtual Result<Attributes> attributes(const FileHandle& file) = 0;
    /// Which of `wanted` this user has (ACCESS; only a hint for root-squashed servers, but what they say).
    virtual Result<uint32_t> access(const FileHandle& file, uint32_t wanted) = 0;
    virtual Result<std::string> readlink(const FileHandle& link) = 0;
    /// All names, without "." and "..". A directory of more than 100000 names is M11.
    virtual Result<std::vector<DirectoryEntry>> list(const FileHandle& directory) = 0;
    /// At most `count` bytes; fewer only at the end of the file or the server's limit.
    virtual Result<std::string> read(const FileHandle& file, uint64_t offset, uint32_t count) = 0;
    /// All of `data` with FILE_SYNC, in one call: at most the server's limit.
    virtual Status write_sync(const FileHandle& file, uint64_t offset, std::string_view data) = 0;
    /// CREATE GUARDED: a name that is there is M13.
    virtual Result<FileHandle> create(const FileHandle& directory, const std::string& name,
                                      uint32_t mode) = 0;
    virtual Status link(const FileHandle& file, const FileHandle& directory, const std::string& name) = 0;
    virtual Status rename(const FileHandle& directory, const std::string& from, const std::string& to) = 0;
    virtual Status remove(const FileHandle& directory, const std::string& name) = 0;
    virtual Result<Space> space() = 0;
    /// The server is asked once, when this is first called.
    virtual Result<TransferLimits> limits() = 0;
    /// No operation waits past it (M04); nullopt: each for as long as it may. Where nothing waits it says
    /// nothing.
    virtual void set_deadline(std::optional<BootTime> /*deadline*/) {}
    /// It has passed: asking again is of no use.
    virtual bool out_of_time() const { return false; }

    // What making and removing a whole VM needs beside that.
    /// MKDIR; a name that is there is M13.
    virtual Result<FileHandle> make_directory(const FileHandle& directory, const std::string& name,
                                              uint32_t mode) = 0;
    virtual Status remove_directory(const FileHandle& directory, const std::string& name) = 0;
    virtual Status symlink(const FileHandle& directory, const std::string& name,
                           const std::string& target) = 0;
    /// All of `data`, UNSTABLE, in calls of at most the server's limit: returns the write verifier, the same
    /// for all of them (another one within the call is M10). Durable once commit() returned the same one.
    virtual Result<std::string> write(const FileHandle& file, uint64_t offset, std::string_view data) = 0;
    virtual Result<std::string> commit(const FileHandle& file) = 0;
    virtual Status set_size(const FileHandle& file, uint64_t size) = 0;
    /// Copies the bytes from `begin` to `end`, at most 32 MiB, of a file of `from` into one of ours and
    /// commits them, where that needs no detour by the caller (copy_stretch() in copy_file.h says the rest).
    /// nullopt: not these two.
    virtual std::optional<Status> copy_here(FileOps& /*from*/, const FileHandle& /*source*/,
                                            const FileHandle& /*target*/, uint64_t /*begin*/,
                                            uint64_t /*end*/) {
        return std::nullopt;
    }
};

}  // namespace berth::files
