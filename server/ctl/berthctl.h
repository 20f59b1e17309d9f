// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl(1): one function per noun, so that each can be added beside the others. Each registers its
// subcommands; what the command line chose is run by berthctl_main.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "files/helper/files_helper.h"
#include "server/store/store.h"

namespace berth::server {

/// What every subcommand shares.
struct Ctl {
    std::string database = "/var/lib/berth-provisioner/berth.db";
    bool json = false;
    std::function<Status()> run;  ///< Set by the subcommand that the line names.
    SystemClock clock;
};

void add_machine_commands(CLI::App& app, Ctl& ctl);
void add_policy_commands(CLI::App& app, Ctl& ctl);
void add_network_commands(CLI::App& app, Ctl& ctl);
void add_image_commands(CLI::App& app, Ctl& ctl);
void add_vm_commands(CLI::App& app, Ctl& ctl);

/// `vm list --running` (REQUIREMENTS M11).
struct RunningArguments {
    std::string server, directory;  ///< Where to ask the lock files; both empty: the posts.
    uint16_t nfs_port = 0, mount_port = 0;
    std::shared_ptr<files::FilesHelper> files;
};
Status list_running(Ctl& ctl, const RunningArguments& arguments);

/// Options for every setting; what the line named is in `given` by key.
struct SettingArguments {
    Settings given;
    void add_to(CLI::App& command);
    /// Checks and applies: an empty value takes the setting away. What was refused under its key goes too.
    Status apply(Settings& settings, Settings& refused) const;
};

/// The provisioner's database. Root acts as the owner of its folder from then on: what that user puts there,
/// a link or a file, leads nowhere that the user could not go, and what SQLite makes is the user's.
Result<std::unique_ptr<Store>> open_store(Ctl& ctl);

/// Shows the lines that change as a diff ("-mode: local", "+mode: network"). Without a change: false. On a
/// terminal and without `yes` asks on it; true: go on.
bool confirm_diff(const std::vector<std::string>& before, const std::vector<std::string>& after, bool yes,
                  bool quiet);

/// Columns padded to their widest cell, two blanks between. Cells are made printable.
std::string table(std::vector<std::vector<std::string>> rows);

}  // namespace berth::server
