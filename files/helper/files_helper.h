// SPDX-License-Identifier: GPL-3.0-or-later
// Directories of NFS servers for a program that may not decode what a server sends: a berth-session, which is
// root and has just held a password, or a berthctl. The calls are made by a berth-files (files_server.h), one
// for all directories of the program, started when it is first needed and again when it has ended. What it
// says is checked (wire.h). One that sends what it may not, or nothing within its time, is killed.
//
// An end of berth-files is a lost connection: the call that waited is M04, and the next one mounts anew,
// where a root handle that is not the first one's is M10. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/nfs_types.h"
#include "base/report.h"
#include "base/result.h"
#include "files/file_ops.h"
#include "files/interrupt.h"
#include "files/nfs/server_addresses.h"

namespace berth::files {

struct FilesProgram {
    std::string program = "/usr/libexec/berth/berth-files";
    std::optional<unsigned> uid, gid;  ///< none: the caller's own.
};

/// `user` as whom berth-files runs, if the caller is root. I04: it does not exist.
Result<FilesProgram> files_program(std::string program, const std::string& user);
/// Beside the running program or where an image has it.
std::string installed_files_program();

class FilesProcess;

class FilesHelper {
  public:
    FilesHelper(FilesProgram program, Report& report, LookUp look_up = system_look_up);
    /// Ends it.
    ~FilesHelper();
    FilesHelper(const FilesHelper&) = delete;
    FilesHelper& operator=(const FilesHelper&) = delete;

    /// Each call takes `timeout` at most, mounting included, and none outlasts its set_deadline(). An
    /// interrupt ends it with L05. M01, M02, M04, M05, M06, M10, M12, L05, I02. The helper lives as long as
    /// the result.
    Result<std::unique_ptr<FileOps>> mount(const NfsLocation& location, const NfsCredentials& credentials,
                                           Duration timeout, Interrupt interrupt = {});

    /// When something of ours that changes a file's content was last sent and not answered: a WRITE, or
    /// whatever berth-files had sent when it ended unasked, also between two calls. It may still be executed
    /// (docs/security.md, assumption 2).
    std::optional<BootTime> write_lost();
    /// Returns `hold` after the last such loss.
    void wait_for_lost_writes(Duration hold, Clock& clock);
    /// -1: none runs.
    int pid() const;

  private:
    std::shared_ptr<FilesProcess> process_;
    LookUp look_up_;
};

}  // namespace berth::files
