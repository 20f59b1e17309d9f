// SPDX-License-Identifier: GPL-3.0-or-later
// A file server for block tests: calls wait until the test answers them, in any order, wrongly, or not at
// all.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

#include "volume/core/block_transport.h"

namespace berth::volume {

/// The bytes of one file on the server, for all connections to it.
struct FakeStorage {
    std::string memory, disk;  ///< What the server serves; what survives it.
    Verifier verifier{'v'};

    /// The server restarts: what was not committed is gone.
    void restart() {
        memory = disk;
        verifier[0]++;
    }
};

class FakeTransport final : public BlockTransport {
  public:
    explicit FakeTransport(std::shared_ptr<FakeStorage> storage = std::make_shared<FakeStorage>())
        : storage_(std::move(storage)) {}
    FakeTransport(const FakeTransport&) = delete;
    FakeTransport& operator=(const FakeTransport&) = delete;

    struct Call {
        enum class Kind { read, write, commit } kind;
        uint64_t offset = 0;
        uint32_t count = 0;
        std::string data;
        bool stable = false;
        ReadDone read_done;
        WriteDone write_done;
        CommitDone commit_done;
    };

    files::TransferLimits limits() const override { return limits_; }
    void read(const files::FileHandle&, uint64_t offset, uint32_t count, ReadDone done) override {
        calls.push_back({Call::Kind::read, offset, count, {}, false, std::move(done), {}, {}});
    }
    void write(const files::FileHandle&, uint64_t offset, std::string_view data, bool stable,
               WriteDone done) override {
        calls.push_back({Call::Kind::write,
                         offset,
                         static_cast<uint32_t>(data.size()),
                         std::string(data),
                         stable,
                         {},
                         std::move(done),
                         {}});
    }
    void commit(const files::FileHandle&, CommitDone done) override {
        calls.push_back({Call::Kind::commit, 0, 0, {}, false, {}, {}, std::move(done)});
    }

    /// Takes call `i` off the list and executes it as a server would; at most `most` bytes of a write or
    /// read.
    void answer(size_t i = 0, uint32_t most = UINT32_MAX) {
        Call call = take(i);
        if (call.kind == Call::Kind::read) {
            const size_t from = std::min<size_t>(call.offset, memory.size());
            const size_t count = std::min<size_t>({call.count, most, memory.size() - from});
            call.read_done({}, std::string_view(memory).substr(from, count), from + count == memory.size());
        } else if (call.kind == Call::Kind::write) {
            const uint32_t count = std::min(call.count, most);
            put(memory, call.offset, call.data.substr(0, count));
            if (call.stable) put(disk, call.offset, call.data.substr(0, count));
            call.write_done({}, {count, call.stable, verifier});
        } else {
            disk = memory;
            call.commit_done({}, verifier);
        }
    }
    /// Answers with an error, executing nothing.
    void refuse(size_t i, int status) { end(take(i), {false, status}); }
    /// The connection goes: all calls are lost; those chosen were executed all the same.
    void lose(bool executed = false) {
        while (!calls.empty()) {
            Call call = take(0);
            if (executed && call.kind == Call::Kind::write) put(memory, call.offset, call.data);
            end(std::move(call), {true, 0});
        }
    }
    void restart() { storage_->restart(); }
    void answer_all() {
        while (!calls.empty()) answer();
    }

  private:
    const std::shared_ptr<FakeStorage> storage_;

  public:
    std::deque<Call> calls;
    std::string &memory = storage_->memory, &disk = storage_->disk;
    Verifier& verifier = storage_->verifier;
    files::TransferLimits limits_{64, 64};

  private:
    Call take(size_t i) {
        Call call = std::move(calls.at(i));
        calls.erase(calls.begin() + static_cast<long>(i));
        return call;
    }
    static void end(Call call, CallResult result) {
        if (call.kind == Call::Kind::read) call.read_done(result, {}, false);
        if (call.kind == Call::Kind::write) call.write_done(result, {});
        if (call.kind == Call::Kind::commit) call.commit_done(result, {});
    }
    static void put(std::string& to, uint64_t offset, const std::string& bytes) {
        if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
        to.replace(offset, bytes.size(), bytes);
    }
};

}  // namespace berth::volume
