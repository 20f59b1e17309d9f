// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/write_memory.h"

namespace berth::volume {

struct WriteMemory::Buffer {
    Buffer(const char* from, size_t size, std::shared_ptr<Account> of)
        : bytes(from, size), account(std::move(of)) {
        account->held += size + k_overhead;
    }
    ~Buffer() {
        account->held -= bytes.size() + k_overhead;
        account->freed++;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    const std::string bytes;
    const std::shared_ptr<Account> account;
};

uint64_t WriteMemory::line_up() {
    changes_++;
    return *line_.insert(next_place_++).first;
}

WriteMemory::Data WriteMemory::take(uint64_t place, const char* from, size_t size) {
    if (*line_.begin() != place) return nullptr;
    if (held() != 0 && held() + size + k_overhead > most_held_) return nullptr;
    auto buffer = std::make_shared<const Buffer>(from, size, account_);
    leave(place);
    return Data(buffer, &buffer->bytes);
}

}  // namespace berth::volume
