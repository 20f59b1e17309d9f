// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/message.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strict_json.h"

namespace berth {
namespace {

constexpr size_t k_header = 4;
const JsonFormat k_frame{.name = "message",
                         .code = ErrorCode::I03,
                         .unknown = JsonFormat::ignore,
                         .why = "the form of each message says what its other members mean",
                         .longest = k_max_message};
constexpr size_t k_max_descriptors = 8;  // received and not yet taken

void wipe(std::string& text, size_t count) {
    explicit_bzero(text.data(), count);
    text.erase(0, count);
}

}  // namespace

Result<std::optional<nlohmann::json>> take_frame(std::string& buffer) {
    if (buffer.size() < k_header) return std::nullopt;
    size_t length = 0;
    for (size_t i = 0; i < k_header; ++i) length = length << 8 | static_cast<unsigned char>(buffer[i]);
    if (length == 0 || length > k_max_message)
        return fail(ErrorCode::I03, "frame of {} bytes: must be 1 to {}", length, k_max_message);
    if (buffer.size() < k_header + length) return std::nullopt;
    auto body = parse_json({buffer.data() + k_header, length}, k_frame);
    wipe(buffer, k_header + length);
    if (!body) return fail(body.error());
    if (json_text(json_member(*body, "type")) == nullptr)
        return fail(ErrorCode::I03, "{}: must be an object with a text \"type\"", k_frame.name);
    return std::move(*body);
}

Result<std::string> make_frame(const nlohmann::json& body) {
    // Bytes that are not UTF-8 (from a PAM module, a file name) become U+FFFD instead of an exception.
    std::string text = dump_json(body);
    if (text.size() > k_max_message)
        return fail(ErrorCode::I03, "message of {} bytes: must be at most {}", text.size(), k_max_message);
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(text.size() >> shift & 0xff);
    frame.reserve(frame.size() + text.size());
    frame += text;
    wipe(text, text.size());
    return frame;
}

Result<std::pair<UniqueFd, UniqueFd>> message_pair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno("socketpair");
    return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

MessageSocket::~MessageSocket() {
    if (!buffer_.empty()) wipe(buffer_, buffer_.size());
}

Status MessageSocket::send(Result<std::string> frame, int pass_fd) {
    if (!frame) return fail(frame.error());
    std::string_view rest = *frame;
    Status result;
    while (result && !rest.empty()) {
        iovec vector{.iov_base = const_cast<char*>(rest.data()), .iov_len = rest.size()};
        msghdr header{};
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
        if (pass_fd >= 0) {
            header.msg_control = control;
            header.msg_controllen = sizeof control;
            cmsghdr* c = CMSG_FIRSTHDR(&header);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
        }
        const ssize_t n = sendmsg(fd_.get(), &header, MSG_NOSIGNAL);
        if (n >= 0) {
            rest.remove_prefix(static_cast<size_t>(n));
            pass_fd = -1;
        } else if (errno == EAGAIN) {
            pollfd p{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            result = fail_errno("send message");
        }
    }
    explicit_bzero(frame->data(), frame->size());
    return result;
}

Result<std::optional<Message>> MessageSocket::receive() {
    while (true) {
        auto body = BERTH_TRY(take_frame(buffer_));
        if (body) {
            Message message{.body = std::move(*body)};
            if (!fds_.empty() && message.body.contains("fd")) {
                message.fd = std::move(fds_.front());
                fds_.pop_front();
            }
            return message;
        }
        char bytes[16384];
        iovec vector{.iov_base = bytes, .iov_len = sizeof bytes};
        alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
        msghdr header{};
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        const ssize_t n = recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return std::nullopt;
            return fail_errno("receive message");
        }
        for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
            if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
            const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                fds_.emplace_back(fd);
            }
        }
        if (n == 0) return fail(ErrorCode::I03, "closed by the other end");
        // Ours are few: a hostile peer must not use them up.
        if (fds_.size() > k_max_descriptors)
            return fail(ErrorCode::I03, "{} descriptors came that no message speaks of", fds_.size());
        // Grow without leaving a copy of a secret in freed memory.
        if (buffer_.capacity() < k_header + k_max_message + sizeof bytes) {
            std::string larger;
            larger.reserve(2 * (k_header + k_max_message + sizeof bytes));
            larger = buffer_;
            explicit_bzero(buffer_.data(), buffer_.size());
            buffer_.swap(larger);
        }
        buffer_.append(bytes, static_cast<size_t>(n));
        explicit_bzero(bytes, static_cast<size_t>(n));
    }
}

Result<std::optional<Message>> MessageSocket::wait(int timeout_ms) {
    while (true) {
        auto message = receive();
        if (!message || *message) return message;
        pollfd p{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        const int n = poll(&p, 1, timeout_ms);
        if (n == 0) return std::nullopt;
        if (n < 0 && errno != EINTR) return fail_errno("poll");
    }
}

}  // namespace berth
