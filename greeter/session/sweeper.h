// SPDX-License-Identifier: GPL-3.0-or-later
// Finishes the undo of a session that could not do it itself (crash, power cut): ends the domain and
// berth-volume, releases the lock by its nonce, deletes the swap (DESIGN "What a step makes is written
// down"). Every part is idempotent.
#pragma once

#include <functional>

#include "greeter/session/parts.h"
#include "greeter/session/state_store.h"
#include "guest/hypervisor.h"

namespace berth::session {

/// The processes of an earlier session, by /proc.
class ProcessTable {
  public:
    virtual ~ProcessTable() = default;
    /// Pids of the processes that serve `run_dir`: the recorded pid if its start time is the recorded one,
    /// and any whose command line names run_dir's volume.json (a session may have died between starting it
    /// and writing its pid down).
    virtual std::vector<pid_t> volume_processes(const SessionState& state) = 0;
    /// COMMITs and ends it by its control socket. Errors: nobody listens, or not everything could be written.
    virtual Status stop_volume(const std::string& run_dir, std::chrono::milliseconds timeout) = 0;
    /// nullopt: nobody listens, so it serves no disk (any more). V05: somebody listens and does not answer.
    virtual Result<std::optional<volume::VolumeStatus>> volume_status(const std::string& run_dir) = 0;
    virtual void kill(pid_t pid) = 0;
};
std::unique_ptr<ProcessTable> real_process_table();

struct SweepSeams {
    Clock& clock;
    Report& report;
    Parts& parts;
    guest::Hypervisor& hypervisor;
    StateStore& store;
    ProcessTable& processes;
    std::string boot_id;
    lock::LockTimes times;
    Duration power_button = std::chrono::seconds(60);  ///< From the ACPI power button to destroying the VM.
};

/// What becomes of changes that the file server does not take. `keep`: they wait in berth-volume, and the
/// session with them. `discard` only when a person said so.
enum class Unsaved { keep, discard };

class Sweeper {
  public:
    explicit Sweeper(SweepSeams seams) : seams_(std::move(seams)) {}

    /// Called about every second while it waits, with the seconds left; false gives up (K32).
    using Waiting = std::function<bool(std::chrono::seconds left)>;

    /// Finishes one session; the caller holds its claim. The state file goes last. V04: the file server does
    /// not take what the VM was told is written; V05: berth-volume may hold such changes and does not answer.
    /// Then it is left alone, unless `unsaved` says otherwise.
    Status finish(const SessionState& state, const Waiting& waiting, Unsaved unsaved = Unsaved::keep);

    /// One round over all of this client's state files that nobody holds. How many are left; the errors are
    /// reported.
    Result<size_t> round(const Waiting& waiting);

  private:
    Status end_domain(const SessionState& state, const Waiting& waiting);
    Status end_volume(const SessionState& state, Unsaved unsaved);
    /// What a berth-volume that did not stop still holds; an error says why it must not be killed.
    Status may_kill(const SessionState& state);
    /// Puts the local firmware and TPM state back to the server, or aside there; never drops it. Errors: it
    /// is still here.
    Status save_firmware(const SessionState& state, guest::UserDirectory& directory);
    Status put_firmware_back(const SessionState& state, guest::UserDirectory& directory);
    Status release_lock(const SessionState& state, BootTime writers_gone, const Waiting& waiting);

    SweepSeams seams_;
};

}  // namespace berth::session
