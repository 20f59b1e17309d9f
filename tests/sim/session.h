// SPDX-License-Identifier: GPL-3.0-or-later
// A mounted directory, as NfsSession is one: each call waits in its fibre until it is answered, its connection broke, or its
// time is over, which is M04 and ends the connection. The next call has a new one.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "files/file_ops.h"
#include "tests/sim/world.h"
#include "volume/core/connector.h"

namespace berth::sim {

/// Whose it is, and who is told that a line that comes of it has news.
struct Party {
    unsigned client = 0;
    uint64_t epoch = 0;
    std::function<void()> happened;
};

class SimSession final : public files::FileOps, public volume::Session {
  public:
    SimSession(World& world, Party party, std::string name, Duration timeout);
    ~SimSession() override;

    const files::FileHandle& root() const override { return root_; }
    Result<files::LookupReply> lookup(const files::FileHandle& directory, const std::string& name) override;
    Result<files::Attributes> attributes(const files::FileHandle& file) override;
    Result<uint32_t> access(const files::FileHandle&, uint32_t wanted) override { return wanted; }
    Result<std::string> readlink(const files::FileHandle&) override { return fail(ErrorCode::M11, "none"); }
    Result<std::vector<files::DirectoryEntry>> list(const files::FileHandle& directory) override;
    Result<std::string> read(const files::FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const files::FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<files::FileHandle> create(const files::FileHandle& directory, const std::string& name,
                                     uint32_t mode) override;
    Status link(const files::FileHandle& file, const files::FileHandle& directory,
                const std::string& name) override;
    Status rename(const files::FileHandle& directory, const std::string& from,
                  const std::string& to) override;
    Status remove(const files::FileHandle& directory, const std::string& name) override;
    Result<files::Space> space() override { return files::Space{1 << 30, 1000}; }
    Result<files::TransferLimits> limits() override { return limits_; }
    void set_deadline(std::optional<BootTime> deadline) override { deadline_ = deadline; }
    bool out_of_time() const override { return deadline_ && world_.now() >= *deadline_; }
    Result<files::FileHandle> make_directory(const files::FileHandle&, const std::string&,
                                             uint32_t) override {
        return fail(ErrorCode::M11, "none");
    }
    Status remove_directory(const files::FileHandle&, const std::string&) override {
        return fail(ErrorCode::M11, "none");
    }
    Status symlink(const files::FileHandle&, const std::string&, const std::string&) override {
        return fail(ErrorCode::M11, "none");
    }
    Result<std::string> write(const files::FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<std::string> commit(const files::FileHandle& file) override;
    Status set_size(const files::FileHandle&, uint64_t) override { return fail(ErrorCode::M11, "none"); }

    files::FileOps& ops() override { return *this; }
    bool connected() const override { return connection_ && !connection_->broken; }
    uint64_t connections() const override { return connections_; }
    uint64_t lost_writes() const override { return lost_writes_; }
    /// When the last of them was.
    std::optional<BootTime> write_lost() const { return write_lost_; }
    Status ping() override;
    void notice_loss() override {}
    void set_timeout(Duration timeout) override { timeout_ = timeout; }
    Result<std::unique_ptr<volume::Session>> another() const override;
    std::unique_ptr<volume::Line> take_line(const files::TransferLimits& limits) override;
    std::string place() const override { return "sim"; }
    /// Cuts blocks that short.
    static inline files::TransferLimits limits_{16, 16};

  private:
    void connect();
    /// Of a call that is executed, `copy` or not: whether it was done.
    using Seen = std::function<void(bool done, bool copy)>;
    template <typename R>
    R call(Call::Kind kind, std::string what, std::function<R(Server&)> run,
           std::function<bool(const Server&)> effective = {}, Seen seen = {},
           std::function<void()> kept = {});
    // What is traced of each kind of call.
    Seen seen_look(uint32_t event, uint64_t number, const std::shared_ptr<size_t>& at) const;
    Seen seen_change(uint32_t event, uint32_t late, uint64_t number,
                     const std::shared_ptr<size_t>& kept) const;
    std::function<void()> seen_kept(uint32_t event, uint64_t number,
                                    const std::shared_ptr<size_t>& kept) const;
    void traced_record(const Result<std::string>& bytes, size_t read);

    World& world_;
    const Party party_;
    const std::string name_;
    Duration timeout_;
    std::optional<BootTime> deadline_;
    files::FileHandle root_;
    std::shared_ptr<Connection> connection_;
    uint64_t connections_ = 0, lost_writes_ = 0;
    /// The record that was looked up last, its step, and what that looks for.
    files::FileHandle record_;
    size_t record_step_ = 0;
    uint32_t record_event_ = 0;
    uint64_t record_number_ = 0;
    std::set<files::FileHandle> locks_;
    std::optional<BootTime> write_lost_;
};

/// The first session is the lock's, those after it are for blocks.
class SimConnector final : public volume::Connector {
  public:
    SimConnector(World& world, Party party) : world_(world), party_(std::move(party)) {}
    Result<std::unique_ptr<volume::Session>> mount(bool shared, Duration timeout) override;

  private:
    World& world_;
    const Party party_;
    bool first_ = true;
};

}  // namespace berth::sim
