// SPDX-License-Identifier: GPL-3.0-or-later
// What a VM asks of its disk, one thing after the other, as QEMU does it: what failed is asked for again after a pause.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/oracle.h"
#include "tests/sim/world.h"
#include "volume/core/volume.h"

namespace berth::sim {

struct Wish {
    enum class Kind { write, read, flush, pause } kind = Kind::write;
    uint64_t offset = 0;
    std::string data;    ///< write
    uint32_t count = 0;  ///< read
    bool fua = false;
    Duration pause{};
    /// The next wish does not wait for its answer.
    bool go_on = false;
    /// What fails is not asked for again.
    bool gives_up = false;
};

class Guest {
  public:
    using Submit = std::function<void(std::shared_ptr<volume::BlockRequest>)>;
    Guest(World& world, Oracle& oracle, uint64_t epoch, Submit submit)
        : world_(world), oracle_(oracle), epoch_(epoch), submit_(std::move(submit)) {}

    /// From within a task; until all was answered.
    void run(const std::vector<Wish>& wishes);

  private:
    struct Asked {
        Wish wish;
        std::shared_ptr<volume::BlockRequest> request;
        std::string buffer;
        std::optional<int> error;
    };
    std::shared_ptr<Asked> ask(const Wish& wish);
    void told(const Asked& asked);
    /// Until it is answered well, for as long as the guest runs.
    void settle(std::shared_ptr<Asked> asked);
    void settle_all();
    static bool waits_for(const Wish& wish, const Wish& older);

    World& world_;
    Oracle& oracle_;
    const uint64_t epoch_;
    const Submit submit_;
    std::vector<std::shared_ptr<Asked>> under_way_;
};

/// Another client's VM sees no difference between flush() and this.
std::shared_ptr<volume::BlockRequest> flush_request(std::function<void(int)> done);

}  // namespace berth::sim
