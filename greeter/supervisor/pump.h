// SPDX-License-Identifier: GPL-3.0-or-later
// The bytes between the terminal and the guest: bounded, never interpreted but for the secure-attention key.
// No system call here; greeter.cpp reads and writes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth::supervisor {

inline constexpr char k_attention = 0x1d;  ///< Ctrl-]
inline constexpr size_t k_pump_bytes = 64 * 1024;

/// Finds the attention key in what is typed: its byte, and what a terminal sends for it when the guest switched on
/// xterm's modifyOtherKeys or kitty's keyboard protocol, so that no guest takes the key away.
class AttentionKey {
  public:
    struct Typed {
        std::string_view for_guest;  ///< What came before the key, or all.
        bool attention = false;      ///< What came behind the key in the same read is dropped.
    };
    Typed feed(std::string_view bytes);

  private:
    std::string sequence_;
};

/// Whether a byte stream is between two characters and outside of any control sequence: a line may be put in.
class OutputTracker {
  public:
    void feed(std::string_view bytes);
    bool at_rest() const { return state_ == State::ground && continuation_ == 0; }

  private:
    enum class State { ground, escape, csi, string, string_escape };
    State state_ = State::ground;
    int continuation_ = 0;
};

/// Guest output on its way to the terminal.
class GuestOutput {
  public:
    /// How much may be read from the guest now. While held the oldest output gives way, so there is always
    /// room.
    size_t room() const;
    void put(std::string_view bytes);
    /// What to write next; empty while held.
    std::string_view next() const;
    void written(size_t n);
    /// A line that appears as soon as the stream is at rest; at once if `at_once`. Dropped while 4 KiB wait.
    void add_line(std::string line, bool at_once = false);

    void hold();
    /// Output continues behind `first_line`; if some gave way meanwhile, with the first whole line.
    void release(std::string_view first_line);

  private:
    void insert_lines(bool at_once);

    std::string bytes_, lines_;
    bool held_ = false, lost_ = false;
    OutputTracker tracker_;
};

}  // namespace berth::supervisor
