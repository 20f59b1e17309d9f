// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/server_addresses.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>

#include "base/no_throw.h"

namespace berth::files {
namespace {

Result<std::vector<SocketAddress>> look_up_with(const std::string& name, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* first = nullptr;
    if (const int failed = getaddrinfo(name.c_str(), nullptr, &hints, &first); failed != 0)
        return fail(ErrorCode::M01, "{}: {}", name, gai_strerror(failed));
    std::vector<SocketAddress> found;
    for (const addrinfo* a = first; a; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        SocketAddress address;
        address.size = a->ai_addrlen;
        std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
        if (std::ranges::find(found, address) == found.end()) found.push_back(address);
    }
    freeaddrinfo(first);
    return found;
}

}  // namespace

SocketAddress SocketAddress::with_port(uint16_t port) const {
    SocketAddress same = *this;
    if (family() == AF_INET6)
        reinterpret_cast<sockaddr_in6&>(same.storage).sin6_port = htons(port);
    else
        reinterpret_cast<sockaddr_in&>(same.storage).sin_port = htons(port);
    return same;
}

std::string SocketAddress::text() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
    } else if (family() == AF_INET6) {
        const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&address);
        inet_ntop(mapped ? AF_INET : AF_INET6, address.s6_addr + (mapped ? 12 : 0), text, sizeof text);
    }
    return text;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
    return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
}

Result<std::vector<SocketAddress>> system_look_up(const std::string& name) {
    return look_up_with(name, AI_ADDRCONFIG);
}

ServerAddresses::ServerAddresses(std::string name, LookUp look_up) : state_(std::make_shared<State>()) {
    state_->name = std::move(name);
    state_->look_up = std::move(look_up);
    if (auto numeric = look_up_with(state_->name, AI_NUMERICHOST)) {
        state_->numeric = true;
        state_->known = std::move(*numeric);
    }
}

std::vector<SocketAddress> ServerAddresses::known() const {
    std::lock_guard lock(state_->mutex);
    return state_->known;
}

void ServerAddresses::learn(const std::vector<SocketAddress>& known) {
    std::lock_guard lock(state_->mutex);
    if (!state_->numeric) state_->known = known;
}

void ServerAddresses::answered(const SocketAddress& address) {
    std::lock_guard lock(state_->mutex);
    const SocketAddress plain = address.with_port(0);
    std::erase(state_->known, plain);
    state_->known.insert(state_->known.begin(), plain);
}

Status ServerAddresses::Pending::result() const {
    std::lock_guard lock(mutex_);
    return status_;
}

void ServerAddresses::run(const std::shared_ptr<State>& state, const std::shared_ptr<Pending>& pending) {
    Status status;
    try {
        auto found = state->look_up(state->name);
        std::lock_guard lock(state->mutex);
        if (!found) {
            status = fail(found.error());
        } else {
            // What answered before comes first still; what the name no longer leads to is forgotten.
            std::vector<SocketAddress> sorted;
            for (const auto& address : state->known)
                if (std::ranges::find(*found, address) != found->end()) sorted.push_back(address);
            for (const auto& address : *found)
                if (std::ranges::find(sorted, address) == sorted.end()) sorted.push_back(address);
            state->known = std::move(sorted);
        }
    } catch (...) {
        report_exception("berth-lookup");
        status = fail(ErrorCode::M01);
    }
    {
        std::lock_guard lock(state->mutex);
        state->pending.reset();
    }
    std::lock_guard lock(pending->mutex_);
    pending->status_ = std::move(status);
    const uint64_t one = 1;
    (void)!::write(pending->done_.get(), &one, sizeof one);
}

std::shared_ptr<ServerAddresses::Pending> ServerAddresses::look_up() {
    std::lock_guard lock(state_->mutex);
    if (state_->numeric) return nullptr;
    if (state_->pending) return state_->pending;
    auto pending = std::make_shared<Pending>();
    pending->done_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    try {
        std::thread thread([state = state_, pending] {
            pthread_setname_np(pthread_self(), "berth-lookup");
            no_throw("berth-lookup", [&] { run(state, pending); });
        });
        thread.detach();
        state_->pending = pending;
    } catch (const std::system_error& e) {
        pending->status_ = fail(ErrorCode::M01, "{}: {}", state_->name, e.what());
        const uint64_t one = 1;
        (void)!::write(pending->done_.get(), &one, sizeof one);
    }
    return pending;
}

}  // namespace berth::files
