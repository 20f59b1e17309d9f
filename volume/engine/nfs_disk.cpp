// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/engine/nfs_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace berth::volume {
namespace {

// RFC 1813 2.6.
constexpr int k_perm = 1, k_acces = 13, k_nospc = 28, k_rofs = 30, k_dquot = 69, k_jukebox = 10008;
constexpr Duration k_pause = std::chrono::seconds(1);

void lay_over(char* buffer, uint64_t offset, uint32_t count, const std::vector<WriteSet::Overlay>& parts) {
    for (const auto& part : parts) {
        const uint64_t from = std::max(offset, part.offset),
                       to = std::min(offset + count, part.offset + part.size);
        if (from < to)
            std::memcpy(buffer + (from - offset), part.data->data() + part.skip + (from - part.offset),
                        to - from);
    }
}

}  // namespace

int nfs_errno(int nfs_status) {
    switch (nfs_status) {
        case k_nospc:
        case k_dquot:
            return ENOSPC;
        case k_perm:
        case k_acces:
        case k_rofs:
            return EPERM;
        default:
            return EIO;
    }
}

NfsDisk::NfsDisk(FileHandle file, Lease& lease, Clock& clock, Settings settings)
    : file_(std::move(file)), lease_(lease), clock_(clock), settings_(settings) {}

void NfsDisk::connected(BlockTransport& transport) {
    transport_ = &transport;
    not_before_ = {};
    step();
}

void NfsDisk::disconnected() {
    transport_ = nullptr;
    writes_.connection_lost();
}

void NfsDisk::finish(BlockRequest& request, int error) {
    if (request.finished) return;
    request.finished = true;
    request.done(error);
}

void NfsDisk::submit(std::shared_ptr<BlockRequest> request) {
    request->deadline = clock_.now() + settings_.request_timeout;
    switch (request->kind) {
        case BlockRequest::Kind::read:
            counters_.reads++;
            request->outstanding = request->count;
            reads_.push_back({request, request->offset, request->count, {}});
            break;
        case BlockRequest::Kind::write: {
            counters_.writes++;
            request->outstanding = request->count;
            // Split later, to what the server takes at that time; the write set only needs whole writes.
            const auto size = request->data->size();
            if (size) writes_.add(request->offset, request->data, 0, size, request->fua, request);
            break;
        }
        case BlockRequest::Kind::flush:
            request->barrier = writes_.last_id();
            break;
    }
    if (request->kind != BlockRequest::Kind::flush && request->count == 0)
        finish(*request, 0);
    else
        requests_.push_back(std::move(request));
    step();
}

void NfsDisk::step() {
    if (lease_.lost_for_good()) {
        fail_all(EIO);
    } else {
        fail_expired();
        if (transport_ && clock_.now() >= not_before_) {
            send_reads();
            send_writes();
            send_commit();
        }
    }
    finish_flushes();
    std::erase_if(requests_, [](const auto& r) { return r->finished; });
    counters_.uncommitted = writes_.acked_bytes();
}

void NfsDisk::fail_expired() {
    const BootTime now = clock_.now();
    for (auto& request : requests_)
        if (!request->finished && now >= request->deadline) {
            forget_unsent(*request);
            finish(*request, EIO);
        }
}

void NfsDisk::abandon() {
    fail_all(ESHUTDOWN);
}

void NfsDisk::fail_all(int error) {
    for (auto& request : requests_) {
        forget_unsent(*request);
        finish(*request, error);
    }
}

/// What never left us has a known outcome.
void NfsDisk::forget_unsent(const BlockRequest& request) {
    std::erase_if(reads_, [&](const ReadPart& part) { return part.request.get() == &request; });
    auto& pending = writes_.pending();
    for (auto piece = pending.begin(); piece != pending.end();) {
        auto next = std::next(piece);
        if (piece->request.get() == &request) {
            if (piece->state == Piece::State::queued)
                writes_.drop(piece);
            else
                piece->request.reset();
        }
        piece = next;
    }
}

void NfsDisk::send_reads() {
    while (!reads_.empty() && reads_out_ < settings_.calls) {
        ReadPart part = std::move(reads_.front());
        reads_.pop_front();
        if (part.request->finished) continue;
        const uint32_t most = transport_->limits().read;
        if (part.count > most) {
            ReadPart rest{part.request, part.offset + most, part.count - most, {}};
            reads_.push_front(std::move(rest));
            part.count = most;
        }
        // Taken now: what the server has forgotten since, because it restarted, we still hold.
        part.overlay = writes_.overlay(part.offset, part.count);
        reads_out_++;
        const uint64_t offset = part.offset;
        const uint32_t count = part.count;
        transport_->read(file_, offset, count,
                         [this, part = std::move(part)](CallResult result, std::string_view data,
                                                        bool end_of_file) mutable {
                             read_done(std::move(part), result, data, end_of_file);
                         });
    }
}

