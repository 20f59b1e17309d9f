// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/names_part.h"

#include <algorithm>
#include <iterator>

namespace berth::files {

Result<std::vector<DirectoryEntry>> whole_list(
    const std::function<Result<NamesPart>(uint64_t cookie, uint64_t verifier)>& next) {
    constexpr size_t k_most = 100'000;
    std::vector<DirectoryEntry> names;
    size_t seen = 0;
    for (NamesPart part; !part.end;) {
        part = BERTH_TRY(next(part.cookie, part.verifier));
        seen += part.seen;
        std::ranges::move(part.names, std::back_inserter(names));
        if (names.size() > k_most || seen > k_most + 2 || (!part.end && part.seen == 0))
            return fail(ErrorCode::M11, "a directory that does not end after {} names", names.size());
    }
    return names;
}

}  // namespace berth::files
