// SPDX-License-Identifier: GPL-3.0-or-later
// What the steps of a session make and use outside of it, as one seam: the user's folder, a VM from the
// template, swap disks, the run folder, berth-volume, the rules that keep guests from the servers. Real below,
// an in-memory fake with faults in the tests.
#pragma once

#include <memory>
#include <string>

#include "base/report.h"
#include "greeter/session/resources/guest_firewall.h"
#include "greeter/site/client_config.h"
#include "guest/machine_config.h"
#include "guest/new_vm.h"
#include "guest/user_directory.h"
#include "volume/api/volume_process.h"

namespace berth::session {

/// A running berth-volume (volume/api/volume_process.h says what each promises). Its process outlives this object
/// unless kill() or stop() ended it.
class Volume {
  public:
    virtual ~Volume() = default;
    virtual pid_t pid() const = 0;
    virtual uint64_t start_time() const = 0;
    /// Readable when the process is gone.
    virtual int gone_fd() const = 0;
    virtual Status wait_ready(std::chrono::milliseconds timeout) = 0;
    virtual Result<volume::VolumeStatus> status() = 0;
    virtual Result<int> watch_fd() = 0;
    virtual Result<std::optional<volume::VolumeStatus>> next_status() = 0;
    virtual Result<volume::Drained> stop(std::chrono::milliseconds timeout) = 0;
    virtual void kill() = 0;
    /// Lives on without us, for the sweeper to end.
    virtual void release() = 0;
};

class SessionResources {
  public:
    virtual ~SessionResources() = default;
    virtual Result<NfsLocation> locate(const std::string& user, Duration limit) = 0;
    virtual Result<std::unique_ptr<guest::UserDirectory>> mount(const guest::MountOptions& options) = 0;
    /// When a change of a file's content was last sent through mount() and not answered, so that it may still
    /// be executed (FilesHelper::write_lost).
    virtual std::optional<BootTime> write_lost() = 0;
    /// From now on no guest of this workstation reaches the file service of these, nor the provisioner's boot
    /// port (guest_firewall.h). H11.
    virtual Status keep_guests_from(const std::vector<MountedServer>& servers) = 0;
    /// Makes the user's VM from the template, a VM's folder, with an identity of its own; its name is the
    /// folder's. One that another client made meanwhile is as good. M-errors; C-errors of the template.
    virtual Status make_from_template(const guest::MountOptions& user, const NfsLocation& source,
                                      const std::string& maker, const guest::CopyProgress& progress) = 0;
    /// S01 when `bytes` of swap do not fit into `folder`.
    virtual Status check_swap_room(const std::string& folder, uint64_t bytes) = 0;
    /// Makes `path` a swap disk ready to use; a template is read from the VM's directory.
    virtual Status make_swap(const guest::SwapSpec& spec, const std::string& path,
                             guest::UserDirectory& directory, const std::string& vm) = 0;
    /// Durable; a missing file is fine.
    virtual Status delete_file(const std::string& path) = 0;
    /// Owned by the volume engine's user; QEMU's group may only pass through.
    virtual Status make_run_dir(const std::string& path) = 0;
    /// And the folder of the guest's screen, if there is one.
    virtual Status remove_run_dir(const std::string& path) = 0;
    /// Makes a folder of the session's for the guest's SPICE socket, and gives its path: QEMU makes the socket there,
    /// the viewer's group may pass through and connect, and nobody else.
    virtual Result<std::string> make_screen_dir(const std::string& run_dir) = 0;
    virtual Result<std::unique_ptr<Volume>> start_volume(const volume::VolumeConfig& config) = 0;
};

struct RealSessionResourcesOptions {
    LocateConfig locate;
    volume::VolumeProgram volume;
    std::string volume_user = "_berth-volume";  ///< Empty: the user who runs the session.
    std::string qemu_group = "libvirt-qemu";    ///< Empty: none.
    std::string screen_root =
        "/run/berth/screen";  ///< With a folder for each session whose guest has a screen.
    std::string qemu_user = "libvirt-qemu", screen_group = "_berth-screen";
    std::string files_program, files_user = "_berth-files";  ///< No user: the one who runs the session.
    GuestFirewallConfig guests;
};

/// I04 when a configured user or group does not exist.
Result<std::unique_ptr<SessionResources>> real_session_resources(RealSessionResourcesOptions options,
                                                                 Clock& clock, Report& report);

}  // namespace berth::session
