// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/nfs_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "volume/core/nfs_errno.h"

namespace berth::volume {
namespace {

constexpr Duration k_pause = std::chrono::seconds(1);
/// How many pieces that were put off are sent in a pause. Each that is accepted allows two more: what a
/// server keeps refusing costs little, and a server that accepts again soon has everything.
constexpr unsigned k_retries = 4;

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

NfsDisk::NfsDisk(files::FileHandle file, uint64_t size, lock::Lease& lease, Clock& clock, WriteMemory& memory,
                 Settings settings)
    : file_(std::move(file)),
      size_(size),
      lease_(lease),
      clock_(clock),
      memory_(memory),
      settings_(settings) {}

void NfsDisk::line_up(BlockTransport& line) {
    lines_.push_back({next_line_++, &line});
    commit_due_ = {};
    reads_.splice(reads_.end(), later_reads_);
    step();
}

void NfsDisk::line_lost(BlockTransport& line) {
    const auto lost = std::ranges::find(lines_, &line, &Way::line);
    if (lost == lines_.end()) return;
    const uint64_t number = lost->number;
    lines_.erase(lost);
    writes_.line_lost(number);
}

NfsDisk::Way& NfsDisk::least_busy() {
    return *std::ranges::min_element(lines_, {}, &Way::out);
}

void NfsDisk::answered(uint64_t line) {
    const auto way = std::ranges::find(lines_, line, &Way::number);
    if (way != lines_.end()) way->out--;
}

void NfsDisk::finish(BlockRequest& request, int error) {
    if (request.finished) return;
    request.finished = true;
    // Whoever hears of this asks what is not committed yet.
    counters_.uncommitted = writes_.uncommitted_bytes();
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
            if (request->count == 0) break;
            request->id = writes_.take_id();
            request->place = memory_.line_up();
            waiting_.push_back(request);
            break;
        }
        case BlockRequest::Kind::flush:
            request->id = writes_.last_id();
            break;
        default:
            return request->done(ENOTSUP);  // NFSv3 has no call for the others
    }
    if (request->kind != BlockRequest::Kind::flush && request->count == 0)
        finish(*request, 0);
    else
        requests_.push_back(std::move(request));
    step();
}

BootTime NfsDisk::step() {
    if (lease_.lost_for_good()) {
        fail_all(EIO);
    } else {
        fail_expired();
        take_writes();
        if (!lines_.empty()) {
            send_reads();
            send_writes();
            send_commit();
        }
    }
    finish_flushes();
    std::erase_if(requests_, [](const auto& r) { return r->finished; });
    counters_.uncommitted = writes_.uncommitted_bytes();
    return next_step();
}

/// What waits for an answer, for memory, for the lease or a connection is not in it: whoever brings that
/// calls step().
BootTime NfsDisk::next_step() const {
    // All have the same time, so the oldest is the first whose time is over.
    BootTime next = requests_.empty() ? k_never : requests_.front()->deadline;
    if (lines_.empty() || lease_.lost_for_good()) return next;
    if (!later_reads_.empty()) next = std::min(next, later_reads_.front().due);
    if (lease_.may_send()) next = std::min(next, next_write());
    if (!commit_out_ && commit_wanted()) next = std::min(next, commit_due_);
    return next;
}

BootTime NfsDisk::next_write() const {
    const BootTime due = writes_.next_due();
    // Due at once, and not sent: the lease has come back this moment, and whoever brought it calls step().
    if (due == BootTime{} || due == k_never || writes_full_) return k_never;
    return retries_ == 0 ? std::max(due, retries_from_ + k_pause) : due;
}

void NfsDisk::fail_expired() {
    const BootTime now = clock_.now();
    bool any = false;
    for (auto& request : requests_) {
        if (now < request->deadline) break;
        if (request->finished) continue;
        any = true;
        forget_unsent(*request);
        finish(*request, EIO);
    }
    if (any) forget_finished();
}

void NfsDisk::abandon() {
    fail_all(ESHUTDOWN);
}

