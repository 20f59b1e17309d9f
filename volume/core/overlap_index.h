// SPDX-License-Identifier: GPL-3.0-or-later
// Finds those of many stretches of a disk that overlap a given one; they may overlap each other. A stretch is
// kept with those whose sizes have the same number of bits, so that what may reach into a place begins close
// before it: a search costs the logarithm of their number for each size there is, and a step for each stretch
// found.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <utility>

namespace berth::volume {

template <typename T>
class OverlapIndex {
  public:
    /// (offset, id) is unique; `size` is not 0.
    void insert(uint64_t offset, uint64_t size, uint64_t id, T* what) {
        classes_[class_of(size)].emplace(std::pair{offset, id}, Entry{offset + size, what});
    }
    void erase(uint64_t offset, uint64_t size, uint64_t id) {
        classes_[class_of(size)].erase(std::pair{offset, id});
    }
    /// Calls `found(T&)` for each that overlaps, in no order; it must not change the index.
    template <typename F>
    void each(uint64_t offset, uint64_t size, F&& found) const {
        const uint64_t end = offset + size;
        for (unsigned i = 0; i < classes_.size(); i++) {
            if (classes_[i].empty()) continue;
            const uint64_t longest = ~uint64_t{0} >> (classes_.size() - 1 - i);
            const uint64_t from = offset >= longest ? offset - longest + 1 : 0;
            for (auto at = classes_[i].lower_bound({from, 0});
                 at != classes_[i].end() && at->first.first < end; ++at) {
                steps_++;
                if (at->second.end > offset) found(*at->second.what);
            }
        }
    }
    /// How many stretches were looked at so far: a test holds searching to their number.
    uint64_t steps() const { return steps_; }

  private:
    struct Entry {
        uint64_t end;
        T* what;
    };
    static unsigned class_of(uint64_t size) { return static_cast<unsigned>(std::bit_width(size)) - 1; }
    std::array<std::map<std::pair<uint64_t, uint64_t>, Entry>, 64> classes_;
    mutable uint64_t steps_ = 0;
};

}  // namespace berth::volume
