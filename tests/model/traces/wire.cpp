// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/model/traces/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

namespace berth::traces {
namespace {

constexpr uint32_t k_last_fragment = 0x80000000, k_longest = 4 << 20;

sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

bool read_all(int fd, char* data, size_t size) {
    while (size > 0) {
        const ssize_t n = recv(fd, data, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= static_cast<size_t>(n);
    }
    return true;
}

}  // namespace

UniqueFd connect_to(uint16_t port) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("connect to the server");
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

UniqueFd listen_on_any(uint16_t& port) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd.get(), 16) != 0 ||
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("listen");
    port = ntohs(address.sin_port);
    return fd;
}

bool read_record(int fd, std::string& record) {
    uint32_t head = 0;
    if (!read_all(fd, reinterpret_cast<char*>(&head), sizeof head)) return false;
    head = ntohl(head);
    const uint32_t size = head & ~k_last_fragment;
    if (!(head & k_last_fragment) || size > k_longest) throw std::runtime_error("a record in fragments");
    record.resize(size);
    return read_all(fd, record.data(), size);
}

void write_record(int fd, const std::string& record) {
    std::string bytes(4, '\0');
    set_word(bytes, 0, static_cast<uint32_t>(record.size()) | k_last_fragment);
    bytes += record;
    for (size_t sent = 0; sent < bytes.size();) {
        const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;  // gone; who waits for it will see
        sent += static_cast<size_t>(n);
    }
}

void reset_connection(UniqueFd& fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd.reset();
}

uint32_t word_at(const std::string& record, size_t offset) {
    uint32_t word = 0;
    if (offset + sizeof word > record.size()) throw std::runtime_error("a short record");
    std::memcpy(&word, record.data() + offset, sizeof word);
    return ntohl(word);
}

void set_word(std::string& record, size_t offset, uint32_t value) {
    value = htonl(value);
    std::memcpy(record.data() + offset, &value, sizeof value);
}

uint32_t nfs_status(const std::string& reply) {
    // xid, REPLY, accepted, verifier (flavour, length 0), SUCCESS, status
    if (word_at(reply, 8) != 0 || word_at(reply, 16) != 0 || word_at(reply, 20) != 0) {
        std::string words;
        for (size_t at = 0; at + 4 <= reply.size() && at < 32; at += 4)
            words += ' ' + std::to_string(word_at(reply, at));
        throw std::runtime_error("the server refused a call; the first words of its reply are" + words);
    }
    return word_at(reply, 24);
}

}  // namespace berth::traces
