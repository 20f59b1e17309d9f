// SPDX-License-Identifier: GPL-3.0-or-later
// A VM's folder while it is made (docs/architecture.md "Making virtual machines"): under a private name that no listing of VMs shows, and
// renamed when it is whole, so a VM is there completely or not at all. The private name is the VM's and the
// maker's: two makers never share one, and the one whose RENAME comes second is told that the name is taken.
// What was copied already is written down in it, so the same maker can continue after a crash.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "files/copy_file.h"
#include "files/helper/files_helper.h"
#include "files/path_resolver.h"
#include "guest/machine_text.h"
#include "guest/user_directory.h"

namespace berth::guest {

class NewVm {
  public:
    /// `maker` is this client's identity; `origin` what the VM is made from, with size and time: an earlier
    /// attempt from the same origin is continued, another is discarded. `exists`: there is such a VM;
    /// `busy`: the maker is at it in another process; `invalid`: the name cannot be one.
    static Result<NewVm> begin(files::FileOps& ops, const std::string& vm, const std::string& maker,
                               const std::string& origin, Clock& clock);

    bool resumed() const { return resumed_; }
    /// What every file is copied from, with times. Where an earlier attempt began with other ones all of it
    /// is thrown away: a copy is of one moment.
    Status made_from(const std::string& sources);
    /// Makes or replaces a small file.
    Status put(const std::string& path, std::string_view data);
    Status link(const std::string& path, const std::string& target);
    /// The file to write a disk into, made if it is not there; folders on its way too.
    Result<files::FileHandle> file(const std::string& path);
    /// So many of its bytes are there from an earlier attempt.
    uint64_t done(const std::string& path) const;
    /// Commits the file and writes down how far it is; not more often than each 5 s unless `now`.
    Status checkpoint(const std::string& path, const files::FileHandle& file, uint64_t done,
                      bool now = false);

    /// Renames it. `exists` when another maker was faster; then nothing is left of ours.
    Status finish();
    /// Removes what was made.
    Status discard();

  private:
    NewVm(files::FileOps& ops, std::string vm, std::string origin, Clock& clock)
        : ops_(ops), vm_(std::move(vm)), origin_(std::move(origin)), clock_(clock) {}
    Result<files::FileHandle> folder_of(const std::string& path, std::string& name);
    Status save();
    Status start_anew(bool remove);

    files::FileOps& ops_;
    std::string vm_, origin_, sources_, private_name_;
    Clock& clock_;
    files::FileHandle folder_;
    std::map<std::string, uint64_t> done_;
    BootTime saved_{};
    bool resumed_ = false;
    UniqueFd guard_;  ///< Held by one process of this host.
};

/// What of a VM is to be copied, by its machine.toml. A missing file of `optional` is left out.
using PlanVmCopy = std::function<Result<VmCopy>(const std::string& machine_toml)>;
using CopyProgress = std::function<Status(const std::string& file, uint64_t done, uint64_t size)>;

/// Fills `made` with a copy of the VM in `source`; files of the shared tree stay links into it. Does not
/// finish it.
Status copy_vm(files::FileOps& from, const files::FileHandle& source, const files::SharedTree& shared,
               NewVm& made, files::FileOps& to, const PlanVmCopy& plan, const CopyProgress& progress,
               Clock& clock);
/// Names what a copy is made from: changes when the source's machine.toml does.
Result<std::string> origin_of(files::FileOps& from, const files::FileHandle& source, const std::string& name);

/// Makes `vm` in the user's directory from the VM's folder `source`, both as that user, through `files`; one
/// that another made meanwhile is as good. A template is read-only to its users and replaced only by rename, so
/// it has no lock.
Status make_vm_from_template(const MountOptions& user, const NfsLocation& source, const std::string& vm,
                             const std::string& maker, const PlanVmCopy& plan, const CopyProgress& progress,
                             files::FilesHelper& files, Clock& clock, Report& report);

/// Takes a VM away: out of the listing by one RENAME, then piece by piece. Only under its lock.
Status remove_vm(files::FileOps& ops, const std::string& vm);

/// 1 to 255 bytes of UTF-8 without control characters and "/", not beginning with a full stop. M36.
Status check_vm_name(const std::string& name);

}  // namespace berth::guest
