// SPDX-License-Identifier: GPL-3.0-or-later
// BlockTransport over one libnfs connection; lives on the engine's I/O thread.
#pragma once

#include <exception>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "files/nfs/rpc_connection.h"
#include "lock/lease.h"
#include "volume/core/block_transport.h"

namespace berth::volume {

class RpcTransport final : public BlockTransport {
  public:
    RpcTransport(std::unique_ptr<files::RpcConnection> connection, files::TransferLimits limits,
                 Clock& clock);
    /// Calls in flight come back as lost.
    ~RpcTransport() override;

    files::TransferLimits limits() const override { return limits_; }
    void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) override;
    void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
               WriteDone done) override;
    void commit(const files::FileHandle& file, CommitDone done) override;

    /// When the oldest unanswered call was sent.
    std::optional<BootTime> oldest_call() const;

    /// A call when none was made for k_longest_idle and none is unanswered. To be called now and then.
    void keep_alive();
    /// A WRITE was given to the connection and never answered: if the connection is broken, it may still be
    /// on its way (Lease::connection_lost).
    bool may_carry_writes() const { return unanswered_writes_ != 0; }

    bool broken() const { return connection_->broken(); }
    int fd() const { return connection_->fd(); }
    /// What to poll for. While the right to send is not there, nothing leaves our buffer if a write may be in
    /// it.
    int events(const lock::Lease& lease);
    /// Throws what a `done` threw.
    void service(int revents, const lock::Lease& lease);
    /// Resets the connection when the lease ended with a write unanswered (docs/rules.md "Sockets"), and one without
    /// such a write when a call was not answered for `longest`: a server may drop one and live on. A slow
    /// write is waited for while the lease holds: a copy that the server kept could come after newer data.
    void reset_overdue(const lock::Lease& lease, Duration longest);

  private:
    struct Call;
    /// Sends with a fresh Call; one that cannot be sent is answered as lost when the connection is destroyed
    /// or served next.
    Call* begin();
    void sent(Call* call, int rc);
    static void answered(struct rpc_context*, int status, void* data, void* user);
    static void alive(struct rpc_context*, int status, void* data, void* user);
    static void end(Call* call, bool ok, void* data);

    std::unique_ptr<files::RpcConnection> connection_;
    files::TransferLimits limits_;
    Clock& clock_;
    uint64_t next_ = 1;
    unsigned writes_out_ = 0;
    unsigned unanswered_writes_ = 0;  // those that were lost stay in it
    BootTime last_call_;
    std::map<uint64_t, std::unique_ptr<Call>> calls_;
    std::exception_ptr thrown_;  ///< By a callback; it may not pass through libnfs, so service() throws it.
};

}  // namespace berth::volume
