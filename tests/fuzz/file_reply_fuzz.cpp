// SPDX-License-Identifier: GPL-3.0-or-later
// The border between a root program and its berth-files, which a file server may have taken over. The first
// byte chooses the call, the second how much was asked for; the rest is the reply. What is taken must be what
// wire.h promises, and come out again as it went in.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "files/file_limits.h"
#include "files/helper/wire.h"

namespace {

using namespace berth;
using namespace berth::files;

void must(bool holds) {
    if (!holds) abort();
}

void check(const files::FileRequest& asked, const files::FileReply& reply) {
    if (reply.error) {
        must(reply.error->detail().size() <= 1024);
        for (const unsigned char c : reply.error->detail()) must(c >= ' ' && c != 0x7f);
        return;
    }
    switch (asked.call) {
        case files::FileCall::mount:
        case files::FileCall::lookup:
        case files::FileCall::create:
        case files::FileCall::make_directory:
            return must(files::possible_handle(reply.handle));
        case files::FileCall::read:
            return must(reply.data.size() <= asked.count);
        case files::FileCall::readlink:
            return must(files::possible_link_target(reply.data));
        case files::FileCall::write:
        case files::FileCall::commit:
            return must(reply.data.size() == 8);
        case files::FileCall::access:
            return must((reply.access & ~asked.count) == 0);
        case files::FileCall::list:
            must(reply.part.seen >= reply.part.names.size());
            for (const auto& entry : reply.part.names) must(files::possible_name(entry.name));
            return;
        case files::FileCall::limits:
            must(reply.limits.read > 0 && reply.limits.read <= files::k_longest_transfer);
            return must(reply.limits.write > 0 && reply.limits.write <= files::k_longest_transfer);
        default:
            return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    files::FileRequest asked;
    asked.call = static_cast<files::FileCall>(data[0] % (static_cast<uint8_t>(files::k_last_file_call) + 1));
    asked.count = data[1];
    if (auto reply = files::decode_reply(asked, bytes)) {
        check(asked, *reply);
        // An error's text was made plain.
        if (!reply->error) must(files::encode_reply(asked.call, *reply) == bytes);
    }
    // The other direction: berth-files is not to be killed by a program's fault.
    if (auto request = files::decode_request(bytes)) must(files::encode_request(*request) == bytes);
    (void)files::decode_addresses(bytes);
    return 0;
}
