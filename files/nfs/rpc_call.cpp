// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/rpc_call.h"

#include <exception>
#include <memory>

namespace berth::files {
namespace {

/// Lives until libnfs has called back, which it does for every call: with an answer, or when the connection
/// goes.
struct PendingCall {
    bool done = false, abandoned = false;
    int rpc_status = RPC_STATUS_CANCEL;
    int nfs_status = 0;
    std::string text;
    const std::function<int(void*)>* take = nullptr;
    /// What was thrown: it may not pass through libnfs, so the caller of run_call gets it.
    std::exception_ptr thrown;
};

void called_back(rpc_context*, int status, void* data, void* user) {
    auto* call = static_cast<PendingCall*>(user);
    if (call->abandoned) {
        delete call;
        return;
    }
    call->done = true;
    call->rpc_status = status;
    try {
        if (status == RPC_STATUS_SUCCESS && data)
            call->nfs_status = (*call->take)(data);
        else if (status == RPC_STATUS_ERROR && data)
            call->text = static_cast<const char*>(data);
    } catch (...) {
        call->thrown = std::current_exception();
    }
}

}  // namespace

CallEnd run_call(RpcConnection& connection, const std::function<int(rpc_context*, rpc_cb, void*)>& issue,
                 const std::function<int(void*)>& take, Duration timeout, const Interrupt& interrupt,
                 int& nfs_status, std::string& text) {
    auto call = std::make_unique<PendingCall>();
    call->take = &take;
    if (connection.broken() || issue(connection.context(), called_back, call.get()) != 0)
        return CallEnd::lost;
    const auto pumped = connection.pump(call->done, timeout, interrupt);
    const bool done = pumped == RpcConnection::Pumped::done;
    if (!done) connection.reset();
    const bool interrupted = pumped == RpcConnection::Pumped::interrupted;
    if (!call->done) {
        call->abandoned = true;
        (void)call.release();
        return interrupted ? CallEnd::interrupted : CallEnd::lost;
    }
    if (call->thrown) std::rethrow_exception(call->thrown);
    if (interrupted) return CallEnd::interrupted;
    if (!done || call->rpc_status != RPC_STATUS_SUCCESS) {
        text = call->text;
        return connection.broken() ? CallEnd::lost : CallEnd::refused;
    }
    nfs_status = call->nfs_status;
    return CallEnd::answered;
}

}  // namespace berth::files
