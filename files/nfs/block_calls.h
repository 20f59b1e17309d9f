// SPDX-License-Identifier: GPL-3.0-or-later
// The four NFSv3 calls that blocks are moved by, as bytes: ONC RPC over TCP (RFC 5531, record marking in 11) with
// AUTH_SYS, and RFC 1813 3.3.0, 3.3.6, 3.3.7 and 3.3.21. Everything else is libnfs's (docs/decisions/0018). Pure;
// what is parsed comes from a server that may be hostile: no length is used before it was compared with what is
// there, and nothing is copied (fuzzed).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/nfs_types.h"
#include "files/file_ops.h"

namespace berth::files {

/// Calls as records, each of one fragment, appended to a string.
class BlockCalls {
  public:
    /// At most k_max_groups of them.
    explicit BlockCalls(const NfsCredentials& credentials);

    void null(std::string& to, uint32_t xid) const;
    void read(std::string& to, uint32_t xid, const FileHandle& file, uint64_t offset, uint32_t count) const;
    /// All but the data: its `count` bytes follow, and padding(count) zeros.
    void write(std::string& to, uint32_t xid, const FileHandle& file, uint64_t offset, uint32_t count,
               bool stable) const;
    /// The whole file.
    void commit(std::string& to, uint32_t xid, const FileHandle& file) const;

    static constexpr uint32_t padding(uint32_t count) { return (4 - count % 4) % 4; }

  private:
    void begin(std::string& to, uint32_t xid, uint32_t procedure, size_t arguments) const;
    std::string credential_;
};

/// A reply's number and what follows an accepted and executed call's head (RFC 5531 9); nullopt: it is no
/// reply, or one that says no.
struct RpcReply {
    uint32_t xid = 0;
    std::optional<std::string_view> body;
};
/// nullopt: too short for a reply's number.
std::optional<RpcReply> parse_reply(std::string_view record);

/// nfsstat3, and the rest of it when that is 0.
struct ReadAnswer {
    int status = 0;
    std::string_view data;
    bool end_of_file = false;
};
struct WriteAnswer {
    int status = 0;
    uint32_t count = 0;
    bool stable = false;  ///< FILE_SYNC.
    std::array<char, 8> verifier{};
};
struct CommitAnswer {
    int status = 0;
    std::array<char, 8> verifier{};
};
/// nullopt: not as RFC 1813 has it.
std::optional<ReadAnswer> parse_read(std::string_view body);
std::optional<WriteAnswer> parse_write(std::string_view body);
std::optional<CommitAnswer> parse_commit(std::string_view body);

/// A reply's bytes beside the data of a READ: head, verifier (400 at most), attributes, and what pads them.
inline constexpr size_t k_reply_overhead = 1024;

}  // namespace berth::files
