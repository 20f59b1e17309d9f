// SPDX-License-Identifier: GPL-3.0-or-later
// One disk of mode direct or shared: requests of the VM in, NFSv3 calls out (docs/rules.md "The volume engine"). No thread of its own: everything runs on the engine's I/O thread, and waiting is
// remembering. Time and the right to write are injected.
//
// - A write is acknowledged when the server has all of it. FUA and flush: on stable storage.
// - No connection, no lease, a silent server, no memory for one more write: requests wait; after
//   `request_timeout` they fail with EIO, and what was sent of a write stays in the write set until its
//   outcome is known.
// - A refused write fails. If a copy of it may still arrive, or it was acknowledged before, it stays in the
//   write set and is tried again: after a pause, a few at a time, or as soon as the VM writes there. Whoever
//   waits for it (the repeat of the same write, another one over it, a flush) hears of each refusal, and no
//   flush succeeds before it was accepted.
// - Only what was refused or put off pauses; other writes, reads and other disks do not.
// - The lock lost for good: everything fails with EIO.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <memory>

#include "base/clock.h"
#include "lock/lease.h"
#include "volume/core/block_transport.h"
#include "volume/core/write_memory.h"
#include "volume/core/write_set.h"

namespace berth::volume {

struct BlockRequest {
    enum class Kind { read, write, flush };
    Kind kind = Kind::read;
    uint64_t offset = 0;
    uint32_t count = 0;
    char* buffer = nullptr;      ///< read: filled before `done`; not touched after.
    const char* from = nullptr;  ///< write: copied before `done`; not touched after.
    bool fua = false;
    std::function<void(int error)> done;  ///< Exactly once; 0 or an errno.

    // The disk's.
    BootTime deadline;
    uint64_t id = 0;           // write: in the write set; flush: the last write it covers
    uint64_t place = 0;        // write: in the line for memory
    uint32_t outstanding = 0;  // parts not yet done
    bool finished = false;
};

/// errno for what the VM asked, from an nfsstat3.
int nfs_errno(int nfs_status);

class NfsDisk {
  public:
    struct Settings {
        Duration request_timeout = std::chrono::seconds(15);
        uint64_t commit_every =
            32 << 20;         ///< Bytes; then COMMIT without a flush. When memory is wanted, at once.
        unsigned calls = 32;  ///< On their way at once, reads and writes each.
    };
    /// `uncommitted`: what was acknowledged and is not known to be on the server's stable storage, whether
    /// the server has it or it waits to be sent again.
    struct Counters {
        std::atomic<uint64_t> reads{0}, writes{0}, bytes_read{0}, bytes_written{0}, uncommitted{0};
    };

    /// `memory` is that of all disks: when one frees some, another's step() takes it.
    NfsDisk(files::FileHandle file, lock::Lease& lease, Clock& clock, WriteMemory& memory, Settings settings);

    /// A connection is there, until disconnected(). The transport's calls in flight come back as lost before
    /// disconnected() is called.
    void connected(BlockTransport& transport);
    void disconnected();

    void submit(std::shared_ptr<BlockRequest> request);
    /// Sends what may be sent, fails what waited too long. To be called after anything happened, and at least
    /// every 100 ms.
    void step();

    /// The end: every request fails with ESHUTDOWN.
    void abandon();
    const Counters& counters() const { return counters_; }
    const files::FileHandle& file() const { return file_; }

  private:
    struct ReadPart {
        std::shared_ptr<BlockRequest> request;
        uint64_t offset = 0;
        uint32_t count = 0;
        std::vector<WriteSet::Overlay> overlay;
        BootTime due{};
    };

    void finish(BlockRequest& request, int error);
    void fail_expired();
    void fail_all(int error);
    void fail_write(const std::shared_ptr<BlockRequest>& request, int error);
    void forget_unsent(const BlockRequest& request);
    void forget_finished();
    void take_writes();
    void send_reads();
    void read_done(ReadPart part, CallResult result, std::string_view data, bool end_of_file);
    void part_read(BlockRequest& request, uint32_t count);
    void send_writes();
    void send_write(const Piece& piece, uint32_t size);
    void write_done(uint64_t id, uint64_t offset, bool retried, CallResult result, const WriteReply& reply);
    void write_refused(const Piece& piece, int status);
    bool pending_up_to(uint64_t id) const;
    void finish_flushes();
    void fail_flushes(int error, uint64_t from);
    void send_commit();

    const files::FileHandle file_;
    lock::Lease& lease_;
    Clock& clock_;
    WriteMemory& memory_;
    const Settings settings_;
    BlockTransport* transport_ = nullptr;
    std::list<std::shared_ptr<BlockRequest>> requests_;  // not finished, oldest first
    std::list<ReadPart> reads_;                          // to be sent
    std::list<ReadPart> later_reads_;                    // once they are due; in that order
    std::deque<std::shared_ptr<BlockRequest>> waiting_;  // writes, for memory
    WriteSet writes_;
    unsigned reads_out_ = 0, writes_out_ = 0;
    bool commit_out_ = false;
    BootTime commit_due_{};    // after a COMMIT that was refused
    BootTime retries_from_{};  // since then so many more of the pieces put off may be sent:
    unsigned retries_ = 0;
    Counters counters_;
};

}  // namespace berth::volume