void NfsDisk::fail_all(int error) {
    if (requests_.empty()) return;
    for (auto& request : requests_) {
        forget_unsent(*request);
        finish(*request, error);
    }
    forget_finished();
}

/// What never left us has a known outcome.
void NfsDisk::forget_unsent(const BlockRequest& request) {
    if (request.kind == BlockRequest::Kind::write && !request.finished) {
        memory_.leave(request.place);
        writes_.forget(request.id);
    }
}

/// Of what waits to be sent.
void NfsDisk::forget_finished() {
    auto finished = [](const ReadPart& part) { return part.request->finished; };
    std::erase_if(reads_, finished);
    std::erase_if(later_reads_, finished);
    std::erase_if(waiting_, [](const auto& request) { return request->finished; });
}

void NfsDisk::fail_write(const std::shared_ptr<BlockRequest>& request, int error) {
    forget_unsent(*request);
    finish(*request, error);
}

/// Into the write set, as far as there is memory. Split later, to what the server takes at that time.
void NfsDisk::take_writes() {
    while (!waiting_.empty()) {
        const auto request = waiting_.front();
        WriteMemory::Data data;
        try {
            data = memory_.take(request->place, request->from, request->count);
        } catch (const std::bad_alloc&) {
            waiting_.pop_front();
            fail_write(request, ENOMEM);
            continue;
        }
        if (!data) return;
        waiting_.pop_front();
        writes_.hurry(request->offset, request->count);
        writes_.add(request->id, request->offset, std::move(data), request->fua, request);
    }
}

void NfsDisk::send_reads() {
    while (!later_reads_.empty() && later_reads_.front().due <= clock_.now())
        reads_.splice(reads_.end(), later_reads_, later_reads_.begin());
    while (!reads_.empty() && reads_out_ < settings_.calls) {
        ReadPart part = std::move(reads_.front());
        reads_.pop_front();
        if (part.request->finished) continue;
        Way& way = least_busy();
        const uint32_t most = way.line->limits().read;
        if (part.count > most) {
            ReadPart rest{part.request, part.offset + most, part.count - most, {}};
            reads_.push_front(std::move(rest));
            part.count = most;
        }
        // Taken now: what the server has forgotten since, because it restarted, we still hold.
        part.overlay = writes_.overlay(part.offset, part.count);
        reads_out_++;
        way.out++;
        const uint64_t offset = part.offset;
        const uint32_t count = part.count;
        way.line->read(file_, offset, count,
                       [this, line = way.number, part = std::move(part)](
                           CallResult result, std::string_view data, bool end_of_file) mutable {
                           answered(line);
                           read_done(std::move(part), result, data, end_of_file);
                       });
    }
}

