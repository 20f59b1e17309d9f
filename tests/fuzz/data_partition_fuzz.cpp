// SPDX-License-Identifier: GPL-3.0-or-later
// What is read of a disk beside libblkid: the mark, the edges of a torn table, debugfs's listing.
#include <algorithm>
#include <cstdlib>

#include "base/plain_text.h"
#include "bootstrap/setup/data_partition.h"

using namespace berth::boot;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string sector(text.substr(0, k_data_mark_bytes));
    sector.resize(k_data_mark_bytes);
    if (const auto mark = parse_data_mark(sector))
        if (format_data_mark(*mark) != sector) abort();
    // Whatever was lost, it can be written and read again.
    const DataMark lost{.lost = std::string(text)};
    if (!parse_data_mark(format_data_mark(lost))) abort();
    const auto said = unfinished_sessions(text);
    if (said.size() > 200 || !berth::is_plain_text(said)) abort();
    // The start of either edge, where tables are.
    static std::string first(k_mib, '\0'), last(k_mib, '\0');
    const size_t used = std::min<size_t>(size, 20 * 1024);
    first.replace(0, used, text.substr(0, used));
    last.replace(k_mib - used, used, text.substr(0, used));
    const std::string_view zeros(first.data() + k_mib / 2, k_mib / 2);
    (void)holds_only_our_table(first, last);
    if (holds_only_our_table(first, zeros)) abort();
    std::fill_n(first.begin(), used, '\0');
    std::fill_n(last.end() - static_cast<std::ptrdiff_t>(used), used, '\0');
    if (!holds_only_our_table(first, last)) abort();
    return 0;
}
