// SPDX-License-Identifier: GPL-3.0-or-later
// A server on loopback that answers each RPC call (RFC 5531) with whatever bytes a test gives it: what a
// hostile file server can do. One thread of its own.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace berth::test {

inline void put32(std::string& to, uint32_t n) {
    for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(n >> shift & 0xff);
}
inline uint32_t get32(const std::string& from, size_t at) {
    uint32_t n = 0;
    for (size_t i = 0; i < 4; i++) n = n << 8 | static_cast<unsigned char>(from.at(at + i));
    return n;
}

/// What comes behind the head of an accepted reply, or, with `raw`, all of it behind the xid.
struct RpcAnswer {
    std::string body;
    bool raw = false;
};

class FakeRpcServer {
  public:
    /// Called for each call, on the server's thread.
    using Answer = std::function<RpcAnswer(uint32_t program, uint32_t procedure)>;

    explicit FakeRpcServer(Answer answer) : answer_(std::move(answer)) {
        listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        stop_.reset(eventfd(0, EFD_CLOEXEC));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof any;
        if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), size) != 0 ||
            listen(listener_.get(), 16) != 0 ||
            getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &size) != 0)
            throw std::runtime_error("no socket on loopback");
        port_ = ntohs(any.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeRpcServer() {
        const uint64_t one = 1;
        (void)!write(stop_.get(), &one, sizeof one);
        thread_.join();
    }
    FakeRpcServer(const FakeRpcServer&) = delete;
    FakeRpcServer& operator=(const FakeRpcServer&) = delete;

    uint16_t port() const { return port_; }

  private:
    struct Client {
        UniqueFd fd;
        std::string bytes;
    };

    void serve() {
        std::vector<Client> clients;
        while (true) {
            std::vector<pollfd> fds = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
            for (const auto& client : clients) fds.push_back({client.fd.get(), POLLIN, 0});
            poll(fds.data(), fds.size(), -1);
            if (fds[0].revents != 0) return;
            for (size_t i = 0; i < clients.size(); i++)
                if (fds[2 + i].revents != 0 && !take(clients[i])) clients[i].fd.reset();
            std::erase_if(clients, [](const Client& c) { return !c.fd; });
            if (fds[1].revents != 0)
                clients.push_back({UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), {}});
        }
    }

    bool take(Client& client) {
        std::string more(1 << 16, '\0');
        const ssize_t n = recv(client.fd.get(), more.data(), more.size(), 0);
        if (n <= 0) return false;
        client.bytes.append(more, 0, static_cast<size_t>(n));
        while (client.bytes.size() >= 28) {
            const size_t length = get32(client.bytes, 0) & 0x7fffffff;
            if (client.bytes.size() < 4 + length) break;
            // xid, CALL, RPC version, program, program's version, procedure
            const RpcAnswer answer = answer_(get32(client.bytes, 16), get32(client.bytes, 24));
            std::string reply = client.bytes.substr(4, 4);
            if (!answer.raw)
                for (uint32_t head : {1, 0, 0, 0, 0})
                    put32(reply, head);  // REPLY, accepted, AUTH_NONE, SUCCESS
            reply += answer.body;
            std::string record;
            put32(record, 0x80000000U | static_cast<uint32_t>(reply.size()));
            record += reply;
            client.bytes.erase(0, 4 + length);
            if (!write_all(client.fd.get(), record)) return false;
        }
        return true;
    }

    Answer answer_;
    UniqueFd listener_, stop_;
    uint16_t port_ = 0;
    std::thread thread_;
};

inline constexpr uint32_t k_mount_program = 100005, k_nfs_program = 100003;

/// MOUNT's reply with a handle of `handle` (RFC 1813 5.2.1): status, handle, one flavor (AUTH_SYS).
inline std::string mount_reply(const std::string& handle) {
    std::string body;
    put32(body, 0);
    put32(body, static_cast<uint32_t>(handle.size()));
    body += handle;
    body.resize((body.size() + 3) / 4 * 4);
    put32(body, 1);
    put32(body, 1);
    return body;
}

}  // namespace berth::test
