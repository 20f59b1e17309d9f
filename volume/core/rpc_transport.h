// SPDX-License-Identifier: GPL-3.0-or-later
// A Line over one libnfs connection; lives on the engine's I/O thread.
#pragma once

#include <exception>
#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "files/nfs/rpc_connection.h"
#include "lock/lease.h"
#include "volume/core/line.h"

namespace berth::volume {

class RpcTransport final : public Line {
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

    std::optional<BootTime> oldest_call() const override;
    BootTime last_call() const override { return last_call_; }
    unsigned writes_out() const override { return writes_out_; }
    bool may_carry_writes() const override { return unanswered_writes_ != 0; }
    bool broken() const override { return connection_->broken(); }
    void reset() override { connection_->reset(); }
    void ping() override;

    // For an event loop.
    int fd() const { return connection_->fd(); }
    /// What to poll for. While the right to send is not there, nothing leaves our buffer if a write may be in
    /// it.
    int events(const lock::Lease& lease);
    /// Throws what a `done` threw.
    void service(int revents, const lock::Lease& lease);

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
