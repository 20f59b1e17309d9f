// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/rpc_transport.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/no_throw.h"

namespace berth::volume {
namespace {

/// From so many bytes on a write is not copied.
constexpr size_t k_large = 16 << 10;
/// What is given to the socket in one call.
constexpr size_t k_parts = 16;
/// No call is appended to what is kept for others once it has so many bytes.
constexpr size_t k_part = 64 << 10;
constexpr int k_server_fault = 10006;  // RFC 1813 2.6: NFS3ERR_SERVERFAULT
/// So many times the socket is read before others get their turn.
constexpr int k_reads = 16;

/// Without blocking, and without SIGPIPE. -1: errno says why.
ssize_t send_parts(int fd, std::span<iovec> parts) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t sent = 0;
    do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

}  // namespace

RpcTransport::RpcTransport(std::unique_ptr<files::RpcConnection> connection, files::TransferLimits limits,
                           Clock& clock)
    : RpcTransport(connection->take_socket(), limits, clock) {}

RpcTransport::RpcTransport(files::RpcConnection::Socket socket, files::TransferLimits limits, Clock& clock)
    : limits_(limits),
      clock_(clock),
      fd_(std::move(socket.fd)),
      encoded_(socket.credentials),
      first_xid_(socket.next_xid),
      broken_(!fd_),
      in_(size_t{limits.read} + files::k_reply_overhead),
      last_call_(clock.now()) {}

RpcTransport::~RpcTransport() {
    reset();
    lose_all();
    if (thrown_)
        no_throw("berth: an NFS call that was lost",
                 [&] { std::rethrow_exception(std::exchange(thrown_, nullptr)); });
}

void RpcTransport::reset() {
    broken_ = true;
    fd_.reset();  // SO_LINGER 0: what the kernel still has to send goes with it
}

std::optional<BootTime> RpcTransport::oldest_call() const {
    if (calls_.empty()) return std::nullopt;
    return calls_.begin()->second.sent;
}

int RpcTransport::events(const lock::Lease& lease) const {
    if (broken_) return 0;
    const bool may_send = writes_out_ == 0 || lease.may_send();
    return POLLIN | (!out_.empty() && may_send ? POLLOUT : 0);
}

void RpcTransport::flush(const lock::Lease& lease) {
    while ((events(lease) & POLLOUT) != 0 && send()) {
    }
}

size_t RpcTransport::held() const {
    size_t bytes = 0;
    for (const Out& out : out_) bytes += out.own.capacity();
    return bytes;
}

void RpcTransport::service(int revents, const lock::Lease& lease) {
    // Time passed since the poll, and the call may have been made long before it.
    if (revents & POLLOUT) flush(lease);
    if (revents & ~POLLOUT) receive();
    if (broken_) lose_all();
    if (auto thrown = std::exchange(thrown_, nullptr)) std::rethrow_exception(thrown);
}

/// False: there was no room for all that was given.
bool RpcTransport::send() {
    std::array<iovec, k_parts> parts{};
    size_t count = 0, given = 0;
    for (const Out& out : out_) {
        if (count == parts.size()) break;
        const std::string_view rest = out.bytes().substr(count == 0 ? out_sent_ : 0);
        parts[count++] = {const_cast<char*>(rest.data()), rest.size()};
        given += rest.size();
    }
    const ssize_t taken = send_parts(fd_.get(), std::span(parts).first(count));
    if (taken < 0) {
        if (errno != EAGAIN) reset();
        return false;
    }
    sent(static_cast<size_t>(taken));
    return static_cast<size_t>(taken) == given;
}

void RpcTransport::sent(size_t count) {
    while (!out_.empty()) {
        const size_t rest = out_.front().bytes().size() - out_sent_;
        if (count < rest) {
            out_sent_ += count;
            return;
        }
        count -= rest;
        out_sent_ = 0;
        out_.pop_front();
    }
}

/// Where a call is appended. A part is freed when all of it has left, so none grows for ever on a socket that always has some of it to take.
std::string& RpcTransport::own_bytes() {
    if (out_.empty() || out_.back().owner || out_.back().own.size() >= k_part) out_.emplace_back();
    return out_.back().own;
}

void RpcTransport::receive() {
    for (int i = 0; i < k_reads && !broken_; i++) {
        const auto room = in_.room();
        const ssize_t got = recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return reset();
        in_.received(static_cast<size_t>(got));
        take_replies();
        // Less than there was room for: that was all.
        if (static_cast<size_t>(got) < room.size()) return;
    }
}

void RpcTransport::take_replies() {
    while (!broken_) {
        const auto record = in_.next();
        if (!record) break;
        if (const auto reply = files::parse_reply(*record))
            take(*reply);
        else
            reset();
    }
    if (in_.bad()) reset();
}

void RpcTransport::take(const files::RpcReply& reply) {
    if (calls_.empty()) return reset();
    const uint64_t first = calls_.begin()->first;
    auto node = calls_.extract(first + (reply.xid - xid_of(first)));
    if (node.empty()) return reset();  // to nothing that we asked
    // A refusal by the RPC layer has no NFS status: the connection is made anew.
    if (reply.body && answer(node.mapped(), *reply.body)) return;
    reset();
    lose(node.mapped());
}

bool RpcTransport::answer(Call& call, std::string_view body) {
    if (const auto* done = std::get_if<ReadDone>(&call.done)) {
        const auto read = files::parse_read(body);
        if (!read) return false;
        // No server answers with more than was asked for.
        CallResult result{.status = read->data.size() > call.asked ? k_server_fault : read->status};
        if (result.ok())
            guarded([&] { (*done)(result, read->data, read->end_of_file); });
        else
            guarded([&] { (*done)(result, {}, false); });
    } else if (const auto* written = std::get_if<WriteDone>(&call.done)) {
        const auto reply = files::parse_write(body);
        if (!reply) return false;
        writes_out_--;
        if (call.given) unanswered_writes_--;
        guarded(
            [&] { (*written)({.status = reply->status}, {reply->count, reply->stable, reply->verifier}); });
    } else if (const auto* committed = std::get_if<CommitDone>(&call.done)) {
        const auto reply = files::parse_commit(body);
        if (!reply) return false;
        guarded([&] { (*committed)({.status = reply->status}, reply->verifier); });
    }
    return true;
}

void RpcTransport::lose(Call& call) {
    constexpr CallResult k_lost{.lost = true};
    if (const auto* done = std::get_if<ReadDone>(&call.done)) {
        guarded([&] { (*done)(k_lost, {}, false); });
    } else if (const auto* written = std::get_if<WriteDone>(&call.done)) {
        writes_out_--;
        guarded([&] { (*written)(k_lost, {}); });
    } else if (const auto* committed = std::get_if<CommitDone>(&call.done)) {
        guarded([&] { (*committed)(k_lost, {}); });
    }
}

void RpcTransport::lose_all() {
    auto lost = std::exchange(calls_, {});
    for (auto& [number, call] : lost) lose(call);
}

template <typename F>
void RpcTransport::guarded(F&& body) {
    try {
        body();
    } catch (...) {
        if (!thrown_) thrown_ = std::current_exception();
    }
}

void RpcTransport::ping() {
    if (broken_) return;
    const uint64_t number = begin({});
    encoded_.null(own_bytes(), xid_of(number));
}

void RpcTransport::read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) {
    Call call;
    call.asked = count;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    if (!broken_) encoded_.read(own_bytes(), xid_of(number), file, offset, count);
}

void RpcTransport::write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                         WriteDone done) {
    write_shared(file, offset, data, nullptr, stable, std::move(done));
}

void RpcTransport::write_shared(const files::FileHandle& file, uint64_t offset, std::string_view data,
                                const std::shared_ptr<const std::string>& owner, bool stable,
                                WriteDone done) {
    Call call;
    call.given = !broken_;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    writes_out_++;
    if (broken_) return;
    unanswered_writes_++;
    const auto count = static_cast<uint32_t>(data.size());
    encoded_.write(own_bytes(), xid_of(number), file, offset, count, stable);
    if (owner && data.size() >= k_large)
        out_.push_back({{}, owner, data});
    else
        own_bytes() += data;
    if (const uint32_t padding = encoded_.padding(count)) own_bytes().append(padding, '\0');
}

void RpcTransport::commit(const files::FileHandle& file, CommitDone done) {
    Call call;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    if (!broken_) encoded_.commit(own_bytes(), xid_of(number), file);
}

uint64_t RpcTransport::begin(Call call) {
    call.sent = last_call_ = clock_.now();
    calls_.emplace_hint(calls_.end(), next_, std::move(call));
    return next_++;
}

}  // namespace berth::volume
