// SPDX-License-Identifier: GPL-3.0-or-later
// Every byte that was given to us and is not known to be on the server's stable storage, with its data
// (DESIGN "The volume engine", points 1, 2 and 8). Pure: no I/O, no time.
//
// A piece is `pending` (to be sent, on its way, or of unknown outcome) or `acked` (the server has it,
// unstable, under a verifier).
// - A pending piece may be sent when no older pending one, and none on its way, overlaps it: so an unknown
// outcome is resolved, by
//   sending the same data again, before different data goes to the same place.
// - An answer makes it acked; older acked bytes below it are superseded and forgotten, and the newer piece
// then also stands for them (`guards`).
// - A COMMIT makes stable what was acked before it was sent under the verifier that it returns; the rest is
// pending again.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "volume/engine/block_transport.h"

namespace berth::volume {

struct BlockRequest;

struct Piece {
    enum class State { queued, sending, unknown };
    uint64_t id = 0;
    uint64_t guards = 0;  ///< The oldest write whose bytes it stands for.
    uint64_t offset = 0;
    std::shared_ptr<const std::string> data;
    size_t skip = 0, size = 0;
    bool stable = false;                    ///< FUA: to be sent FILE_SYNC.
    bool acknowledged = false;              ///< The VM was told that it is written: it may never be dropped.
    State state = State::queued;            ///< Of a pending one. `queued`: never sent.
    std::shared_ptr<BlockRequest> request;  ///< Who waits for it, if somebody does.
    Verifier verifier{};                    ///< Of an acked one.
    uint64_t ack_number = 0;

    std::string_view bytes() const { return std::string_view(*data).substr(skip, size); }
    uint64_t end() const { return offset + size; }
    bool overlaps(uint64_t at, uint64_t count) const { return offset < at + count && at < end(); }
};

class WriteSet {
  public:
    /// Adds a write and returns its id; ids rise.
    uint64_t add(uint64_t offset, std::shared_ptr<const std::string> data, size_t skip, size_t size,
                 bool stable, std::shared_ptr<BlockRequest> request);

    using Pending = std::list<Piece>;
    /// In order of age.
    Pending& pending() { return pending_; }
    const Pending& pending() const { return pending_; }
    bool may_send(Pending::const_iterator piece) const;

    /// The server took `reply.count` bytes (1 to the piece's size) of it; the rest stays pending.
    void written(Pending::iterator piece, const WriteReply& reply);
    /// The connection went: all that was on its way is of unknown outcome.
    void connection_lost();
    void drop(Pending::iterator piece) { pending_.erase(piece); }

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

    uint64_t last_id() const { return next_id_ - 1; }
    /// Nothing is left of the writes up to `id`.
    bool stable_up_to(uint64_t id) const;
    bool pending_up_to(uint64_t id) const;
    uint64_t acked_bytes() const { return acked_bytes_; }

  private:
    void supersede(const Piece& by, uint64_t& guards);
    void supersede_pending(const Piece& by, uint64_t& guards);
    void put_acked(Piece piece);
    void again(Piece piece);

    Pending pending_;
    std::map<uint64_t, Piece> acked_;  // by offset, disjoint
    uint64_t acked_bytes_ = 0;
    uint64_t next_id_ = 1, acks_ = 0;
};

}  // namespace berth::volume
