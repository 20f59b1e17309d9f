// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/rpc_transport.h"

#include <poll.h>

#include <cstring>
#include <utility>

#include "base/no_throw.h"
#include "files/nfs/libnfs_raw.h"

namespace berth::volume {

using files::fh_of;

struct RpcTransport::Call {
    RpcTransport* owner;
    uint64_t number;
    BootTime sent;
    /// Gets the decoded result, or nullptr when there is none.
    std::function<void(CallResult, void* data)> finish;
};

RpcTransport::RpcTransport(std::unique_ptr<files::RpcConnection> connection, files::TransferLimits limits,
                           Clock& clock)
    : connection_(std::move(connection)), limits_(limits), clock_(clock), last_call_(clock.now()) {}

RpcTransport::~RpcTransport() {
    connection_->reset();
    connection_.reset();  // libnfs calls back for what is left
    auto rest = std::move(calls_);
    for (auto& [number, call] : rest)
        no_throw("berth: an NFS call that was lost", [&] { call->finish({.lost = true}, nullptr); });
}

std::optional<BootTime> RpcTransport::oldest_call() const {
    if (calls_.empty()) return std::nullopt;
    return calls_.begin()->second->sent;
}

int RpcTransport::events(const lock::Lease& lease) {
    const int wanted = connection_->events();
    return writes_out_ == 0 || lease.may_send() ? wanted : wanted & ~POLLOUT;
}

void RpcTransport::service(int revents, const lock::Lease& lease) {
    // Time passed since the poll, and the call may have been made long before it.
    if (writes_out_ != 0 && !lease.may_send()) revents &= ~POLLOUT;
    if (revents) connection_->service(revents);
    if (auto thrown = std::exchange(thrown_, nullptr)) std::rethrow_exception(thrown);
}

RpcTransport::Call* RpcTransport::begin() {
    const uint64_t number = next_++;
    last_call_ = clock_.now();
    auto& call = calls_[number];
    call = std::make_unique<Call>(Call{this, number, clock_.now(), {}});
    return call.get();
}

void RpcTransport::sent(Call*, int rc) {
    // No memory for one more call: the connection is reset, which answers them all as lost.
    if (rc != 0) connection_->reset();
}

void RpcTransport::answered(rpc_context*, int status, void* data, void* user) {
    end(static_cast<Call*>(user), status == RPC_STATUS_SUCCESS && data, data);
}

/// The answer to NULL has no data.
void RpcTransport::alive(rpc_context*, int status, void*, void* user) {
    end(static_cast<Call*>(user), status == RPC_STATUS_SUCCESS, nullptr);
}

void RpcTransport::end(Call* call, bool ok, void* data) {
    auto node = call->owner->calls_.extract(call->number);
    if (node.empty()) return;
    RpcTransport& owner = *call->owner;
    // A refusal by the RPC layer has no NFS status, and libnfs reports a broken connection the same way: both
    // are "lost", and the connection is made anew.
    if (!ok && owner.connection_) owner.connection_->reset();
    try {
        node.mapped()->finish({.lost = !ok}, ok ? data : nullptr);
    } catch (...) {
        if (!owner.thrown_) owner.thrown_ = std::current_exception();
    }
}

void RpcTransport::ping() {
    Call* call = begin();
    call->finish = [](CallResult, void*) {};
    sent(call, broken() ? 0 : rpc_nfs3_null_async(connection_->context(), alive, call));
}

void RpcTransport::read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) {
    READ3args args{fh_of(file), offset, count};
    Call* call = begin();
    call->finish = [done = std::move(done), count](CallResult result, void* data) {
        if (!data) return done(result, {}, false);
        auto* r = static_cast<READ3res*>(data);
        result.status = r->status;
        auto& ok = r->READ3res_u.resok;
        // No server answers with more than was asked for.
        if (r->status == NFS3_OK && ok.data.data_len > count) result.status = NFS3ERR_SERVERFAULT;
        if (!result.ok()) return done(result, {}, false);
        done(result, {ok.data.data_val, ok.data.data_len}, ok.eof);
    };
    sent(call,
         connection_->broken() ? 0 : rpc_nfs3_read_async(connection_->context(), answered, &args, call));
}

void RpcTransport::write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                         WriteDone done) {
    WRITE3args args{};
    args.file = fh_of(file);
    args.offset = offset;
    args.count = args.data.data_len = data.size();
    args.stable = stable ? FILE_SYNC : UNSTABLE;
    args.data.data_val = const_cast<char*>(data.data());
    Call* call = begin();
    writes_out_++;
    const bool given = !connection_->broken();
    if (given) unanswered_writes_++;
    call->finish = [this, given, done = std::move(done)](CallResult result, void* answer) {
        writes_out_--;
        if (given && !result.lost) unanswered_writes_--;
        WriteReply reply;
        if (answer) {
            auto* r = static_cast<WRITE3res*>(answer);
            result.status = r->status;
            if (r->status == NFS3_OK) {
                auto& ok = r->WRITE3res_u.resok;
                reply.count = ok.count;
                reply.stable = ok.committed == FILE_SYNC;
                std::memcpy(reply.verifier.data(), ok.verf, reply.verifier.size());
            }
        }
        done(result, reply);
    };
    sent(call,
         connection_->broken() ? 0 : rpc_nfs3_write_async(connection_->context(), answered, &args, call));
}

void RpcTransport::commit(const files::FileHandle& file, CommitDone done) {
    COMMIT3args args{fh_of(file), 0, 0};
    Call* call = begin();
    call->finish = [done = std::move(done)](CallResult result, void* data) {
        Verifier verifier{};
        if (data) {
            auto* r = static_cast<COMMIT3res*>(data);
            result.status = r->status;
            if (r->status == NFS3_OK)
                std::memcpy(verifier.data(), r->COMMIT3res_u.resok.verf, verifier.size());
        }
        done(result, verifier);
    };
    sent(call,
         connection_->broken() ? 0 : rpc_nfs3_commit_async(connection_->context(), answered, &args, call));
}

}  // namespace berth::volume
