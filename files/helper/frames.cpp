// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/frames.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace berth::files {
namespace {

constexpr size_t k_head = 4;

uint32_t length_of(std::string_view head) {
    uint32_t length = 0;
    for (size_t i = 0; i < k_head; i++) length |= uint32_t{static_cast<unsigned char>(head[i])} << (8 * i);
    return length;
}

}  // namespace

FrameSender::FrameSender(std::string_view bytes) : bytes_(bytes) {
    for (size_t i = 0; i < k_head; i++) head_ += static_cast<char>(bytes.size() >> (8 * i) & 0xff);
}

Result<bool> FrameSender::send(int fd, int flags) {
    while (sent_ < k_head + bytes_.size()) {
        const std::string_view head = std::string_view(head_).substr(std::min(sent_, k_head));
        const std::string_view rest = bytes_.substr(sent_ > k_head ? sent_ - k_head : 0);
        std::array<iovec, 2> parts = {iovec{const_cast<char*>(head.data()), head.size()},
                                      iovec{const_cast<char*>(rest.data()), rest.size()}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        const ssize_t n = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
        if (n < 0) return fail_errno("send");
        sent_ += static_cast<size_t>(n);
    }
    return true;
}

FrameReader::End FrameReader::take(int fd, size_t longest) {
    const size_t before = bytes_.size();
    // The rest of a frame whose head is there, else a guess.
    const size_t wanted = before >= k_head && length_of(bytes_) <= longest
                              ? std::max<size_t>(k_head + length_of(bytes_), before + 1) - before
                              : 64 * 1024;
    bytes_.resize(before + wanted);
    ssize_t n;
    do n = recv(fd, bytes_.data() + before, wanted, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    const bool nothing_yet = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    bytes_.resize(before + (n > 0 ? static_cast<size_t>(n) : 0));
    if (nothing_yet) return End::none;
    if (n <= 0) return End::closed;
    if (bytes_.size() >= k_head && length_of(bytes_) > longest) return End::malformed;
    return End::none;
}

std::optional<std::string> FrameReader::next() {
    if (bytes_.size() < k_head || bytes_.size() - k_head < length_of(bytes_)) return std::nullopt;
    const size_t length = length_of(bytes_);
    std::string frame = bytes_.substr(k_head, length);
    bytes_.erase(0, k_head + length);
    return frame;
}

}  // namespace berth::files
