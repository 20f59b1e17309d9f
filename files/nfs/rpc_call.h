// SPDX-License-Identifier: GPL-3.0-or-later
// One call on a connection, waited for. For volume's own .cpp files only.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "files/nfs/libnfs_raw.h"
#include "files/nfs/rpc_connection.h"

namespace berth::files {

enum class CallEnd {
    answered,     ///< `nfs_status` is what `take` made of the result.
    refused,      ///< By the RPC layer; `text` says why.
    lost,         ///< No answer, or no connection any more.
    interrupted,  ///< Like lost, by the owner's wish.
};

/// `issue` sends with the callback and pointer it is given (0: sent); `take` reads the decoded result. A call
/// that gets no answer in time ends the connection. What `take` throws comes out here, not through libnfs.
CallEnd run_call(RpcConnection& connection, const std::function<int(rpc_context*, rpc_cb, void*)>& issue,
                 const std::function<int(void*)>& take, Duration timeout, const Interrupt& interrupt,
                 int& nfs_status, std::string& text);

}  // namespace berth::files
