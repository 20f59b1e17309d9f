// SPDX-License-Identifier: GPL-3.0-or-later
// A store in memory that can crash. What a disk may hold after a power cut is a list, crashes(): nothing of what
// no sync covered; all of it; all but one write; one write alone; one write torn between sectors, behind those
// before it; 16 random choices. Zeros and holes are writes like others. One thread.
//
// As it is built, each call is done before it returns. With hold() it waits until complete(): a write that waits may be
// on the disk after a crash or not, and a sync covers the writes that were done when it was begun, no others.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "volume/core/store.h"

namespace berth::volume {

class CrashStore final : public Store {
  public:
    static constexpr uint64_t k_sector = 512;

    explicit CrashStore(const std::string& bytes) : kept_(bytes), now_(bytes) {}

    uint64_t size() const override { return now_.size(); }
    Volume::Abilities abilities() const override {
        return {.zero = true, .trim = true, .extents = false, .prefetch = false};
    }
    void read(uint64_t offset, std::span<char> to, Done done) override {
        issue([this, offset, to, done = std::move(done)] {
            std::memcpy(to.data(), now_.data() + offset, to.size());
            done(0);
        });
    }
    void write(uint64_t offset, std::string_view bytes, Done done) override {
        auto write = std::make_shared<Write>(offset, std::string(bytes));
        under_way_.push_back(write);
        issue([this, write, done = std::move(done)] {
            std::erase(under_way_, write);
            done_.push_back(write);
            write->failed = taken_from(fail_writes);
            if (!write->failed) lay(now_, *write);
            done(write->failed ? EIO : 0);
        });
    }
    void sync(Done done) override {
        issue([this, covered = forgotten_ + done_.size(), done = std::move(done)] {
            // What a failed sync did not write is never written by a later one.
            poisoned_ = poisoned_ || taken_from(fail_syncs);
            if (!poisoned_)
                for (; forgotten_ < covered; forgotten_++, done_.erase(done_.begin()))
                    if (!done_.front()->failed) lay(kept_, *done_.front());
            done(poisoned_ ? EIO : 0);
        });
    }
    void zero(uint64_t offset, uint64_t count, bool, Done done) override {
        write(offset, std::string(count, '\0'), std::move(done));
    }
    void punch(uint64_t offset, uint64_t count, Done done) override {
        write(offset, std::string(count, '\0'), std::move(done));
    }
    void extents(uint64_t, uint64_t, std::vector<Extent>&, Done done) override { done(ENOTSUP); }
    void prefetch(uint64_t, uint64_t, Done done) override { done(ENOTSUP); }

    /// From now on each call waits.
    void hold() { held_ = true; }
    size_t waiting() const { return calls_.size(); }
    /// Does the `index`-th of those that wait, in the order in which they came.
    void complete(size_t index) {
        auto call = std::move(calls_.at(index));
        calls_.erase(calls_.begin() + static_cast<ptrdiff_t>(index));
        call();
    }
    void complete_all() {
        while (!calls_.empty()) complete(0);
    }

    /// So many of the next writes or syncs fail with EIO. A failed write is not readable, and may be on the disk.
    int fail_writes = 0, fail_syncs = 0;

    struct Crash {
        std::string
            kept;  ///< For people: "nothing", "all", "all but 2", "2 alone", "2 torn at 1", "random 7".
        std::string bytes;  ///< What the disk holds after it.
    };
    /// Every one of them may be what a power cut now would leave; the same bytes may come more than once. The writes
    /// that no sync covers are numbered from 0 on: those that were done, as they were; then those that wait.
    std::vector<Crash> crashes() const {
        const auto writes = uncovered();
        const size_t n = writes.size();
        std::vector<Crash> found;
        const auto keep = [&](std::string name, const auto& chosen) {
            std::string bytes = kept_;
            for (size_t i = 0; i < n; i++)
                if (chosen(i)) lay(bytes, *writes[i]);
            found.push_back({std::move(name), std::move(bytes)});
        };
        keep("nothing", [](size_t) { return false; });
        if (n == 0) return found;
        keep("all", [](size_t) { return true; });
        for (size_t one = 0; one < n; one++)
            keep("all but " + std::to_string(one), [&](size_t i) { return i != one; });
        for (size_t one = 0; one < n; one++)
            keep(std::to_string(one) + " alone", [&](size_t i) { return i == one; });
        for (size_t one = 0; one < n; one++) tear(one, found);
        std::minstd_rand random(static_cast<unsigned>(n));
        for (int choice = 0; choice < 16; choice++)
            keep("random " + std::to_string(choice), [&](size_t) { return (random() >> 8) % 2 == 0; });
        return found;
    }

  private:
    struct Write {
        uint64_t offset = 0;
        std::string bytes;
        bool failed = false;
    };
    using Writes = std::vector<std::shared_ptr<Write>>;

    template <typename Call>
    void issue(Call call) {
        if (held_)
            calls_.emplace_back(std::move(call));
        else
            call();
    }
    static bool taken_from(int& left) { return left > 0 && left-- > 0; }
    static void lay(std::string& bytes, const Write& write, size_t count = std::string::npos) {
        count = std::min(count, write.bytes.size());
        bytes.replace(write.offset, count, write.bytes, 0, count);
    }
    Writes uncovered() const {
        Writes writes = done_;
        writes.insert(writes.end(), under_way_.begin(), under_way_.end());
        return writes;
    }

    /// The first sectors of write `one` and no more, at every border between them.
    void tear(size_t one, std::vector<Crash>& found) const {
        const auto writes = uncovered();
        std::string before = kept_;
        for (size_t i = 0; i < one; i++) lay(before, *writes[i]);
        const Write& torn = *writes[one];
        uint64_t border = (torn.offset / k_sector + 1) * k_sector;
        for (int at = 1; border < torn.offset + torn.bytes.size(); at++, border += k_sector) {
            std::string bytes = before;
            lay(bytes, torn, border - torn.offset);
            found.push_back({std::to_string(one) + " torn at " + std::to_string(at), std::move(bytes)});
        }
    }

    std::string kept_;  ///< What syncs cover.
    std::string now_;   ///< What is read.
    Writes done_, under_way_;
    uint64_t forgotten_ = 0;  ///< So many writes were done before those in done_.
    std::vector<std::function<void()>> calls_;
    bool held_ = false, poisoned_ = false;
};

}  // namespace berth::volume
