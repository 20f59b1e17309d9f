// SPDX-License-Identifier: GPL-3.0-or-later
// A running hash of 64 bits (FNV with a last mix): equal digests are taken for equal states, at a chance of one in
// 2^64 for each pair.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace berth::sim {

class Digest {
  public:
    Digest& add(uint64_t value) {
        state_ = mix(state_ ^ (value + 0x9e3779b97f4a7c15ULL));
        return *this;
    }
    Digest& add(std::string_view text) {
        add(text.size());
        while (text.size() >= 8) {
            uint64_t word;
            std::memcpy(&word, text.data(), 8);
            add(word);
            text.remove_prefix(8);
        }
        if (!text.empty()) {
            uint64_t word = 0;
            std::memcpy(&word, text.data(), text.size());
            add(word);
        }
        return *this;
    }
    uint64_t value() const { return state_; }

  private:
    static uint64_t mix(uint64_t x) {
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93ULL;
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93ULL;
        return x ^ x >> 32;
    }
    uint64_t state_ = 0x243f6a8885a308d3ULL;
};

}  // namespace berth::sim
