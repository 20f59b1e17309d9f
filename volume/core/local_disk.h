// SPDX-License-Identifier: GPL-3.0-or-later
// A disk of mode local (swap): a store of this client. Any thread; a request is done as the store does it, with a
// FileStore before submit() returns. What is under way when the disk is abandoned ends as the store ends it.
#pragma once

#include <atomic>
#include <memory>

#include "volume/core/store.h"
#include "volume/core/volume.h"

namespace berth::volume {

class LocalDisk final : public Volume {
  public:
    /// What the store has under way when the disk goes must be done before, or never.
    explicit LocalDisk(std::unique_ptr<Store> store) : store_(std::move(store)) {}

    uint64_t size() const override { return store_->size(); }
    Abilities abilities() const override { return store_->abilities(); }
    void submit(std::shared_ptr<BlockRequest> request) override;
    BootTime step() override { return k_never; }
    void abandon() override { abandoned_ = true; }
    const Counters& counters() const override { return counters_; }

  private:
    Store::Done ended(const std::shared_ptr<BlockRequest>& request);

    std::unique_ptr<Store> store_;
    std::atomic<bool> abandoned_{false};
    Counters counters_;
};

}  // namespace berth::volume
