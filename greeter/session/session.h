// SPDX-License-Identifier: GPL-3.0-or-later
// One login from the first prompt to the last undo: the bodies of the steps in step_table.h, the wait while
// the guest runs, and the way back. One thread; only the probe of KVM runs beside it, until the check step.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "greeter/session/authenticator.h"
#include "greeter/session/client_config.h"
#include "greeter/session/firmware_files.h"
#include "greeter/session/front_end.h"
#include "greeter/session/guest_watch.h"
#include "greeter/session/parts.h"
#include "greeter/session/saga.h"
#include "greeter/session/state_store.h"
#include "greeter/session/step_table.h"
#include "greeter/session/sweeper.h"
#include "guest/hypervisor.h"
#include "lock/release_rule.h"

namespace berth::session {

struct SessionTimes {
    lock::LockTimes lock;
    WatchTimes watch;
    Duration volume_stop = std::chrono::seconds(60);  ///< For flushing; after that the sweeper goes on.
    Duration tell = std::chrono::minutes(5);  ///< Between two words to the provisioner that the VM runs.
};

struct SessionConfig {
    std::string session;  ///< [A-Za-z0-9-]{1,32}
    ClientConfig client;
    lock::LockOwner owner;  ///< `user` is filled in when PAM has said it.
    std::string run_root = "/run/berth/vm", swap_dir = "/var/lib/berth/swap";
    std::string ovmf_code = "/usr/share/OVMF/OVMF_CODE_4M.fd", ovmf_vars = "/usr/share/OVMF/OVMF_VARS_4M.fd";
    std::string nat_network;  ///< libvirt network for "nat"; empty: QEMU's user-mode network.
    uint64_t host_memory = 0;
    unsigned host_cpus = 1;
    SessionTimes times;
};

/// Tells who runs what since when (REQUIREMENTS M11); best effort. `vm` empty: nothing runs. Any thread, one
/// call at a time.
using TellProvisioner =
    std::function<void(const std::string& user, const std::string& vm, const std::string& since)>;

struct SessionSeams {
    Clock& clock;
    Report& report;
    FrontEnd& front_end;
    Authenticator& authenticator;
    Parts& parts;
    guest::Hypervisor& hypervisor;
    StateStore& store;
    Sweeper& sweeper;
    TellProvisioner tell_provisioner;
};

class Session {
  public:
    Session(SessionConfig config, SessionSeams seams);
    ~Session();

    /// The whole of it. Returns the error that ended it, after telling the user; whatever happens, everything
    /// begun is undone, or left written down for the sweeper.
    Status run();
    /// After run(): something is left that a sweeper has to finish.
    bool unfinished() const { return !saga_.outstanding().empty(); }

  private:
    std::map<std::string_view, StepAction> actions();
    Status mount(BootTime deadline);
    Status choose();
    Status make_from_template();
    Status check();
    Status lock();
    Status finish_last_session();
    Result<bool> ask_to_break(const lock::LockHolder& holder);
    /// Asks whether to discard the last session's changes, which wait in its berth-volume. K32: no.
    Status ask_to_discard(const Error& why);
    Status configure();
    /// libvirt and its TPM folder go by uuid: a copy of the VM must be gone from this machine first.
    Status refuse_second_copy();
    Status make_swap();
    Status start_volume(BootTime deadline);
    Status start_vm(BootTime deadline);
    Status hand_over_console();

    Status take_console_back();
    Status stop_vm();
    Status stop_volume();
    /// How it ended; an error: it goes on, and the sweeper with it.
    Result<lock::WriterEnd> end_volume();
    Status release_lock();
    Status delete_swap();

    /// Tells the provisioner that the VM runs, on a thread of its own, unless it was told lately.
    void tell_running();
    Status wait_for_guest();
    /// Keeps the claim that a status of now tells of.
    void notice_claim(const volume::VolumeStatus& status);
    /// Whether the volume engine's lease lets us write now. K05: not any more. V05: it cannot be said.
    Status may_write();
    void tell_loss(std::string_view what);
    void note_lost_write(BootTime when);
    Status remount();
    /// What waits for the file server is over by then; nullopt: each call for itself.
    void bound(std::optional<BootTime> deadline);
    Status save_state();
    Result<guest::MachineConfig> read_configuration();
    Status fetch_firmware_state();
    Status put_firmware_state_back();
    std::string in_run_dir(std::string_view name) const { return state_.run_dir + "/" + std::string(name); }

    SessionConfig config_;
    SessionSeams seams_;
    SessionState state_;
    Saga saga_;
    size_t step_index_ = 0;  ///< Of the step being done, for progress texts inside a step.
    enum class Way { forth, back } way_ = Way::forth;

    std::future<Status> kvm_;
    bool kvm_usable_ = false;
    guest::MountOptions mount_options_;
    std::unique_ptr<guest::UserDirectory> directory_;
    std::string machine_text_;  ///< machine.toml as checked.
    guest::MachineConfig machine_;
    std::optional<lock::TakenLock> taken_;
    bool claim_left_ = false;  ///< The user gave up waiting: the claim stays on the server (DESIGN "A claim
                               ///< is never taken back").
    std::unique_ptr<Volume> volume_;
    lock::WriterEnd writer_end_ = lock::WriterEnd::none;
    std::optional<BootTime>
        write_lost_;            ///< The last write whose answer never came, in case it is still under way.
    std::optional<Move> move_;  ///< Another workstation asked for the VM (REQUIREMENTS M10).
    bool loss_told_ = false;
    std::unique_ptr<guest::Domain> domain_;
    bool guest_ran_ = false;
    guest::FirmwarePaths firmware_paths_;
    guest::FirmwareBytes firmware_;  ///< As the server had it.
    UniqueFd console_;
    std::string since_;
    BootTime next_tell_;
    std::future<void> telling_;
};

}  // namespace berth::session
