// SPDX-License-Identifier: GPL-3.0-or-later
// Frames of wire.h on a stream socket.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::files {

/// One frame on its way. `bytes` must outlive it.
class FrameSender {
  public:
    explicit FrameSender(std::string_view bytes);
    /// Sends what the socket takes now with MSG_DONTWAIT, or all of it without. true: all is sent. I01, also
    /// when the other side is gone.
    Result<bool> send(int fd, int flags);

  private:
    std::string head_;
    std::string_view bytes_;
    size_t sent_ = 0;  ///< Of both.
};

/// Collects the bytes of frames as they come.
class FrameReader {
  public:
    enum class End { none, closed, malformed };

    /// Takes what the non-blocking or readable descriptor has now. `malformed`: a frame longer than
    /// `longest`.
    End take(int fd, size_t longest);
    /// The next whole frame; nullopt: not there yet.
    std::optional<std::string> next();

  private:
    std::string bytes_;
};

}  // namespace berth::files