void NfsDisk::read_done(ReadPart part, CallResult result, std::string_view data, bool end_of_file) {
    reads_out_--;
    if (part.request->finished) return;
    if (result.lost) {
        reads_.push_front(std::move(part));
        return;
    }
    if (result.status == k_nfs_jukebox) {
        part.due = clock_.now() + k_pause;
        later_reads_.push_back(std::move(part));
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
    writes_full_ = false;
    if (!lease_.may_send()) return;
    const BootTime now = clock_.now();
    if (now - retries_from_ >= k_pause) {
        retries_from_ = now;
        retries_ = k_retries;
    }
    while (writes_out_ < settings_.calls) {
        const Piece* piece = writes_.next(now);
        if (!piece || (piece->put_off() && retries_ == 0)) return;
        Way& way = least_busy();
        const auto size = static_cast<uint32_t>(std::min<uint64_t>(piece->size, way.line->limits().write));
        // One may always be sent: what other disks have on its way comes back only when they are served.
        if (writes_out_ != 0 && !memory_.may_send(size)) break;
        send_write(way, *piece, size);
    }
    writes_full_ = true;
}

void NfsDisk::send_write(Way& way, const Piece& piece, uint32_t size) {
    const bool retried = piece.put_off();
    if (retried) retries_--;
    writes_.sent(piece, size, way.number);
    writes_out_++;
    way.out++;
    memory_.sent(size);
    way.line->write_shared(file_, piece.offset, piece.bytes(), piece.data, piece.stable,
                           [this, id = piece.id, offset = piece.offset, line = way.number, size, retried](
                               CallResult result, const WriteReply& reply) {
                               answered(line);
                               writes_out_--;
                               memory_.answered(size);
                               // What line_lost() has made unresolved may be on its way on another line by now.
                               const Piece* sent = writes_.find(id, offset);
                               if (sent && sent->state == Piece::State::sending && sent->line == line)
                                   write_done(*sent, retried, result, reply);
                           });
}

void NfsDisk::write_done(const Piece& piece, bool retried, CallResult result, const WriteReply& reply) {
    if (result.lost) {
        writes_.unanswered(piece, {});
    } else if (result.status == k_nfs_jukebox) {
        writes_.unanswered(piece, clock_.now() + k_pause);
    } else if (!result.ok()) {
        write_refused(piece, result.status);
    } else if (reply.count == 0 || reply.count > piece.size || (piece.stable && !reply.stable)) {
        write_refused(piece, k_nfs_io);
    } else {
        if (retried) retries_ += 2;
        const auto request = writes_.written(piece, reply);
        if (!request) return;
        request->outstanding -= reply.count;
        if (request->outstanding == 0) {
            counters_.bytes_written += request->count;
            finish(*request, 0);
        }
    }
}

/// The server said no. The VM hears it. What it was told is written, and what may have been written all the
/// same by an earlier copy, stays with us and is tried again.
void NfsDisk::write_refused(const Piece& piece, int status) {
    const int error = nfs_errno(status);
    if (!piece.acknowledged && !piece.unresolved) {
        const auto request = piece.request;
        writes_.drop(piece);
        if (request) fail_write(request, error);
        return;
    }
    auto told = writes_.waiting_behind(piece);
    if (piece.request) told.push_back(piece.request);
    fail_flushes(error, piece.guards);
    writes_.refused(piece, clock_.now() + k_pause);
    for (const auto& request : told)
        if (!request->finished) fail_write(request, error);
}

void NfsDisk::fail_flushes(int error, uint64_t from) {
    for (auto& request : requests_)
        if (request->kind == BlockRequest::Kind::flush && request->id >= from) finish(*request, error);
}

bool NfsDisk::pending_up_to(uint64_t id) const {
    return writes_.pending_up_to(id) || (!waiting_.empty() && waiting_.front()->id <= id);
}

void NfsDisk::finish_flushes() {
    for (auto& request : requests_)
        if (request->kind == BlockRequest::Kind::flush && !request->finished && !pending_up_to(request->id) &&
            writes_.stable_up_to(request->id))
            finish(*request, 0);
}

bool NfsDisk::commit_wanted() const {
    if (writes_.acked_bytes() == 0) return false;
    return writes_.acked_bytes() >= settings_.commit_every || memory_.wanted() ||
           std::ranges::any_of(requests_, [this](const auto& r) {
               return r->kind == BlockRequest::Kind::flush && !r->finished && !pending_up_to(r->id) &&
                      !writes_.stable_up_to(r->id);
           });
}

void NfsDisk::send_commit() {
    if (commit_out_ || clock_.now() < commit_due_ || !commit_wanted()) return;
    commit_out_ = true;
    Way& way = least_busy();
    way.out++;
    way.line->commit(file_, [this, line = way.number, mark = writes_.commit_mark()](
                                CallResult result, const Verifier& verifier) {
        answered(line);
        commit_out_ = false;
        if (result.lost) return;
        if (result.ok()) {
            writes_.committed(mark, verifier);
            return;
        }
        commit_due_ = clock_.now() + k_pause;
        if (result.status == k_nfs_jukebox) return;
        writes_.commit_failed(mark);
        fail_flushes(EIO, 0);
    });
}

}  // namespace berth::volume
