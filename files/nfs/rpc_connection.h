// SPDX-License-Identifier: GPL-3.0-or-later
// One TCP connection to one RPC program (RFC 5531) and the libnfs context that speaks on it. Auto-reconnect
// is off: a connection that broke stays broken, every call in flight is answered with "lost", and the owner
// decides.
//
// The socket is ours: a source port below 1024 where the process may (exports are "secure" by default),
// SO_LINGER 0 and TCP_USER_TIMEOUT 20 s, so that a dead client's kernel does not deliver old writes for
// minutes (docs/rules.md "Sockets"). One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/nfs_types.h"
#include "base/result.h"
#include "files/interrupt.h"
#include "files/nfs/server_addresses.h"

struct rpc_context;

namespace berth::files {

/// A connection that carried nothing for so long gets a NULL call: kernel NFS servers close idle ones after
/// minutes.
inline constexpr Duration k_longest_idle = std::chrono::seconds(60);

class RpcConnection {
  public:
    /// Connects to `port` of `server` and sends with `credentials`. M01, M02, M04, M12, L05.
    /// The address that answered last is tried first, the others of the name a quarter of a second after one
    /// another, and the first that answers is taken (RFC 8305). A look-up is begun only when the known ones
    /// have not answered within that time. `timeout` bounds all of it together.
    static Result<std::unique_ptr<RpcConnection>> connect(ServerAddresses& server, uint16_t port,
                                                          const NfsCredentials& credentials, Duration timeout,
                                                          const Interrupt& interrupt = {});
    /// Asks the port mapper of `server` (RFC 1833, version 2) where `program` listens. M05 when it is not
    /// registered; M01, M02, M04 about the port mapper itself. Each names server and port. `timeout` bounds
    /// connecting and asking together.
    static Result<uint16_t> ask_port_mapper(ServerAddresses& server, int program, int version,
                                            Duration timeout, const Interrupt& interrupt = {});
    ~RpcConnection();
    RpcConnection(const RpcConnection&) = delete;
    RpcConnection& operator=(const RpcConnection&) = delete;

    rpc_context* context() { return context_; }
    const std::string& server() const { return server_; }
    bool broken() const { return broken_; }
    /// The local port of the connection.
    uint16_t local_port() const { return local_port_; }

    /// For an event loop: what to poll for, and what poll(2) said. Callbacks run inside service().
    int fd() const;
    int events();
    void service(int revents);
    /// Resets the connection; calls in flight are answered now.
    void reset();

    /// The connection without libnfs, for calls of the owner's own: what it sends with, and a transaction id that is
    /// far from those that libnfs used. Only while no call is in flight. The connection is broken for us then;
    /// `fd` is empty if it was before.
    struct Socket {
        UniqueFd fd;
        NfsCredentials credentials;
        uint32_t next_xid = 0;
    };
    Socket take_socket();

    /// Serves the connection until `done` is true. `lost`: it broke, or `timeout` passed.
    enum class Pumped { done, lost, interrupted };
    Pumped pump(const bool& done, Duration timeout, const Interrupt& interrupt = {});

  private:
    RpcConnection() = default;
    rpc_context* context_ = nullptr;
    std::string server_;
    uint16_t local_port_ = 0;
    NfsCredentials credentials_;
    uint32_t first_xid_ = 0;
    bool broken_ = false;
    bool serving_ = false;
};

}  // namespace berth::files
