// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/write_memory.h"

namespace berth::volume {

struct WriteMemory::Buffer {
    Buffer(const char* from, size_t size, std::shared_ptr<uint64_t> account)
        : bytes(from, size), held(std::move(account)) {
        *held += size + k_overhead;
    }
    ~Buffer() { *held -= bytes.size() + k_overhead; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    const std::string bytes;
    const std::shared_ptr<uint64_t> held;
};

uint64_t WriteMemory::line_up() {
    return *line_.insert(next_place_++).first;
}

WriteMemory::Data WriteMemory::take(uint64_t place, const char* from, size_t size) {
    if (*line_.begin() != place) return nullptr;
    if (*held_ != 0 && *held_ + size + k_overhead > most_held_) return nullptr;
    auto buffer = std::make_shared<const Buffer>(from, size, held_);
    line_.erase(place);
    return Data(buffer, &buffer->bytes);
}

}  // namespace berth::volume
