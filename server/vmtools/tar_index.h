// SPDX-License-Identifier: GPL-3.0-or-later
// Where the files of an OVA are: a tar archive (OVF, DMTF DSP0243 section 6.4: USTAR), read header by header
// so that its disks need not be unpacked. Untrusted input.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace berth::server {

struct TarMember {
    std::string name;
    uint64_t offset = 0, size = 0;  ///< Of its bytes, inside the archive.
};

/// Up to `length` bytes at `offset`.
using TarRead = std::function<Result<std::string>(uint64_t offset, size_t length)>;

/// Regular files with plain names, at most 1000 members. P25: not a tar archive, a bad checksum, a member
/// that ends behind the archive, two of one name.
Result<std::vector<TarMember>> read_tar_index(const TarRead& read, uint64_t size, const std::string& name);

}  // namespace berth::server
