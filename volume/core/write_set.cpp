// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/write_set.h"

#include <algorithm>

namespace berth::volume {
namespace {

/// Of two that overlap, whether `a` is sent before `b`.
bool goes_first(const Piece& a, const Piece& b) {
    return a.unresolved != b.unresolved ? a.unresolved : a.id < b.id;
}

bool blocks(const Piece& a, const Piece& b) {
    return a.state == Piece::State::sending || goes_first(a, b);
}

auto key_of(const Piece& piece) {
    return std::pair{piece.id, piece.offset};
}

auto ready_key(const Piece& piece) {
    return std::tuple{piece.due, piece.id, piece.offset};
}

}  // namespace

// Every pending piece is linked; it is changed only between unlink() and link().

void WriteSet::link(Piece& piece) {
    piece.blockers_ = 0;
    index_.each(piece.offset, piece.size, [&](Piece& other) {
        if (blocks(other, piece)) piece.blockers_++;
        if (!blocks(piece, other)) return;
        if (other.blockers_++ == 0) ready_.erase(ready_key(other));
    });
    index_.insert(piece.offset, piece.size, piece.id, &piece);
    if (piece.blockers_ == 0 && piece.state != Piece::State::sending) ready_.insert(ready_key(piece));
    pending_guards_.insert(piece.guards);
    if (piece.acknowledged) again_bytes_ += piece.size;
}

void WriteSet::unlink(Piece& piece) {
    if (piece.acknowledged) again_bytes_ -= piece.size;
    pending_guards_.erase(pending_guards_.find(piece.guards));
    ready_.erase(ready_key(piece));
    index_.erase(piece.offset, piece.size, piece.id);
    index_.each(piece.offset, piece.size, [&](Piece& other) {
        if (!blocks(piece, other)) return;
        if (--other.blockers_ == 0 && other.state != Piece::State::sending) ready_.insert(ready_key(other));
    });
}

/// For all that is not part of its key in `pending_`.
template <typename F>
void WriteSet::change(const Piece& piece, F&& how) {
    Piece& changed = pending_.find(key_of(piece))->second;
    unlink(changed);
    how(changed);
    link(changed);
}

void WriteSet::insert(Piece piece) {
    const auto key = key_of(piece);
    link(pending_.emplace(key, std::move(piece)).first->second);
}

void WriteSet::erase(const Piece& piece) {
    auto at = pending_.find(key_of(piece));
    unlink(at->second);
    pending_.erase(at);
}

void WriteSet::cut_front(const Piece& piece, size_t count) {
    auto at = pending_.find(key_of(piece));
    unlink(at->second);
    auto node = pending_.extract(at);
    Piece& rest = node.mapped();
    rest.offset += count;
    rest.skip += count;
    rest.size -= count;
    rest.state = Piece::State::again;
    node.key() = key_of(rest);
    link(pending_.insert(std::move(node)).position->second);
}

void WriteSet::add(uint64_t id, uint64_t offset, std::shared_ptr<const std::string> data, bool stable,
                   std::shared_ptr<BlockRequest> request) {
    Piece piece;
    piece.id = piece.guards = id;
    piece.offset = offset;
    piece.size = data->size();
    piece.data = std::move(data);
    piece.stable = stable;
    piece.request = std::move(request);
    insert(std::move(piece));
}

const Piece* WriteSet::find(uint64_t id, uint64_t offset) const {
    auto at = pending_.find({id, offset});
    return at == pending_.end() ? nullptr : &at->second;
}

const Piece* WriteSet::next(BootTime now) const {
    if (ready_.empty()) return nullptr;
    const auto& [due, id, offset] = *ready_.begin();
    return due <= now ? find(id, offset) : nullptr;
}

BootTime WriteSet::next_due() const {
    return ready_.empty() ? k_never : std::get<BootTime>(*ready_.begin());
}

void WriteSet::sent(const Piece& piece, size_t most, uint64_t line) {
    Piece rest;
    if (piece.size > most) {
        rest = piece;
        rest.offset += most;
        rest.skip += most;
        rest.size -= most;
    }
    change(piece, [&](Piece& p) {
        p.line = line;
        p.size = std::min(p.size, most);
        p.state = Piece::State::sending;
        p.due = {};
    });
    if (rest.size) insert(std::move(rest));
}

/// Cuts its bytes out of what is acked.
void WriteSet::supersede(const Piece& by, uint64_t& guards) {
    const uint64_t offset = by.offset, end = by.end();
    auto at = acked_.lower_bound(offset);
    if (at != acked_.begin() && std::prev(at)->second.end() > offset) --at;
    while (at != acked_.end() && at->second.offset < end) {
        Piece old = take_acked(at);
        guards = std::min(guards, old.guards);
        if (old.offset < offset) {
            Piece head = old;
            head.size = offset - old.offset;
            put_acked(std::move(head));
        }
        if (old.end() > end) {
            old.skip += end - old.offset;
            old.size = old.end() - end;
            old.offset = end;
            put_acked(std::move(old));
            break;
        }
    }
}

/// An acked piece that a COMMIT made pending again while newer data over it was on its way: that data has now
/// arrived.
void WriteSet::supersede_pending(const Piece& by, uint64_t& guards) {
    std::vector<const Piece*> older;
    index_.each(by.offset, by.size, [&](Piece& other) {
        if (other.id < by.id) older.push_back(&other);
    });
    for (const Piece* other : older) {
        Piece old = *other;
        erase(*other);
        guards = std::min(guards, old.guards);
        if (old.offset < by.offset) {
            Piece head = old;
            head.size = by.offset - old.offset;
            insert(std::move(head));
        }
        if (old.end() > by.end()) {
            Piece tail = std::move(old);
            const uint64_t end = tail.end();
            tail.skip += by.end() - tail.offset;
            tail.offset = by.end();
            tail.size = end - tail.offset;
            insert(std::move(tail));
        }
    }
}

void WriteSet::put_acked(Piece piece) {
    acked_bytes_ += piece.size;
    acked_guards_.insert(piece.guards);
    const uint64_t offset = piece.offset;
    acked_.emplace(offset, std::move(piece));
}

/// `at` is the next one after it.
Piece WriteSet::take_acked(Acked::iterator& at) {
    steps_++;
    Piece piece = std::move(at->second);
    at = acked_.erase(at);
    acked_bytes_ -= piece.size;
    acked_guards_.erase(acked_guards_.find(piece.guards));
    return piece;
}

std::shared_ptr<BlockRequest> WriteSet::written(const Piece& piece, const WriteReply& reply) {
    Piece done = piece;
    auto request = std::exchange(done.request, nullptr);
    if (reply.count >= piece.size) {
        erase(piece);
    } else {
        done.size = reply.count;
        cut_front(piece, reply.count);
    }
    supersede_pending(done, done.guards);
    supersede(done, done.guards);
    if (reply.stable) return request;
    done.acknowledged = true;
    done.unresolved = false;
    done.verifier = reply.verifier;
    done.ack_number = ++acks_;
    put_acked(std::move(done));
    return request;
}

void WriteSet::unanswered(const Piece& piece, BootTime due) {
    change(piece, [due](Piece& p) {
        p.state = Piece::State::again;
        p.unresolved = true;
        p.due = due;
    });
}

void WriteSet::refused(const Piece& piece, BootTime due) {
    change(piece, [due](Piece& p) {
        p.state = Piece::State::again;
        p.due = due;
        p.request.reset();
    });
}

void WriteSet::line_lost(uint64_t line) {
    for (auto& [key, piece] : pending_) {
        steps_++;
        if (piece.state == Piece::State::sending && piece.line == line) unanswered(piece, {});
    }
}

void WriteSet::drop(const Piece& piece) {
    erase(piece);
}

void WriteSet::forget(uint64_t id) {
    for (auto at = pending_.lower_bound({id, 0}); at != pending_.end() && at->second.id == id;) {
        steps_++;
        Piece& piece = (at++)->second;
        if (piece.state == Piece::State::queued)
            erase(piece);
        else
            piece.request.reset();
    }
}

std::vector<std::shared_ptr<BlockRequest>> WriteSet::waiting_behind(const Piece& piece) const {
    std::vector<std::shared_ptr<BlockRequest>> waiting;
    index_.each(piece.offset, piece.size, [&](const Piece& other) {
        if (other.state == Piece::State::queued && other.request && blocks(piece, other))
            waiting.push_back(other.request);
    });
    return waiting;
}

void WriteSet::hurry(uint64_t offset, uint64_t size) {
    std::vector<const Piece*> there;
    index_.each(offset, size, [&](const Piece& piece) {
        if (piece.put_off()) there.push_back(&piece);
    });
    for (const Piece* piece : there) change(*piece, [](Piece& p) { p.due = {}; });
}

/// Back among the pending, by age: then they are neighbours in most of our trees.
void WriteSet::again(std::vector<Piece> pieces) {
    std::ranges::sort(pieces, {}, [](const Piece& p) { return p.id; });
    for (Piece& piece : pieces) {
        piece.state = Piece::State::again;
        insert(std::move(piece));
    }
}

template <typename F>
void WriteSet::take_acked_up_to(uint64_t mark, F&& use) {
    for (auto at = acked_.begin(); at != acked_.end();) {
        if (at->second.ack_number <= mark) {
            use(take_acked(at));
        } else {
            steps_++;
            ++at;
        }
    }
}

void WriteSet::committed(uint64_t mark, const Verifier& verifier) {
    std::vector<Piece> forgotten;
    take_acked_up_to(mark, [&](Piece piece) {
        if (piece.verifier != verifier) forgotten.push_back(std::move(piece));
    });
    again(std::move(forgotten));
}

void WriteSet::commit_failed(uint64_t mark) {
    std::vector<Piece> failed;
    take_acked_up_to(mark, [&](Piece piece) { failed.push_back(std::move(piece)); });
    again(std::move(failed));
}

std::vector<WriteSet::Overlay> WriteSet::overlay(uint64_t offset, uint64_t count) const {
    std::vector<Overlay> parts;
    auto add = [&parts](const Piece& p) { parts.push_back({p.offset, p.data, p.skip, p.size}); };
    auto at = acked_.lower_bound(offset);
    if (at != acked_.begin() && std::prev(at)->second.end() > offset) --at;
    for (; at != acked_.end() && at->second.offset < offset + count; ++at) add(at->second);
    std::vector<const Piece*> sent;
    index_.each(offset, count, [&](const Piece& piece) {
        if (piece.state != Piece::State::queued) sent.push_back(&piece);
    });
    std::ranges::sort(sent, {}, [](const Piece* p) { return p->id; });
    for (const Piece* piece : sent) add(*piece);
    return parts;
}

bool WriteSet::pending_up_to(uint64_t id) const {
    return !pending_guards_.empty() && *pending_guards_.begin() <= id;
}

bool WriteSet::stable_up_to(uint64_t id) const {
    return !pending_up_to(id) && (acked_guards_.empty() || *acked_guards_.begin() > id);
}

}  // namespace berth::volume
