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

/// From so many bytes on a write is not copied into our buffer first.
constexpr size_t k_large = 16 << 10;
/// What is kept of a buffer that was once larger.
constexpr size_t k_kept = 1 << 20;
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

iovec part(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};
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
    if (events(lease) & POLLOUT) send();
}

void RpcTransport::service(int revents, const lock::Lease& lease) {
    // Time passed since the poll, and the call may have been made long before it.
    if (revents & POLLOUT) flush(lease);
    if (revents & ~POLLOUT) receive();
    if (broken_) lose_all();
    if (auto thrown = std::exchange(thrown_, nullptr)) std::rethrow_exception(thrown);
}

void RpcTransport::send() {
    std::array parts{part(std::string_view(out_).substr(out_sent_))};
    const ssize_t sent = send_parts(fd_.get(), parts);
    if (sent < 0) {
        if (errno != EAGAIN) reset();
        return;
    }
    out_sent_ += static_cast<size_t>(sent);
    if (out_sent_ < out_.size()) return;
    out_.clear();
    out_sent_ = 0;
    if (out_.capacity() > k_kept) out_.shrink_to_fit();
}

/// What the socket does not take is in our buffer then.
void RpcTransport::send_at_once(std::string_view head, std::string_view data, uint32_t padding) {
    constexpr std::string_view k_zeros("\0\0\0", 3);
    std::array parts{part(head), part(data), part(k_zeros.substr(0, padding))};
    ssize_t sent = send_parts(fd_.get(), parts);
    if (sent < 0) {
        if (errno != EAGAIN) reset();
        sent = 0;
    }
    auto left = static_cast<size_t>(sent);
    for (const auto& p : parts) {
        const size_t gone = std::min(left, p.iov_len);
        out_.append(static_cast<const char*>(p.iov_base) + gone, p.iov_len - gone);
        left -= gone;
    }
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
    encoded_.null(out_, xid_of(number));
}

void RpcTransport::read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) {
    Call call;
    call.asked = count;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    if (!broken_) encoded_.read(out_, xid_of(number), file, offset, count);
}

void RpcTransport::write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                         WriteDone done) {
    Call call;
    call.given = !broken_;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    writes_out_++;
    if (broken_) return;
    unanswered_writes_++;
    const auto count = static_cast<uint32_t>(data.size());
    const bool at_once = out_.empty() && data.size() >= k_large;
    std::string head;
    encoded_.write(at_once ? head : out_, xid_of(number), file, offset, count, stable);
    if (at_once) {
        send_at_once(head, data, encoded_.padding(count));
    } else {
        out_ += data;
        out_.append(encoded_.padding(count), '\0');
    }
}

void RpcTransport::commit(const files::FileHandle& file, CommitDone done) {
    Call call;
    call.done = std::move(done);
    const uint64_t number = begin(std::move(call));
    if (!broken_) encoded_.commit(out_, xid_of(number), file);
}

uint64_t RpcTransport::begin(Call call) {
    call.sent = last_call_ = clock_.now();
    calls_.emplace_hint(calls_.end(), next_, std::move(call));
    return next_++;
}

}  // namespace berth::volume
