// SPDX-License-Identifier: GPL-3.0-or-later
// The one terminal: opened, made the controlling terminal, its settings known and put back.
#pragma once

#include <termios.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace berth::supervisor {

class Terminal {
  public:
    /// Opens `path`, takes it as the controlling terminal (stealing it as root), and on a virtual terminal
    /// brings it to the front and turns off switching. G04.
    static Result<Terminal> open(const std::string& path);

    Terminal(Terminal&&) = default;
    Terminal& operator=(Terminal&&) = default;

    /// Non-blocking.
    int fd() const { return fd_.get(); }
    const std::string& path() const { return path_; }
    /// Of a virtual terminal; 0: it is none.
    int number() const;
    /// A second, blocking open of it for the UI.
    Result<UniqueFd> open_for_child() const;

    /// To a known sane state whatever a guest left: output waiting and input typed so far are thrown away,
    /// then termios, then terminal_reset(). Waits at most half a second for a terminal that takes no bytes.
    void reset();
    /// Every byte through, both ways; no signal from a key, no flow control.
    void raw();

  private:
    Terminal(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
    void lock_switching();

    std::string path_;
    UniqueFd fd_;
    termios sane_{};
};

/// What `sane` must be whoever used the line before; the speed stays.
termios sane_settings(termios now);
termios raw_settings(termios sane);

}  // namespace berth::supervisor
