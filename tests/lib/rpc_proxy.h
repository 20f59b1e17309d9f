// SPDX-License-Identifier: GPL-3.0-or-later
// A proxy on loopback between one client and an NFS server: it sees each call as a whole RPC record
// (tests/model/traces/wire.h) and lets it through, resets the connection instead, or keeps it back.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace berth::test {

/// NFSv3's procedures (RFC 1813 3), as far as tests ask for them.
inline constexpr uint32_t k_proc_null = 0, k_proc_lookup = 3, k_proc_read = 6, k_proc_write = 7,
                          k_proc_readdir = 16;

class RpcProxy {
  public:
    enum class Fate {
        pass,
        cut,    ///< The server never sees it; the client's connection is reset.
        later,  ///< The server never sees it; the client is answered NFS3ERR_JUKEBOX.
        gone,   ///< The server never sees it; the client is answered NFS3ERR_NOENT.
        keep    ///< The server never sees it; nothing is answered on this connection any more.
    };
    /// Called for each call, on threads of the proxy's own; it may wait.
    using Judge = std::function<Fate(uint32_t procedure, const std::string& call)>;

    /// `server_port` on 127.0.0.1.
    RpcProxy(uint16_t server_port, Judge judge);
    ~RpcProxy();
    RpcProxy(const RpcProxy&) = delete;
    RpcProxy& operator=(const RpcProxy&) = delete;

    uint16_t port() const { return port_; }
    /// Resets every connection that is open.
    void reset_all();

  private:
    void serve(size_t index);

    const uint16_t server_port_;
    const Judge judge_;
    uint16_t port_ = 0;
    UniqueFd listener_, stop_;
    std::mutex mutex_;
    std::vector<UniqueFd> resets_;  // an eventfd for each connection
    std::vector<UniqueFd> clients_;
    std::vector<std::thread> threads_;
    std::thread accepting_;
};

}  // namespace berth::test
