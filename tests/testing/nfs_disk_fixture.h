// SPDX-License-Identifier: GPL-3.0-or-later
// A disk on a file server that answers as the test says, for the tests of NfsDisk.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_transport.h"
#include "volume/core/nfs_disk.h"

namespace berth::volume {

inline constexpr uint64_t k_disk_size = 1 << 20;

struct NfsDiskTest : ::testing::Test {
    NfsDiskTest() {
        settings.commit_every = 256;
        lease.renewed(clock.now(), lease.begin_renewal());
        disk.emplace("file", k_disk_size, lease, clock, memory, settings);
        disk->line_up(server);
    }
    struct Asked {
        std::optional<int> error;
        std::string buffer, data;
    };
    std::shared_ptr<Asked> ask(BlockRequest::Kind kind, uint64_t offset, uint32_t count,
                               std::string data = {}, bool fua = false, NfsDisk* of = nullptr) {
        auto asked = std::make_shared<Asked>();
        asked->buffer.assign(count, '?');
        auto request = std::make_shared<BlockRequest>();
        request->kind = kind;
        request->offset = offset;
        request->count = count;
        request->buffer = asked->buffer.data();
        asked->data = std::move(data);
        request->from = asked->data.data();
        request->fua = fua;
        request->done = [asked](int error) {
            EXPECT_FALSE(asked->error) << "answered twice";
            asked->error = error;
        };
        (of ? of : &*disk)->submit(request);
        return asked;
    }
    std::shared_ptr<Asked> write(uint64_t offset, const std::string& data, bool fua = false) {
        return ask(BlockRequest::Kind::write, offset, data.size(), data, fua);
    }
    std::shared_ptr<Asked> read(uint64_t offset, uint32_t count) {
        return ask(BlockRequest::Kind::read, offset, count);
    }
    std::shared_ptr<Asked> flush() { return ask(BlockRequest::Kind::flush, 0, 0); }
    void answer(size_t i = 0, uint32_t most = UINT32_MAX) {
        server.answer(i, most);
        disk->step();
    }
    void settle() {
        while (!server.calls.empty()) answer();
    }
    void reconnect() {
        disk->line_lost(server);
        disk->line_up(server);
    }
    size_t writes_out() const {
        return std::ranges::count_if(
            server.calls, [](const auto& c) { return c.kind == FakeTransport::Call::Kind::write; });
    }

    FakeClock clock;
    lock::Lease lease{clock, std::chrono::seconds(60)};
    NfsDisk::Settings settings;
    WriteMemory memory;
    FakeTransport server;
    std::optional<NfsDisk> disk;
};

}  // namespace berth::volume
