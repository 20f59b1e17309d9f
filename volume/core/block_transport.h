// SPDX-License-Identifier: GPL-3.0-or-later
// The NFSv3 calls that blocks are moved by, as a seam: RpcTransport sends them, a fake in the tests
// answers as it likes. One thread at a time; each callback comes exactly once, never from inside
// the call that it belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "files/file_ops.h"

namespace berth::volume {

/// A server instance's mark (RFC 1813 3.3.7): it changes when uncommitted data may have been lost.
using Verifier = std::array<char, 8>;

/// nfsstat3 of an answered call, or that the connection went before the answer.
struct CallResult {
    bool lost = false;
    int status = 0;
    bool ok() const { return !lost && status == 0; }
};

struct WriteReply {
    uint32_t count = 0;
    bool stable = false;  ///< The server says FILE_SYNC: nothing to commit.
    Verifier verifier{};
};

class BlockTransport {
  public:
    using ReadDone = std::function<void(CallResult, std::string_view data, bool end_of_file)>;
    using WriteDone = std::function<void(CallResult, const WriteReply&)>;
    using CommitDone = std::function<void(CallResult, const Verifier&)>;

    virtual ~BlockTransport() = default;
    virtual files::TransferLimits limits() const = 0;
    virtual void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) = 0;
    /// `data` is copied.
    virtual void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                       WriteDone done) = 0;
    /// The same for `data` of `owner`, which may be kept instead of a copy until all of it has left.
    virtual void write_shared(const files::FileHandle& file, uint64_t offset, std::string_view data,
                              const std::shared_ptr<const std::string>& /*owner*/, bool stable,
                              WriteDone done) {
        write(file, offset, data, stable, std::move(done));
    }
    /// The whole file.
    virtual void commit(const files::FileHandle& file, CommitDone done) = 0;
};

}  // namespace berth::volume
