// SPDX-License-Identifier: GPL-3.0-or-later
// The processes of an earlier session, as its sweeper finds and ends them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "greeter/session/leftovers/state_store.h"
#include "volume/api/volume_process.h"

namespace berth::session {

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

/// By /proc.
std::unique_ptr<ProcessTable> real_process_table();

}  // namespace berth::session
