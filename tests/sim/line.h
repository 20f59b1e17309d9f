// SPDX-License-Identifier: GPL-3.0-or-later
// A connection for blocks, as RpcTransport is one: what the network brings waits until its owner's thread calls service().
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "tests/sim/world.h"
#include "volume/core/line.h"

namespace berth::sim {

class SimLine final : public volume::Line {
  public:
    /// `happened`: there is something for service(), or it is broken.
    SimLine(World& world, std::shared_ptr<Connection> connection, files::TransferLimits limits,
            uint64_t epoch, std::function<void()> happened);
    ~SimLine() override;

    files::TransferLimits limits() const override { return limits_; }
    void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) override;
    void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
               WriteDone done) override;
    void commit(const files::FileHandle& file, CommitDone done) override;

    std::optional<BootTime> oldest_call() const override;
    BootTime last_call() const override { return last_call_; }
    unsigned writes_out() const override { return writes_out_; }
    bool may_carry_writes() const override { return unanswered_writes_ != 0; }
    bool broken() const override { return broken_; }
    void reset() override;
    void ping() override;

    /// Calls back for what was answered.
    void service();

  private:
    struct Under;
    std::shared_ptr<Call> make(Call::Kind kind, std::string what, std::shared_ptr<Under> under);
    void give(const std::shared_ptr<Call>& call, std::shared_ptr<Under> under);

    World& world_;
    std::shared_ptr<Connection> connection_;
    const files::TransferLimits limits_;
    const uint64_t epoch_;
    std::function<void()> happened_;
    std::vector<std::shared_ptr<Under>> under_way_;  // in the order in which they were sent
    std::vector<std::shared_ptr<Under>> inbox_;
    BootTime last_call_;
    unsigned writes_out_ = 0, unanswered_writes_ = 0;
    bool broken_ = false;
};

}  // namespace berth::sim
