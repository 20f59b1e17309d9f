// SPDX-License-Identifier: GPL-3.0-or-later
// How two of our processes talk: length-prefixed JSON objects on a Unix stream socket. A frame is a 32-bit
// big-endian length (1 to k_max_message bytes) and so many bytes of UTF-8 JSON whose top level is an object
// with a string "type". One file descriptor may ride on a frame (unix(7), SCM_RIGHTS). Both ends treat the
// other as untrusted: a malformed frame ends the connection.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace berth {

inline constexpr size_t k_max_message = 64 * 1024;

struct Message {
    nlohmann::json body;
    UniqueFd fd;  ///< Descriptor that came with the frame, if any.
};

/// One end of such a socket. One thread. The received bytes are wiped after parsing (a password may be among
/// them).
class MessageSocket {
  public:
    explicit MessageSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    MessageSocket(MessageSocket&&) = default;
    MessageSocket& operator=(MessageSocket&&) = default;
    ~MessageSocket();

    int fd() const { return fd_.get(); }
    bool open() const { return static_cast<bool>(fd_); }
    void close() { fd_.reset(); }

    /// Takes what make_frame() made and blocks until all is sent; an error is handed on. `pass_fd` is duplicated
    /// to the receiver; -1 for none. The frame is wiped.
    Status send(Result<std::string> frame, int pass_fd = -1);

    /// Takes what poll(2) said is there and returns one whole message, if there is one. Call again until it
    /// returns none. nullopt: need more bytes. End of stream is I03 "closed by the other end".
    Result<std::optional<Message>> receive();

    /// Blocks until a message is there or `timeout_ms` passed (nullopt); negative waits for ever.
    Result<std::optional<Message>> wait(int timeout_ms);

  private:
    UniqueFd fd_;
    std::string buffer_;
    std::deque<UniqueFd> fds_;
};

/// The pure part, and the fuzz target: takes one frame off the front of `buffer`. nullopt: incomplete. The
/// bytes taken are wiped.
Result<std::optional<nlohmann::json>> take_frame(std::string& buffer);

/// Length prefix and text. I03 if `body` is too large.
Result<std::string> make_frame(const nlohmann::json& body);

/// A connected pair, both close-on-exec.
Result<std::pair<UniqueFd, UniqueFd>> message_pair();

}  // namespace berth
