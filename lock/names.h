// SPDX-License-Identifier: GPL-3.0-or-later
// The names of lock files and what a listing says of them (docs/rules.md "A VM's directory"). Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/file_ops.h"

namespace berth::lock {

/// The numbers in use in a directory.
struct LockNames {
    std::vector<uint64_t> locks, last_used;  ///< Rising.
    std::vector<std::string> private_files;  ///< is_private_name()
    uint64_t highest_lock() const { return locks.empty() ? 0 : locks.back(); }
    uint64_t highest_last_used() const { return last_used.empty() ? 0 : last_used.back(); }
    uint64_t highest() const { return std::max(highest_lock(), highest_last_used()); }
};

/// "lock.17" with prefix "lock." is 17; leading zeros, signs, 0 and what does not fit 63 bits are not numbers.
std::optional<uint64_t> epoch_of(std::string_view name, std::string_view prefix);
LockNames lock_names(const std::vector<files::DirectoryEntry>& entries);
/// A file that one client makes for itself before the world sees it (".lock-", ".new-",
/// ".check-" and ".put-" with a nonce). If no reply comes, or its maker dies, it stays.
bool is_private_name(std::string_view name);
std::string lock_name(uint64_t epoch);
std::string last_used_name(uint64_t epoch);

/// 32 hex digits from the kernel.
std::string make_nonce();

}  // namespace berth::lock
