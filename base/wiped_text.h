// SPDX-License-Identifier: GPL-3.0-or-later
// Text that may be a password: always on the heap, so that a move leaves nothing behind, and overwritten when
// it goes. Whoever looks at it must not keep a copy.
#pragma once

#include <string.h>

#include <string_view>
#include <utility>
#include <vector>

namespace berth {

class WipedText {
  public:
    WipedText() = default;
    WipedText(std::string_view text) : bytes_(text.begin(), text.end()) {}
    WipedText(const WipedText&) = default;
    WipedText(WipedText&&) = default;
    WipedText& operator=(WipedText other) {
        bytes_.swap(other.bytes_);
        return *this;
    }
    ~WipedText() {
        if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());  // data() of none may be null
    }

    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
    bool operator==(const WipedText&) const = default;

  private:
    std::vector<char> bytes_;
};

}  // namespace berth
