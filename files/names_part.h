// SPDX-License-Identifier: GPL-3.0-or-later
// A directory's names come in parts (READDIR, RFC 1813 3.3.16); a server may send them without end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "files/file_ops.h"

namespace berth::files {

struct NamesPart {
    std::vector<DirectoryEntry> names;  ///< Without "." and "..".
    uint64_t cookie = 0, verifier = 0;  ///< To ask with for the next part.
    size_t seen = 0;                    ///< With "." and "..".
    bool end = false;
};

/// Asks for parts, the first with 0 and 0, until the end. M11 for more than 100000 names, or a part without
/// any that is not the last.
Result<std::vector<DirectoryEntry>> whole_list(
    const std::function<Result<NamesPart>(uint64_t cookie, uint64_t verifier)>& next);

}  // namespace berth::files
