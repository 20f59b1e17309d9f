// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/engine/write_set.h"

#include <algorithm>

namespace berth::volume {

uint64_t WriteSet::add(uint64_t offset, std::shared_ptr<const std::string> data, size_t skip, size_t size,
                       bool stable, std::shared_ptr<BlockRequest> request) {
    Piece piece;
    piece.id = piece.guards = next_id_++;
    piece.offset = offset;
    piece.data = std::move(data);
    piece.skip = skip;
    piece.size = size;
    piece.stable = stable;
    piece.request = std::move(request);
    pending_.push_back(std::move(piece));
    return pending_.back().id;
}

bool WriteSet::may_send(Pending::const_iterator piece) const {
    if (piece->state == Piece::State::sending) return false;
    for (const auto& other : pending_)
        if ((other.id < piece->id || other.state == Piece::State::sending) && other.id != piece->id &&
            other.overlaps(piece->offset, piece->size))
            return false;
    return true;
}

/// Cuts its bytes out of what is acked.
void WriteSet::supersede(const Piece& by, uint64_t& guards) {
    const uint64_t offset = by.offset, end = by.end();
    auto at = acked_.lower_bound(offset);
    if (at != acked_.begin() && std::prev(at)->second.end() > offset) --at;
    while (at != acked_.end() && at->second.offset < end) {
        Piece old = std::move(at->second);
        at = acked_.erase(at);
        acked_bytes_ -= old.size;
        guards = std::min(guards, old.guards);
        if (old.offset < offset) {
            Piece head = old;
            head.size = offset - old.offset;
            put_acked(std::move(head));
        }
        if (old.end() > end) {
            Piece tail = old;
            tail.skip += end - old.offset;
            tail.size = old.end() - end;
            tail.offset = end;
            put_acked(std::move(tail));
            break;
        }
    }
}

/// An acked piece that a COMMIT made pending again while newer data over it was on its way: that data has now
/// arrived.
void WriteSet::supersede_pending(const Piece& by, uint64_t& guards) {
    for (auto at = pending_.begin(); at != pending_.end() && at->id < by.id;) {
        if (!at->overlaps(by.offset, by.size)) {
            ++at;
            continue;
        }
        guards = std::min(guards, at->guards);
        if (at->end() > by.end()) {
            Piece tail = *at;
            tail.skip += by.end() - at->offset;
            tail.size = at->end() - by.end();
            tail.offset = by.end();
            pending_.insert(std::next(at), std::move(tail));
        }
        if (at->offset < by.offset) {
            at->size = by.offset - at->offset;
            ++at;
        } else {
            at = pending_.erase(at);
        }
    }
}

void WriteSet::put_acked(Piece piece) {
    acked_bytes_ += piece.size;
    const uint64_t offset = piece.offset;
    acked_.emplace(offset, std::move(piece));
}

void WriteSet::written(Pending::iterator piece, const WriteReply& reply) {
    Piece done = *piece;
    const bool whole = reply.count >= piece->size;
    if (whole) {
        pending_.erase(piece);
    } else {
        done.size = reply.count;
        piece->offset += reply.count;
        piece->skip += reply.count;
        piece->size -= reply.count;
        piece->state = Piece::State::unknown;
    }
    done.request.reset();
    supersede_pending(done, done.guards);
    supersede(done, done.guards);
    if (reply.stable) return;
    done.acknowledged = true;
    done.verifier = reply.verifier;
    done.ack_number = ++acks_;
    put_acked(std::move(done));
}

void WriteSet::connection_lost() {
    for (auto& piece : pending_)
        if (piece.state == Piece::State::sending) piece.state = Piece::State::unknown;
}

/// Back among the pending, at its age.
void WriteSet::again(Piece piece) {
    piece.state = Piece::State::unknown;
    auto place = std::ranges::find_if(pending_, [&](const Piece& p) { return p.id > piece.id; });
    pending_.insert(place, std::move(piece));
}

void WriteSet::committed(uint64_t mark, const Verifier& verifier) {
    for (auto at = acked_.begin(); at != acked_.end();) {
        if (at->second.ack_number > mark) {
            ++at;
            continue;
        }
        acked_bytes_ -= at->second.size;
        if (at->second.verifier != verifier) again(std::move(at->second));
        at = acked_.erase(at);
    }
}

void WriteSet::commit_failed(uint64_t mark) {
    for (auto at = acked_.begin(); at != acked_.end();) {
        if (at->second.ack_number > mark) {
            ++at;
            continue;
        }
        acked_bytes_ -= at->second.size;
        again(std::move(at->second));
        at = acked_.erase(at);
    }
}

std::vector<WriteSet::Overlay> WriteSet::overlay(uint64_t offset, uint64_t count) const {
    std::vector<Overlay> parts;
    auto add = [&parts](const Piece& p) { parts.push_back({p.offset, p.data, p.skip, p.size}); };
    auto at = acked_.lower_bound(offset);
    if (at != acked_.begin() && std::prev(at)->second.end() > offset) --at;
    for (; at != acked_.end() && at->second.offset < offset + count; ++at) add(at->second);
    for (const auto& piece : pending_)
        if (piece.state != Piece::State::queued && piece.overlaps(offset, count)) add(piece);
    return parts;
}

bool WriteSet::pending_up_to(uint64_t id) const {
    return std::ranges::any_of(pending_, [id](const Piece& p) { return p.guards <= id; });
}

bool WriteSet::stable_up_to(uint64_t id) const {
    return !pending_up_to(id) &&
           std::ranges::none_of(acked_, [id](const auto& entry) { return entry.second.guards <= id; });
}

}  // namespace berth::volume
