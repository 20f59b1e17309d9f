// SPDX-License-Identifier: GPL-3.0-or-later
// What all steps of one session share: its configuration, the world around it, what it has written down, and
// what the undo of one step must know of another's. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "greeter/session/front_end.h"
#include "greeter/session/leftovers/state_store.h"
#include "greeter/session/leftovers/sweeper.h"
#include "greeter/session/pam/authenticator.h"
#include "greeter/session/resources/session_resources.h"
#include "greeter/session/running/guest_watch_state.h"
#include "greeter/session/saga.h"
#include "greeter/site/client_config.h"
#include "guest/hypervisor.h"
#include "guest/machine_config.h"
#include "lock/release_rule.h"

namespace berth::session {

struct SessionTimes {
    lock::LockTimes lock;
    WatchTimes watch;
    Duration volume_stop = std::chrono::seconds(60);  ///< For flushing; after that the sweeper continues.
    Duration tell = std::chrono::minutes(5);  ///< Between two words to the provisioner that the VM runs.
};

struct FirmwareImage {
    std::string code;
    std::string variables;  ///< What a guest without variables begins with.
};

struct SessionConfig {
    std::string session;  ///< [A-Za-z0-9-]{1,32}
    ClientConfig client;
    lock::LockOwner owner;  ///< `user` is filled in when PAM has said it.
    std::string run_root = "/run/berth/vm", swap_dir = "/var/lib/berth/swap";
    FirmwareImage ovmf{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"};
    /// Secure Boot, Microsoft's keys enrolled.
    FirmwareImage ovmf_secure{"/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"};
    std::optional<guest::Resolution>
        monitor;              ///< Of the display that guests are shown on; none: their screens are not shown.
    std::string nat_network;  ///< libvirt network for "nat"; empty: QEMU's user-mode network.
    uint64_t host_memory = 0;
    unsigned host_cpus = 1;
    SessionTimes times;

    const FirmwareImage& firmware_of(const guest::MachineConfig& vm) const {
        return vm.firmware == guest::Firmware::uefi_secure ? ovmf_secure : ovmf;
    }
};

/// Tells who runs what since when; best effort. `vm` empty: nothing runs. Any thread, one
/// call at a time.
using TellProvisioner =
    std::function<void(const std::string& user, const std::string& vm, const std::string& since)>;

struct SessionSeams {
    Clock& clock;
    Report& report;
    FrontEnd& front_end;
    Authenticator& authenticator;
    SessionResources& resources;
    guest::Hypervisor& hypervisor;
    StateStore& store;
    Sweeper& sweeper;
    TellProvisioner tell_provisioner;
};

/// What of ours may still reach the file server when the VM has ended (lock/release_rule.h).
struct InFlight {
    bool served = false;  ///< A VM was begun on the volume engine's disks: before, nobody wrote to them.
    lock::WriterEnd writer_end = lock::WriterEnd::none;
    std::optional<BootTime> write_lost;  ///< The last write whose answer never came.

    void lose_write(BootTime when) { write_lost = std::max(write_lost.value_or(when), when); }
};

class SessionContext {
  public:
    SessionContext(SessionConfig session_config, SessionSeams session_seams);
    SessionContext(const SessionContext&) = delete;
    SessionContext& operator=(const SessionContext&) = delete;

    Status write_down() { return seams.store.save(record); }

    /// The step that is done or undone now, for the screen.
    void enter(const StepFacts& step, size_t index, size_t of, StepPhase phase);
    /// Progress inside of it.
    void tell_progress(std::string_view text);

    /// Keeps the claim of another workstation that a status of now tells of.
    void notice_claim(const volume::VolumeStatus& status);
    /// Why the way back failed: the first error, once. Told where it happens, for what comes after may not return.
    void tell_failed_undo(const Error& error);
    /// K33, once: what a move costs the user.
    void tell_loss(std::string_view what);

    SessionConfig config;
    SessionSeams seams;
    SessionState record;  ///< Written down before a step makes something.
    InFlight in_flight;
    std::optional<Move> move;
    bool loss_told = false;
    bool going_back = false;  ///< The undo has begun: it waits, whoever cancelled.

  private:
    protocol::Progress progress_;  ///< Of the step that is done or undone now.
    bool failed_undo_told_ = false;
};

/// What each step is: it has the session's context and nothing else in common (step_list.h).
class SessionStep {
  public:
    explicit SessionStep(SessionContext& session) : session_(session) {}

  protected:
    SessionContext& session_;
};

}  // namespace berth::session
