// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/outbox.h"

#include <string.h>
#include <sys/socket.h>

#include <cerrno>

namespace berth::supervisor {

Outbox::~Outbox() {
    clear();
}

void Outbox::clear() {
    explicit_bzero(bytes_.data(), bytes_.size());
    bytes_.clear();
}

Status Outbox::put(Result<std::string> frame) {
    if (!frame) return fail(frame.error());
    if (bytes_.size() + frame->size() > k_outbox_bytes) {
        explicit_bzero(frame->data(), frame->size());
        return fail(ErrorCode::I03, "{} bytes are waiting: the receiver does not read", bytes_.size());
    }
    bytes_ += *frame;
    explicit_bzero(frame->data(), frame->size());
    return {};
}

Status Outbox::flush(int fd) {
    while (!bytes_.empty()) {
        const ssize_t n = send(fd, bytes_.data(), bytes_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return {};
            return fail_errno("send message");
        }
        bytes_.erase(0, static_cast<size_t>(n));
        if (bytes_.empty()) {
            bytes_.resize(bytes_.capacity());
            clear();
        }
    }
    return {};
}

}  // namespace berth::supervisor
