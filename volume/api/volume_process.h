// SPDX-License-Identifier: GPL-3.0-or-later
// berth-volume as the session sees it: start it, wait until its disks are there, watch it, end it
// (docs/architecture.md "Volume process"). One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/message.h"
#include "base/result.h"
#include "base/spawn.h"
#include "volume/api/control_messages.h"
#include "volume/api/volume_config.h"

namespace berth::volume {

/// A connection to a control socket. Used by the session, its sweeper, and tests.
class VolumeControl {
  public:
    /// V05 when nobody listens at `run_dir`/control.sock: then no disk was ever served, or the process is
    /// gone.
    static Result<VolumeControl> connect(const std::string& run_dir);

    Result<VolumeStatus> status(std::chrono::milliseconds timeout = std::chrono::seconds(5));
    /// Asks for a status now and at every change of state; they arrive at `fd` and are taken by `next`.
    Status watch();
    int fd() const { return socket_.fd(); }
    /// One status that arrived (call again until none); I03 when the process closed the connection.
    Result<std::optional<VolumeStatus>> next();
    /// COMMITs every disk and ends the process. V04 with its words when not everything could be written: it
    /// then still runs.
    Result<Drained> stop(std::chrono::milliseconds timeout);

  private:
    explicit VolumeControl(UniqueFd fd) : socket_(std::move(fd)) {}
    Status send(const ControlRequest& request);
    MessageSocket socket_;
};

struct VolumeProgram {
    std::string program = "/usr/libexec/berth/berth-volume";
    std::optional<uid_t> uid;  ///< Whom it runs as: _berth-volume. Its port below 1024 needs
                               ///< CAP_NET_BIND_SERVICE, which it is given.
    std::optional<gid_t> gid;
    std::vector<gid_t>
        groups;  ///< The group of run_dir (libvirt-qemu) among them, so that the sockets can be given to it.
    std::map<std::string, std::string>
        environment;  ///< BERTH_NBDKIT, BERTH_NBDKIT_PLUGIN: other paths, for tests.
};

/// Destroying one leaves the process alone: it may hold what the guest was told is written. kill() ends it.
class VolumeProcess {
  public:
    VolumeProcess(VolumeProcess&&) = default;
    VolumeProcess& operator=(VolumeProcess&&) = default;
    ~VolumeProcess() { release(); }

    /// Writes run_dir/volume.json (readable by `gid`) and starts berth-volume in a session (setsid(2)) of its
    /// own. run_dir exists and is writable for `uid`. V03.
    static Result<VolumeProcess> start(const VolumeConfig& config, const VolumeProgram& program);

    /// Blocks until the control socket says `running`. K06 and K05 when the lock was claimed or lost, V03
    /// with the last line of run_dir/volume.log when the process ended, or after `timeout`.
    Status wait_ready(std::chrono::milliseconds timeout);

    pid_t pid() const { return child_.pid(); }
    /// Field 22 of /proc/PID/stat: with the pid it names this process for ever on this boot.
    uint64_t start_time() const { return start_time_; }
    /// Readable when the process is gone.
    int pidfd() const { return child_.pidfd(); }

    Result<VolumeStatus> status();
    /// Starts watching (once) and returns the descriptor to poll; then next_status().
    Result<int> watch_fd();
    Result<std::optional<VolumeStatus>> next_status();

    /// Clean end: COMMIT, then wait for the exit. V04: not everything could be written, the process keeps
    /// trying. V05: it is gone, or does not end, without having said that all is written.
    Result<Drained> stop(std::chrono::milliseconds timeout);
    /// SIGKILL and reap. What was acknowledged but not flushed may be lost, as at a power cut.
    void kill();
    /// Lets it live on without us; the pid.
    pid_t release() { return child_.release(); }

  private:
    VolumeProcess(Child child, std::string run_dir, uint64_t start_time)
        : child_(std::move(child)), run_dir_(std::move(run_dir)), start_time_(start_time) {}
    Result<VolumeControl*> control();
    std::string last_log_line() const;

    Child child_;
    std::string run_dir_;
    uint64_t start_time_;
    std::optional<Drained> drained_;  ///< It said so; what is left is its exit.
    std::optional<VolumeControl> control_, watch_;
};

}  // namespace berth::volume
