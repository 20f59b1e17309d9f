// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes from a keyboard to keys, the same for the Linux console, a VT220 and xterm's children. What is not
// known is dropped whole, so that neither an odd key nor a terminal's report is ever taken for typed text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::ui {

struct Key {
    enum Kind {
        character,
        control,
        enter,
        backspace,
        escape,
        tab,
        up,
        down,
        left,
        right,
        page_up,
        page_down,
        other
    };
    Kind kind = other;
    wchar_t c = 0;  ///< The character; for `control` its capital letter ('L' for Ctrl-L, ']' for Ctrl-]).
    bool operator==(const Key&) const = default;
};

class KeyDecoder {
  public:
    ~KeyDecoder() { wipe(); }
    std::vector<Key> feed(std::string_view bytes);
    /// An escape byte is alone so far: if nothing follows soon, say so with `timeout`.
    bool waiting() const { return !pending_.empty(); }
    /// Nothing followed.
    std::vector<Key> timeout();

  private:
    /// One key off the front of pending_; nullopt: more bytes are needed.
    std::optional<Key> take();
    std::optional<Key> take_control_sequence();
    std::optional<Key> take_report();
    std::optional<Key> take_as(size_t bytes, Key key);
    unsigned char byte(size_t i) const { return static_cast<unsigned char>(pending_[i]); }
    void drop(size_t n);
    void wipe();

    std::string pending_;
};

}  // namespace berth::ui
