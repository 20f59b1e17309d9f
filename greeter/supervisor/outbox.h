// SPDX-License-Identifier: GPL-3.0-or-later
// Frames on their way to a process that may not be reading: never blocks, bounded, wiped when sent. One
// thread.
#pragma once

#include <string>

#include "base/result.h"

namespace berth::supervisor {

inline constexpr size_t k_outbox_bytes = 512 * 1024;

class Outbox {
  public:
    ~Outbox();
    /// Takes what protocol::frame_of() made; an error is handed on. I03 when the receiver is so far behind that
    /// the bound is reached.
    Status put(Result<std::string> frame);
    /// Sends what the socket takes now (send(2), MSG_DONTWAIT). I01 when the other end is gone.
    Status flush(int fd);
    bool empty() const { return bytes_.empty(); }
    void clear();

  private:
    std::string bytes_;
};

}  // namespace berth::supervisor
