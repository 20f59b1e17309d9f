// SPDX-License-Identifier: GPL-3.0-or-later
// A line whose server answers as the test says (fake_transport.h), with what RpcTransport knows of its calls.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tests/testing/fake_transport.h"
#include "volume/core/line.h"

namespace berth::volume {

class FakeLine final : public Line {
  public:
    explicit FakeLine(Clock& clock, std::shared_ptr<FakeStorage> storage = std::make_shared<FakeStorage>())
        : server(std::move(storage)), clock_(clock), last_call_(clock.now()) {}
    ~FakeLine() override {
        broken_ = true;
        server.lose();
    }

    files::TransferLimits limits() const override { return server.limits(); }
    void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) override {
        server.read(file, offset, count,
                    [this, call = begin(), done = std::move(done)](CallResult result, std::string_view data,
                                                                   bool end) {
                        calls_.erase(call);
                        done(result, data, end);
                    });
    }
    void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
               WriteDone done) override {
        const bool given = !broken_;
        writes_out_++;
        if (given) unanswered_++;
        server.write(file, offset, data, stable,
                     [this, given, call = begin(), done = std::move(done)](CallResult result,
                                                                           const WriteReply& reply) {
                         calls_.erase(call);
                         writes_out_--;
                         if (given && !result.lost) unanswered_--;
                         done(result, reply);
                     });
    }
    void commit(const files::FileHandle& file, CommitDone done) override {
        server.commit(file, [this, call = begin(), done = std::move(done)](CallResult result,
                                                                           const Verifier& verifier) {
            calls_.erase(call);
            done(result, verifier);
        });
    }

    std::optional<BootTime> oldest_call() const override {
        return calls_.empty() ? std::nullopt : std::optional(calls_.begin()->second);
    }
    BootTime last_call() const override { return last_call_; }
    unsigned writes_out() const override { return writes_out_; }
    bool may_carry_writes() const override { return unanswered_ != 0; }
    bool broken() const override { return broken_; }
    void reset() override { broken_ = true; }
    void ping() override { pings.push_back(begin()); }

    void answer_pings() {
        for (uint64_t call : std::exchange(pings, {})) calls_.erase(call);
    }

    FakeTransport server;
    std::vector<uint64_t> pings;    ///< NULL calls unanswered.
    bool breaks_at_a_call = false;  ///< As one does that has no memory for it.

  private:
    uint64_t begin() {
        if (breaks_at_a_call) broken_ = true;
        last_call_ = clock_.now();
        calls_.emplace(++last_, last_call_);
        return last_;
    }

    Clock& clock_;
    BootTime last_call_;
    uint64_t last_ = 0;
    std::map<uint64_t, BootTime> calls_;
    unsigned writes_out_ = 0, unanswered_ = 0;
    bool broken_ = false;
};

}  // namespace berth::volume
