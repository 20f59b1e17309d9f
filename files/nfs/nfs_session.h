// SPDX-License-Identifier: GPL-3.0-or-later
// A mounted directory of an NFSv3 server (RFC 1813, MOUNT version 3) on one connection, call by call. One
// thread.
//
// A call that got no answer in time, or whose connection broke, is M04 and ends the connection: nothing is
// sent twice here. The next call connects and mounts anew; a root handle that is not the first one's is M10.
// No operation waits longer than the timeout: connecting and mounting anew, a server that says "later"
// (JUKEBOX), or that a name went while it listed a directory (NOENT), and the answer share it. A listing has
// it for each of its calls. None outlasts set_deadline(), and an Interrupt ends each with L05, with the same
// doubt as M04 about what was executed.
//
// What a reply says is checked (file_limits.h) before it is used: M11 for what no server can mean. It is
// decoded by libnfs in this process, so no root program has one of these: it has a berth-files, which does
// (files/helper/files_helper.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/nfs_types.h"
#include "files/file_ops.h"
#include "files/names_part.h"
#include "files/nfs/rpc_connection.h"

namespace berth::files {

class NfsSession final : public FileOps {
  public:
    /// `timeout` bounds each operation, mounting included. M01, M02, M04, M05, M06, M12, L05.
    static Result<std::unique_ptr<NfsSession>> mount(const NfsLocation& location,
                                                     const NfsCredentials& credentials, Duration timeout,
                                                     Interrupt interrupt = {});
    /// The same with what is known of the addresses of the location's server, and with a set_deadline().
    static Result<std::unique_ptr<NfsSession>> mount(const NfsLocation& location,
                                                     const ServerAddresses& addresses,
                                                     const NfsCredentials& credentials, Duration timeout,
                                                     Interrupt interrupt,
                                                     std::optional<BootTime> deadline = std::nullopt);

    /// One more connection to the directory that this session has mounted: its handle is known, so there is
    /// nothing to MOUNT.
    Result<std::unique_ptr<NfsSession>> another() const;

    const FileHandle& root() const override { return root_; }
    Result<LookupReply> lookup(const FileHandle& directory, const std::string& name) override;
    Result<Attributes> attributes(const FileHandle& file) override;
    Result<uint32_t> access(const FileHandle& file, uint32_t wanted) override;
    Result<std::string> readlink(const FileHandle& link) override;
    Result<std::vector<DirectoryEntry>> list(const FileHandle& directory) override;
    /// One READDIR of it.
    Result<NamesPart> list_part(const FileHandle& directory, uint64_t cookie, uint64_t verifier);
    Result<std::string> read(const FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<FileHandle> create(const FileHandle& directory, const std::string& name, uint32_t mode) override;
    Status link(const FileHandle& file, const FileHandle& directory, const std::string& name) override;
    Status rename(const FileHandle& directory, const std::string& from, const std::string& to) override;
    Status remove(const FileHandle& directory, const std::string& name) override;
    Result<Space> space() override;
    Result<TransferLimits> limits() override;
    Result<FileHandle> make_directory(const FileHandle& directory, const std::string& name,
                                      uint32_t mode) override;
    Status remove_directory(const FileHandle& directory, const std::string& name) override;
    Status symlink(const FileHandle& directory, const std::string& name, const std::string& target) override;
    Result<std::string> write(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<std::string> commit(const FileHandle& file) override;
    Status set_size(const FileHandle& file, uint64_t size) override;

    const NfsLocation& location() const { return location_; }
    /// Where its server was found; after mount().
    uint16_t nfs_port() const { return nfs_port_; }
    uint16_t mount_port() const { return mount_port_; }
    bool connected() const { return connection_ && !connection_->broken(); }
    /// How often this session has connected, the present connection included. A caller that must know of a
    /// loss compares.
    uint64_t connections() const { return connections_; }
    uint16_t local_port() const { return connection_ ? connection_->local_port() : 0; }
    /// How many connections of this session were lost with a WRITE unanswered on them: it may still be on its
    /// way (Lease::connection_lost). A caller compares.
    uint64_t lost_writes() const { return lost_writes_; }
    /// NULL: that the connection carries something, when nothing else is to be said.
    Status ping();
    /// Polls the idle connection, so that a loss is noticed without a call.
    void notice_loss();
    void set_timeout(Duration timeout) { timeout_ = timeout; }
    void set_deadline(std::optional<BootTime> deadline) override { deadline_ = deadline; }
    bool out_of_time() const override { return deadline_ && SystemClock().now() >= *deadline_; }
    /// Gives the connection away, for the engine's own event loop.
    std::unique_ptr<RpcConnection> take_connection() { return std::move(connection_); }

  private:
    NfsSession(NfsLocation location, ServerAddresses addresses, NfsCredentials credentials, Duration timeout,
               Interrupt interrupt);
    /// MOUNTs, and finds the same directory as before if there was one; then reach().
    Status connect(BootTime until);
    /// Connects to the server's NFS port.
    Status reach(BootTime until);
    /// When an operation that begins now has to be over.
    BootTime end_of_operation() const;
    /// A reply that no server can mean: M11.
    std::unexpected<Error> impossible(std::string_view what) const;
    /// false: interrupted.
    bool pause(Duration pause) const;
    /// Runs one call: `issue` sends it, `take` gets the decoded result (Res*) inside the callback and returns
    /// its nfsstat3.
    using Issue = std::function<int(rpc_context*, void (*)(rpc_context*, int, void*, void*), void*)>;
    using Take = std::function<int(void*)>;
    enum class Kind { other, write, listing };
    Status call(std::string_view what, const Issue& issue, const Take& take, Kind kind = Kind::other);
    Status call_once(std::string_view what, const Issue& issue, const Take& take, Kind kind, BootTime until,
                     int& nfs_status);

    NfsLocation location_;
    ServerAddresses addresses_;
    NfsCredentials credentials_;
    Duration timeout_;
    std::optional<BootTime> deadline_;
    Interrupt interrupt_;
    FileHandle root_;
    uint16_t nfs_port_ = 0, mount_port_ = 0;
    std::unique_ptr<RpcConnection> connection_;
    uint64_t connections_ = 0, lost_writes_ = 0;
    std::optional<TransferLimits> limits_;
};

}  // namespace berth::files
