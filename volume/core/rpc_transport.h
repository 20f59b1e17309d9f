// SPDX-License-Identifier: GPL-3.0-or-later
// A Line over one TCP connection, with calls of our own (files/nfs/block_calls.h): nothing here waits for the socket,
// one wake-up takes all replies that have come, and large writes go from the write set's bytes to the socket. One thread at a time.
#pragma once

#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/fd.h"
#include "files/nfs/block_calls.h"
#include "files/nfs/record_reader.h"
#include "files/nfs/rpc_connection.h"
#include "lock/lease.h"
#include "volume/core/line.h"

namespace berth::volume {

class RpcTransport final : public Line {
  public:
    /// A connection on which no call is in flight.
    RpcTransport(std::unique_ptr<files::RpcConnection> connection, files::TransferLimits limits,
                 Clock& clock);
    /// Calls in flight come back as lost.
    ~RpcTransport() override;

    files::TransferLimits limits() const override { return limits_; }
    void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) override;
    void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
               WriteDone done) override;
    /// Small ones are copied.
    void write_shared(const files::FileHandle& file, uint64_t offset, std::string_view data,
                      const std::shared_ptr<const std::string>& owner, bool stable, WriteDone done) override;
    void commit(const files::FileHandle& file, CommitDone done) override;

    std::optional<BootTime> oldest_call() const override;
    BootTime last_call() const override { return last_call_; }
    unsigned writes_out() const override { return writes_out_; }
    bool may_carry_writes() const override { return unanswered_writes_ != 0; }
    bool broken() const override { return broken_; }
    void reset() override;
    void ping() override;

    // For an event loop.
    int fd() const { return broken_ ? -1 : fd_.get(); }
    /// What to poll for. While the right to send is not there, nothing leaves our buffer if a write may be in
    /// it.
    int events(const lock::Lease& lease) const;
    /// Does what poll(2) said. Calls on a connection that broke come back as lost here. Throws what a `done` threw.
    void service(int revents, const lock::Lease& lease);
    /// Sends what events() would wait to send, as far as the socket takes it now. To be called behind calls, so
    /// that poll(2) need not say first that there is room.
    void flush(const lock::Lease& lease);
    /// Bytes of our own memory that what is to be sent takes.
    size_t held() const;

  private:
    RpcTransport(files::RpcConnection::Socket socket, files::TransferLimits limits, Clock& clock);
    struct Call {
        BootTime sent;
        uint32_t asked = 0;  // READ: bytes
        bool given = false;  // WRITE: to a connection that was not broken
        std::variant<std::monostate, ReadDone, WriteDone, CommitDone> done;
    };
    /// Bytes of our own, or somebody's while `owner` is kept.
    struct Out {
        std::string own;
        std::shared_ptr<const std::string> owner;
        std::string_view theirs;
        std::string_view bytes() const { return owner ? theirs : std::string_view(own); }
    };
    using Calls = std::map<uint64_t, Call>;  // by number: oldest first

    /// The number of a fresh call, and with it its xid. One that cannot be sent is answered as lost when the
    /// connection is served next or destroyed.
    uint64_t begin(Call call);
    uint32_t xid_of(uint64_t number) const { return first_xid_ + static_cast<uint32_t>(number); }
    std::string& own_bytes();
    bool send();
    void sent(size_t count);
    void receive();
    void take_replies();
    void take(const files::RpcReply& reply);
    /// Calls back; false: `body` is not an answer to that call.
    bool answer(Call& call, std::string_view body);
    void lose(Call& call);
    void lose_all();
    template <typename F>
    void guarded(F&& body);

    const files::TransferLimits limits_;
    Clock& clock_;
    UniqueFd fd_;
    const files::BlockCalls encoded_;
    const uint32_t first_xid_;
    bool broken_;
    std::deque<Out> out_;  // to be sent,
    size_t out_sent_ = 0;  // but so much of the first
    files::RecordReader in_;
    uint64_t next_ = 0;
    unsigned writes_out_ = 0;
    unsigned unanswered_writes_ = 0;  // those that were lost stay in it
    BootTime last_call_;
    Calls calls_;
    std::exception_ptr thrown_;  ///< By a callback: the other replies are taken all the same.
};

}  // namespace berth::volume
