// SPDX-License-Identifier: GPL-3.0-or-later
// The swap virtual disk: the server holds its description, each login makes it anew on the
// client's storage, its writes never reach the server, logout deletes it. A sparse raw file, private, never
// through a symbolic link.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "guest/machine_config.h"

namespace berth::guest {

/// A template: `read` gives exactly `length` bytes at `offset`, both inside `size`.
struct SwapTemplate {
    uint64_t size = 0;
    std::function<Result<std::string>(uint64_t offset, size_t length)> read;
};

/// Who may open the file besides root: the volume engine's user.
struct SwapOwner {
    uid_t uid;
    gid_t gid;
};

/// Left free beside a swap disk that fills up.
inline constexpr uint64_t k_swap_reserve = 64ULL << 20;

/// S01, with what is needed and what there is, if `available` bytes cannot hold `size` and the reserve. Pure.
Status check_swap_room(uint64_t size, uint64_t available, const std::string& where);

/// The same for the file system of `folder`: swap disks are sparse, so all of a VM's are asked for at
/// once, before the first is made.
Status check_swap_folder(const std::string& folder, uint64_t size);

/// Makes `path` ready to use; whatever an earlier session left there is removed first. `source` only for
/// SwapContent::from_template. On an error nothing is left. S01 no room, S02 tools and system calls, S03
/// template larger than the disk; the template reader's own errors pass. Needs mkswap(8) for linux_swap and
/// mkntfs(8) for ntfs.
Status make_swap(const std::string& path, const SwapSpec& spec, const SwapTemplate* source = nullptr,
                 std::optional<SwapOwner> owner = std::nullopt);

/// Deletes it; a missing one is fine.
Status remove_swap(const std::string& path);

}  // namespace berth::guest
