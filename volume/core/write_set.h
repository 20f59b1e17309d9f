// SPDX-License-Identifier: GPL-3.0-or-later
// Every byte that was given to us and is not known to be on the server's stable storage, with its data
// (docs/rules.md "The volume engine", points 1 and 4). Pure: no I/O, no clock.
//
// A piece is `pending` (to be sent, or on its way) or `acked` (the server has it, unstable, under a
// verifier).
// - A pending piece is `unresolved` when a copy of it was sent and never answered for good: that copy may
//   still arrive. Only the same data, sent again and accepted, ends that; a refusal does not.
// - Of overlapping pending pieces one is sent at a time: first one that is unresolved, then the oldest. So an
//   unknown outcome is resolved before different data goes to the same place.
// - An answer makes a piece acked; older bytes below it are superseded and forgotten, and the newer piece
//   then also answers for them (`guards`).
// - A COMMIT makes stable what was acked before it was sent under the verifier that it returns; the rest is
//   pending again.
//
// However many pieces there are, each call but committed(), commit_failed() and line_lost() costs the
// logarithm of their number and a step for each piece that it overlaps or removes; those three cost that for
// each piece they move, and a step for each they leave.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "volume/core/block_transport.h"
#include "volume/core/overlap_index.h"

namespace berth::volume {

struct BlockRequest;

struct Piece {
    enum class State {
        queued,   ///< Never sent: it may be dropped.
        sending,  ///< On its way.
        again,    ///< Was sent, and is to be sent again.
    };
    uint64_t id = 0;
    uint64_t guards = 0;  ///< The oldest write whose bytes it answers for.
    uint64_t offset = 0;
    std::shared_ptr<const std::string> data;
    size_t skip = 0, size = 0;
    bool stable = false;          ///< FUA: to be sent FILE_SYNC.
    bool acknowledged = false;    ///< The server said that it has it, so the VM may have been told that it is
                                  ///< written: it may never be dropped.
    bool unresolved = false;      ///< A copy of it may still arrive: it may never be dropped either.
    State state = State::queued;  ///< Of a pending one.
    uint64_t line = 0;            ///< On which it was sent last.
    BootTime due{};               ///< Not to be sent before; the default: at once.
    std::shared_ptr<BlockRequest> request;  ///< Who waits for it, if somebody does.
    Verifier verifier{};                    ///< Of an acked one.
    uint64_t ack_number = 0;

    std::string_view bytes() const { return std::string_view(*data).substr(skip, size); }
    uint64_t end() const { return offset + size; }
    bool put_off() const { return due != BootTime{}; }

  private:
    friend class WriteSet;
    size_t blockers_ = 0;  // pending pieces because of which it is not sent
};

class WriteSet {
  public:
    /// The id for a write that is added later; ids rise.
    uint64_t take_id() { return next_id_++; }
    uint64_t last_id() const { return next_id_ - 1; }
    /// Adds all of `data`, at least a byte. Ids come in the order in which they were taken.
    void add(uint64_t id, uint64_t offset, std::shared_ptr<const std::string> data, bool stable,
             std::shared_ptr<BlockRequest> request);

    /// By id and offset: those of one id do not overlap. References to pieces stay good until they are gone.
    using Pending = std::map<std::pair<uint64_t, uint64_t>, Piece>;
    const Pending& pending() const { return pending_; }
    /// nullptr: it is no longer pending.
    const Piece* find(uint64_t id, uint64_t offset) const;

    /// The piece to be sent next: the oldest that nothing blocks; after those the one put off that has been
    /// due for longest. nullptr: none.
    const Piece* next(BootTime now) const;
    /// When next() has one: the default, at once; k_never: nothing is left that only waits for its time.
    BootTime next_due() const;
    /// It is on its way now on that line, cut to `most` bytes; the rest stays behind. A line's number is the
    /// caller's, and never used again.
    void sent(const Piece& piece, size_t most, uint64_t line);

    /// The server took `reply.count` bytes (1 to the piece's size) of it; the rest stays pending. Returns who
    /// waits for it.
    std::shared_ptr<BlockRequest> written(const Piece& piece, const WriteReply& reply);
    /// There will be no answer, or one that says "later": it is unresolved. To be sent again, not before
    /// `due`.
    void unanswered(const Piece& piece, BootTime due);
    /// An answer that says no to one that may not be dropped: nothing is resolved. Nobody waits for it any
    /// more.
    void refused(const Piece& piece, BootTime due);
    /// The line went: what was on its way there is unresolved; nothing else is.
    void line_lost(uint64_t line);
    /// An answer said no to one that is neither acknowledged nor unresolved.
    void drop(const Piece& piece);
    /// Nobody waits for this write any more; what of it was never sent is dropped.
    void forget(uint64_t id);

    /// Who waits with a piece that was never sent for this one.
    std::vector<std::shared_ptr<BlockRequest>> waiting_behind(const Piece& piece) const;
    /// What was put off there is due at once.
    void hurry(uint64_t offset, uint64_t size);

    /// A COMMIT is about to be sent; hand the mark back with its answer.
    uint64_t commit_mark() const { return acks_; }
    void committed(uint64_t mark, const Verifier& verifier);
    /// A COMMIT failed: what it was to make stable is sent again.
    void commit_failed(uint64_t mark);

    /// The newest bytes we hold over what a read brought: `parts` in order. Pieces never sent are left out.
    struct Overlay {
        uint64_t offset;
        std::shared_ptr<const std::string> data;
        size_t skip, size;
    };
    std::vector<Overlay> overlay(uint64_t offset, uint64_t count) const;

    /// Nothing is left of the writes up to `id`.
    bool stable_up_to(uint64_t id) const;
    bool pending_up_to(uint64_t id) const;
    uint64_t acked_bytes() const { return acked_bytes_; }
    /// Acked, or pending again after that: acknowledged and not known to be stable.
    uint64_t uncommitted_bytes() const { return acked_bytes_ + again_bytes_; }

    /// Pieces looked at so far (but for logarithms): a test holds the work to the number of pieces.
    uint64_t steps() const { return steps_ + index_.steps(); }

  private:
    using Acked = std::map<uint64_t, Piece>;
    void link(Piece& piece);
    void unlink(Piece& piece);
    template <typename F>
    void change(const Piece& piece, F&& how);
    void cut_front(const Piece& piece, size_t count);
    void insert(Piece piece);
    void erase(const Piece& piece);
    void supersede(const Piece& by, uint64_t& guards);
    void supersede_pending(const Piece& by, uint64_t& guards);
    void put_acked(Piece piece);
    Piece take_acked(Acked::iterator& at);
    template <typename F>
    void take_acked_up_to(uint64_t mark, F&& use);
    void again(std::vector<Piece> pieces);

    Pending pending_;
    OverlapIndex<Piece> index_;                                 // of the pending ones
    std::set<std::tuple<BootTime, uint64_t, uint64_t>> ready_;  // due, id, offset: blocked by nothing
    std::multiset<uint64_t> pending_guards_, acked_guards_;
    uint64_t again_bytes_ = 0;  // pending and acknowledged
    Acked acked_;               // by offset, disjoint
    uint64_t acked_bytes_ = 0;
    uint64_t next_id_ = 1, acks_ = 0;
    uint64_t steps_ = 0;
};

}  // namespace berth::volume
