// SPDX-License-Identifier: GPL-3.0-or-later
// What a file server sends on a connection for blocks. The first byte says in what pieces the rest comes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "files/nfs/block_calls.h"
#include "files/nfs/record_reader.h"

namespace {

using namespace berth::files;

constexpr size_t k_longest = 4096;

void must(bool holds) {
    if (!holds) abort();
}

void parse(std::string_view record) {
    must(record.size() <= k_longest);
    const auto reply = parse_reply(record);
    if (!reply || !reply->body) return;
    must(reply->body->end() == record.end());
    if (const auto read = parse_read(*reply->body)) must(read->data.size() <= reply->body->size());
    (void)parse_write(*reply->body);
    (void)parse_commit(*reply->body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const size_t step = size_t{1} << data[0] % 16;
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    RecordReader reader(k_longest);
    while (!rest.empty() && !reader.bad()) {
        const auto room = reader.room();
        must(!room.empty());
        const size_t count = std::min({step, room.size(), rest.size()});
        std::copy_n(rest.begin(), count, room.begin());
        reader.received(count);
        rest.remove_prefix(count);
        while (const auto record = reader.next()) parse(*record);
    }
    return 0;
}
