// SPDX-License-Identifier: GPL-3.0-or-later
// A berth-files that a file server has taken over, for volume_files_test: what it does is its own name.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "files/helper/files_server.h"
#include "files/helper/frames.h"
#include "files/helper/wire.h"

namespace {

using namespace berth;
using namespace berth::files;

constexpr int k_fd = files::k_files_calls_fd;

void raw(std::string_view bytes) {
    (void)!send(k_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}
void frame(std::string_view bytes) {
    (void)files::FrameSender(bytes).send(k_fd, 0);
}

void answer(std::string_view mode, const files::FileRequest& request) {
    files::FileReply reply;
    reply.handle = "root";
    if (request.call == files::FileCall::mount && !mode.starts_with("mount-"))
        return frame(files::encode_reply(request.call, reply));
    if (mode == "silent") return;
    if (mode == "huge") return raw("\xff\xff\xff\xff and more");
    if (mode == "endless") {
        while (send(k_fd, mode.data(), mode.size(), MSG_NOSIGNAL) > 0) {
        }
        _exit(0);
    }
    if (mode == "beats") {
        while (files::FrameSender(files::k_beat).send(k_fd, 0)) {
        }
        _exit(0);
    }
    if (mode == "empty") return frame("");
    if (mode == "crash") abort();
    if (mode == "mount-long") reply.handle = std::string(65, 'h');
    if (mode == "mount-none") reply.handle = "";
    if (mode == "more-data") reply.data = std::string(request.count + 1, 'd');
    if (mode == "slash") reply.part = {{{"../../etc", 1}}, 1, 1, 3, true};
    if (mode == "no-end") reply.part = {{{"a", 1}}, 1, 1, 1, false};
    if (mode == "trailing") return frame(files::encode_reply(request.call, reply) + "x");
    if (mode == "questions") {
        // Another name's addresses, and more questions than anybody answers.
        for (uint32_t number = 0; number < 1000; number++)
            (void)!send(k_files_addresses_fd, &number, sizeof number, MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    if (mode == "hang-up") {
        close(k_files_addresses_fd);
        return;
    }
    if (mode == "late-time") reply.attributes.mtime_ns = -1;
    frame(files::encode_reply(request.call, reply));
}

}  // namespace

int main(int, char** argv) {
    const char* slash = std::strrchr(argv[0], '/');
    const std::string_view mode = slash != nullptr ? slash + 1 : argv[0];
    files::FrameReader reader;
    while (true) {
        pollfd p{k_fd, POLLIN, 0};
        poll(&p, 1, -1);
        if (reader.take(k_fd, files::k_longest_frame) != files::FrameReader::End::none) return 0;
        while (auto bytes = reader.next())
            if (auto request = files::decode_request(*bytes)) answer(mode, *request);
    }
}
