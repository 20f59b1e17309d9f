// SPDX-License-Identifier: GPL-3.0-or-later
// Sessions over file servers in memory (memory_files.h), whose calls fail and whose connections break as the
// test says.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/testing/fake_line.h"
#include "tests/testing/memory_files.h"
#include "volume/core/connector.h"

namespace berth::volume {

/// What the sessions of one FakeConnector share.
struct FakeNetwork {
    explicit FakeNetwork(Clock& of) : clock(of) {}
    Clock& clock;
    files::MemoryServer servers[2];  ///< The user's, the shared tree's.
    /// Asked before each call, with its session's place ("user 1") and its name; empty: no faults.
    std::function<files::Fault(const std::string& place, std::string_view call)> fault;
    std::vector<std::string> calls;    ///< Such as "user 1 WRITE", oldest first.
    unsigned made[2] = {0, 0};         ///< Sessions so far.
    std::optional<ErrorCode> refuses;  ///< What mounting fails with.
    /// Raised: every connection that is older is broken, and the next call connects anew.
    unsigned breaks = 0;
};

class FakeSession final : public Session {
  public:
    FakeSession(FakeNetwork& network, bool shared)
        : network_(network),
          shared_(shared),
          place_((shared ? "shared " : "user ") + std::to_string(++network.made[shared])),
          broken_with_(network.breaks),
          files_(network.servers[shared],
                 [this](std::string_view call, const std::string&) { return ask(call); }) {}

    files::FileOps& ops() override { return files_; }
    bool connected() const override { return connected_ && broken_with_ == network_.breaks; }
    uint64_t connections() const override { return connections_; }
    uint64_t lost_writes() const override { return lost_writes_; }
    Status ping() override {
        if (ask("NULL") != files::Fault::none) return fail(ErrorCode::M04, "no answer");
        return {};
    }
    void notice_loss() override {}
    void set_timeout(Duration) override {}
    Result<std::unique_ptr<Session>> another() const override {
        return std::make_unique<FakeSession>(network_, shared_);
    }
    std::unique_ptr<Line> take_line(const files::TransferLimits&) override {
        return std::make_unique<FakeLine>(network_.clock);
    }
    std::string place() const override { return place_; }

  private:
    /// As NfsSession: a call without an answer ends the connection, and the next one connects.
    files::Fault ask(std::string_view call) {
        if (!connected()) {
            connections_++;
            connected_ = true;
            broken_with_ = network_.breaks;
        }
        network_.calls.push_back(place_ + " " + std::string(call));
        const files::Fault fault = network_.fault ? network_.fault(place_, call) : files::Fault::none;
        if (fault != files::Fault::none && fault != files::Fault::duplicated) {
            connected_ = false;
            if (call == "WRITE") lost_writes_++;
        }
        return fault;
    }

    FakeNetwork& network_;
    const bool shared_;
    const std::string place_;
    bool connected_ = true;
    unsigned broken_with_;
    uint64_t connections_ = 1, lost_writes_ = 0;
    files::MemoryFiles files_;
};

class FakeConnector final : public Connector {
  public:
    explicit FakeConnector(FakeNetwork& network) : network_(network) {}
    Result<std::unique_ptr<Session>> mount(bool shared, Duration) override {
        if (network_.refuses) return fail(*network_.refuses, "");
        return std::make_unique<FakeSession>(network_, shared);
    }

  private:
    FakeNetwork& network_;
};

}  // namespace berth::volume
