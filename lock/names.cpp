// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/names.h"

#include <fmt/format.h>

#include <charconv>

#include "base/random.h"
#include "base/text.h"

namespace berth::lock {

namespace {}

std::optional<uint64_t> epoch_of(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    if (name.empty() || name.front() < '1' || name.front() > '9') return std::nullopt;
    int64_t number = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    // The last number stays free: one above the highest must exist.
    if (error != std::errc() || end != name.data() + name.size() || number == INT64_MAX) return std::nullopt;
    return static_cast<uint64_t>(number);
}

LockNames lock_names(const std::vector<files::DirectoryEntry>& entries) {
    LockNames names;
    for (const auto& entry : entries) {
        if (auto lock = epoch_of(entry.name, "lock.")) names.locks.push_back(*lock);
        if (auto last = epoch_of(entry.name, "last-used.")) names.last_used.push_back(*last);
        if (is_private_name(entry.name)) names.private_files.push_back(entry.name);
    }
    std::ranges::sort(names.locks);
    std::ranges::sort(names.last_used);
    return names;
}

bool is_private_name(std::string_view name) {
    for (std::string_view prefix : {".lock-", ".new-", ".check-", ".put-"}) {
        if (!name.starts_with(prefix)) continue;
        const std::string_view nonce = name.substr(prefix.size());
        return is_nonce(nonce);
    }
    return false;
}

std::string lock_name(uint64_t epoch) {
    return fmt::format("lock.{}", epoch);
}

std::string last_used_name(uint64_t epoch) {
    return fmt::format("last-used.{}", epoch);
}

std::string make_nonce() {
    return random_hex(16);
}

}  // namespace berth::lock
