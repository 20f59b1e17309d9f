// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lib/rpc_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <exception>

#include "tests/model/traces/wire.h"

namespace berth::test {

using namespace traces;

namespace {

void raise(const UniqueFd& event) {
    const uint64_t one = 1;
    (void)!write(event.get(), &one, sizeof one);
}

/// Accepted, AUTH_NONE, success (RFC 5531 9), the status, and no attributes.
std::string refusal(const std::string& call, uint32_t status) {
    constexpr uint32_t k_reply = 1;
    std::string reply(9 * 4, '\0');
    set_word(reply, 0, word_at(call, 0));
    set_word(reply, 4, k_reply);
    set_word(reply, 24, status);
    return reply;
}

}  // namespace

RpcProxy::RpcProxy(uint16_t server_port, Judge judge)
    : server_port_(server_port),
      judge_(std::move(judge)),
      listener_(listen_on_any(port_)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
    accepting_ = std::thread([this] {
        while (true) {
            std::array<pollfd, 2> fds = {pollfd{stop_.get(), POLLIN, 0}, pollfd{listener_.get(), POLLIN, 0}};
            if (poll(fds.data(), fds.size(), -1) < 0) continue;
            if (fds[0].revents) return;
            UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client) continue;
            std::lock_guard lock(mutex_);
            clients_.push_back(std::move(client));
            resets_.emplace_back(eventfd(0, EFD_CLOEXEC));
            threads_.emplace_back([this, index = clients_.size() - 1] { serve(index); });
        }
    });
}

RpcProxy::~RpcProxy() {
    raise(stop_);
    accepting_.join();
    for (auto& thread : threads_) thread.join();
}

void RpcProxy::reset_all() {
    std::lock_guard lock(mutex_);
    for (const auto& event : resets_) raise(event);
}

void RpcProxy::serve(size_t index) {
    UniqueFd client, server;
    int reset = -1;
    {
        std::lock_guard lock(mutex_);
        client = std::move(clients_[index]);
        reset = resets_[index].get();
    }
    try {
        server = connect_to(server_port_);
        std::string record;
        while (true) {
            std::array<pollfd, 4> fds = {pollfd{stop_.get(), POLLIN, 0}, pollfd{reset, POLLIN, 0},
                                         pollfd{client.get(), POLLIN, 0}, pollfd{server.get(), POLLIN, 0}};
            if (poll(fds.data(), fds.size(), -1) < 0) continue;
            if (fds[0].revents) return;
            if (fds[1].revents) return reset_connection(client);
            if (fds[3].revents) {
                if (!read_record(server.get(), record)) return reset_connection(client);
                write_record(client.get(), record);
            }
            if (fds[2].revents) {
                if (!read_record(client.get(), record)) return;
                switch (judge_(word_at(record, 20), record)) {
                    case Fate::pass:
                        write_record(server.get(), record);
                        break;
                    case Fate::later:
                        write_record(client.get(), refusal(record, 10008));
                        break;
                    case Fate::gone:
                        write_record(client.get(), refusal(record, 2));
                        break;
                    case Fate::cut:
                        return reset_connection(client);
                    case Fate::keep:
                        server = UniqueFd();
                        break;
                }
            }
        }
    } catch (const std::exception&) {
        // The server is gone: so is the connection.
        if (client) reset_connection(client);
    }
}

}  // namespace berth::test