void NfsDisk::read_done(ReadPart part, CallResult result, std::string_view data, bool end_of_file) {
    reads_out_--;
    if (part.request->finished) return;
    if (result.lost || result.status == k_jukebox) {
        if (!result.lost) not_before_ = clock_.now() + k_pause;
        reads_.push_front(std::move(part));
        return;
    }
    if (!result.ok()) {
        finish(*part.request, nfs_errno(result.status));
        return;
    }
    const uint32_t got = std::min<uint64_t>(data.size(), part.count);
    if (got == 0 && !end_of_file) {
        finish(*part.request, EIO);
        return;
    }
    char* to = part.request->buffer + (part.offset - part.request->offset);
    std::memcpy(to, data.data(), got);
    // Within the disk but beyond the end of the file are zeros; a short answer elsewhere is only short.
    const uint32_t filled = end_of_file ? part.count : got;
    std::memset(to + got, 0, filled - got);
    lay_over(to, part.offset, filled, part.overlay);
    if (filled < part.count) reads_.push_front({part.request, part.offset + filled, part.count - filled, {}});
    part_read(*part.request, filled);
}

void NfsDisk::part_read(BlockRequest& request, uint32_t count) {
    request.outstanding -= count;
    if (request.outstanding == 0) {
        counters_.bytes_read += request.count;
        finish(request, 0);
    }
}

void NfsDisk::send_writes() {
    if (!lease_.may_send()) return;
    auto& pending = writes_.pending();
    // An old verifier's pieces may be thousands; only the front of the list is looked at.
    unsigned looked_at = 0;
    for (auto piece = pending.begin();
         piece != pending.end() && writes_out_ < settings_.calls && looked_at < 4 * settings_.calls;
         ++piece, ++looked_at) {
        if (piece->state == Piece::State::sending) continue;
        if (piece->state == Piece::State::queued && writes_.acked_bytes() >= settings_.most_uncommitted)
            continue;
        if (writes_.may_send(piece)) send_write(piece);
    }
}

void NfsDisk::send_write(WriteSet::Pending::iterator piece) {
    const uint32_t most = transport_->limits().write;
    if (piece->size > most) {
        Piece rest = *piece;
        rest.offset += most;
        rest.skip += most;
        rest.size -= most;
        writes_.pending().insert(std::next(piece), std::move(rest));
        piece->size = most;
    }
    piece->state = Piece::State::sending;
    writes_out_++;
    transport_->write(
        file_, piece->offset, piece->bytes(), piece->stable,
        [this, id = piece->id, offset = piece->offset](CallResult result, const WriteReply& reply) {
            write_done(id, offset, result, reply);
        });
}

void NfsDisk::write_done(uint64_t id, uint64_t offset, CallResult result, const WriteReply& reply) {
    writes_out_--;
    auto& pending = writes_.pending();
    auto piece =
        std::ranges::find_if(pending, [&](const Piece& p) { return p.id == id && p.offset == offset; });
    if (piece == pending.end()) return;
    if (result.lost || result.status == k_jukebox) {
        piece->state = Piece::State::unknown;
        if (!result.lost) not_before_ = clock_.now() + k_pause;
        return;
    }
    if (!result.ok()) {
        write_failed(piece, result.status);
        return;
    }
    if (reply.count == 0 || reply.count > piece->size || (piece->stable && !reply.stable)) {
        write_failed(piece, 5);
        return;
    }
    auto request = piece->request;
    writes_.written(piece, reply);
    if (!request) return;
    request->outstanding -= reply.count;
    if (request->outstanding == 0) {
        counters_.bytes_written += request->count;
        finish(*request, 0);
    }
}

/// The server said no. The VM hears it; what it was told is written stays with us and is tried again.
void NfsDisk::write_failed(WriteSet::Pending::iterator piece, int status) {
    if (piece->acknowledged) {
        piece->state = Piece::State::unknown;
        not_before_ = clock_.now() + k_pause;
        fail_flushes(nfs_errno(status));
        return;
    }
    auto request = piece->request;
    writes_.drop(piece);
    if (!request) return;
    forget_unsent(*request);
    finish(*request, nfs_errno(status));
}

void NfsDisk::fail_flushes(int error) {
    for (auto& request : requests_)
        if (request->kind == BlockRequest::Kind::flush) finish(*request, error);
}

void NfsDisk::finish_flushes() {
    for (auto& request : requests_)
        if (request->kind == BlockRequest::Kind::flush && !request->finished &&
            writes_.stable_up_to(request->barrier))
            finish(*request, 0);
}

void NfsDisk::send_commit() {
    if (commit_out_ || writes_.acked_bytes() == 0) return;
    const bool wanted = writes_.acked_bytes() >= settings_.commit_every ||
                        std::ranges::any_of(requests_, [this](const auto& r) {
                            return r->kind == BlockRequest::Kind::flush && !r->finished &&
                                   !writes_.pending_up_to(r->barrier) && !writes_.stable_up_to(r->barrier);
                        });
    if (!wanted) return;
    commit_out_ = true;
    transport_->commit(file_,
                       [this, mark = writes_.commit_mark()](CallResult result, const Verifier& verifier) {
                           commit_out_ = false;
                           if (result.lost) return;
                           if (result.ok()) {
                               writes_.committed(mark, verifier);
                               return;
                           }
                           not_before_ = clock_.now() + k_pause;
                           if (result.status == k_jukebox) return;
                           writes_.commit_failed(mark);
                           fail_flushes(EIO);
                       });
}

}  // namespace berth::volume
