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
#include "volume/api/volume_config.h"

namespace berth::volume {

enum class VolumeState {
    starting,
    running,
    silent,   ///< The file server has not answered for `notice` or the lease has run out: requests wait or
              ///< fail. Ends when the server answers.
    claimed,  ///< Another has claimed the lock: what is left of the lease is for closing.
    lost,     ///< The lock is somebody else's: every request fails for good.
    stopping,
};
std::string_view volume_state_name(VolumeState state);
std::optional<VolumeState> parse_volume_state(std::string_view name);

struct VolumeDiskStatus {
    std::string name;
    uint64_t reads = 0, writes = 0;  ///< Requests from the VM.
    uint64_t bytes_read = 0, bytes_written = 0;
    uint64_t uncommitted =
        0;  ///< Bytes that were acknowledged to the VM and are not yet known to be on the server's disk.
};

/// Who claimed the lock.
struct VolumeClaim {
    std::string host, user;  ///< Empty: could not be read.
};

struct VolumeStatus {
    VolumeState state = VolumeState::starting;
    std::vector<VolumeDiskStatus> disks;
    uint64_t silent_seconds = 0;
    /// How long the VM's data may still be written (lock/lease.h); under a claim it only falls.
    std::chrono::milliseconds lease_left{0};
    std::optional<VolumeClaim> claim;  ///< From `claimed` on, whatever the state is.

    uint64_t uncommitted() const;  ///< Of all disks.
};

/// Everything that was acknowledged is on the server's disk.
struct Drained {
    /// How long ago a connection was lost on which a write was unanswered; a copy of it may still be under
    /// way. nullopt: none was lost.
    std::optional<std::chrono::milliseconds> write_lost;
};

/// A "status" message; I03 for anything else.
Result<VolumeStatus> parse_volume_status(const nlohmann::json& body);
/// The answer to "stop": V04 with the process's words unless it is "stopped".
Result<Drained> parse_stop_answer(const nlohmann::json& body);

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
