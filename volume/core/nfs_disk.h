// SPDX-License-Identifier: GPL-3.0-or-later
// One disk of mode direct or shared: requests of the VM in, NFSv3 calls out (docs/rules.md "The volume engine"). No thread of its own: one thread at a time calls it, and waiting is
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

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "lock/lease.h"
#include "volume/core/block_transport.h"
#include "volume/core/volume.h"
#include "volume/core/write_memory.h"
#include "volume/core/write_set.h"

namespace berth::volume {

class NfsDisk final : public Volume {
  public:
    struct Settings {
        Duration request_timeout = std::chrono::seconds(15);
        uint64_t commit_every =
            32 << 20;         ///< Bytes; then COMMIT without a flush. When memory is wanted, at once.
        unsigned calls = 32;  ///< On their way at once, reads and writes each.
    };
    /// `memory` is that of all disks: when one frees some, another's step() takes it.
    NfsDisk(files::FileHandle file, uint64_t size, lock::Lease& lease, Clock& clock, WriteMemory& memory,
            Settings settings);

    /// A line is there, until line_lost(); there may be several, all to one address of the server. After
    /// line_lost() its calls in flight come back as lost, or have done so; the others do not notice.
    void line_up(BlockTransport& line);
    void line_lost(BlockTransport& line);

    uint64_t size() const override { return size_; }
    void submit(std::shared_ptr<BlockRequest> request) override;
    /// Sends what may be sent, fails what waited too long. What it returns counts on being called also when
    /// the lease changed or another disk freed memory.
    BootTime step() override;
    void abandon() override;
    const Counters& counters() const override { return counters_; }
    const files::FileHandle& file() const { return file_; }

  private:
    struct ReadPart {
        std::shared_ptr<BlockRequest> request;
        uint64_t offset = 0;
        uint32_t count = 0;
        std::vector<WriteSet::Overlay> overlay;
        BootTime due{};
    };

    /// A line as this disk uses it.
    struct Way {
        uint64_t number = 0;
        BlockTransport* line = nullptr;
        unsigned out = 0;  // our calls unanswered there
    };

    /// The line with the fewest calls of ours.
    Way& least_busy();
    void answered(uint64_t line);
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
    void send_write(Way& way, const Piece& piece, uint32_t size);
    void write_done(const Piece& piece, bool retried, CallResult result, const WriteReply& reply);
    void write_refused(const Piece& piece, int status);
    bool pending_up_to(uint64_t id) const;
    void finish_flushes();
    void fail_flushes(int error, uint64_t from);
    bool commit_wanted() const;
    void send_commit();
    BootTime next_step() const;
    BootTime next_write() const;

    const files::FileHandle file_;
    const uint64_t size_;
    lock::Lease& lease_;
    Clock& clock_;
    WriteMemory& memory_;
    const Settings settings_;
    std::vector<Way> lines_;
    uint64_t next_line_ = 1;
    std::list<std::shared_ptr<BlockRequest>> requests_;  // not finished, oldest first
    std::list<ReadPart> reads_;                          // to be sent
    std::list<ReadPart> later_reads_;                    // once they are due; in that order
    std::deque<std::shared_ptr<BlockRequest>> waiting_;  // writes, for memory
    WriteSet writes_;
    unsigned reads_out_ = 0, writes_out_ = 0;
    bool writes_full_ = false;  // nothing more is sent before an answer to one of writes_out_
    bool commit_out_ = false;
    BootTime commit_due_{};    // after a COMMIT that was refused
    BootTime retries_from_{};  // since then so many more of the pieces put off may be sent:
    unsigned retries_ = 0;
    Counters counters_;
};

}  // namespace berth::volume
