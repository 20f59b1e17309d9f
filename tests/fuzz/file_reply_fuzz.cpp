// SPDX-License-Identifier: GPL-3.0-or-later
// The border between a root program and its berth-files, which a file server may have taken over. The first
// byte chooses the call, the second how much was asked for; the rest is the reply. What is taken must be what
// wire.h promises, and come out again as it went in.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "volume/file_limits.h"
#include "volume/files/wire.h"

namespace {

using namespace berth;
using namespace berth::volume;

void must(bool holds) {
    if (!holds) abort();
}

void check(const FileRequest& asked, const FileReply& reply) {
    if (reply.error) {
        must(reply.error->detail().size() <= 1024);
        for (const unsigned char c : reply.error->detail()) must(c >= ' ' && c != 0x7f);
        return;
    }
    switch (asked.call) {
        case FileCall::mount:
        case FileCall::lookup:
        case FileCall::create:
        case FileCall::make_directory:
            return must(possible_handle(reply.handle));
        case FileCall::read:
            return must(reply.data.size() <= asked.count);
        case FileCall::readlink:
            return must(possible_link_target(reply.data));
        case FileCall::write:
        case FileCall::commit:
            return must(reply.data.size() == 8);
        case FileCall::access:
            return must((reply.access & ~asked.count) == 0);
        case FileCall::list:
            must(reply.part.seen >= reply.part.names.size());
            for (const auto& entry : reply.part.names) must(possible_name(entry.name));
            return;
        case FileCall::limits:
            must(reply.limits.read > 0 && reply.limits.read <= k_longest_transfer);
            return must(reply.limits.write > 0 && reply.limits.write <= k_longest_transfer);
        default:
            return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    FileRequest asked;
    asked.call = static_cast<FileCall>(data[0] % (static_cast<uint8_t>(k_last_file_call) + 1));
    asked.count = data[1];
    if (auto reply = decode_reply(asked, bytes)) {
        check(asked, *reply);
        // An error's text was made plain.
        if (!reply->error) must(encode_reply(asked.call, *reply) == bytes);
    }
    // The other direction: berth-files is not to be killed by a program's fault.
    if (auto request = decode_request(bytes)) must(encode_request(*request) == bytes);
    (void)decode_addresses(bytes);
    return 0;
}
