// SPDX-License-Identifier: GPL-3.0-or-later
// Where users' virtual machines are, and which one is meant.
#pragma once

#include "server/ctl/verb.h"

namespace berth::server {

/// --directory or --server, --shared, ports, --files-program.
class PlaceArguments {
  public:
    explicit PlaceArguments(CLI::App& command);
    PlaceArguments(const PlaceArguments&) = delete;
    PlaceArguments& operator=(const PlaceArguments&) = delete;

    /// One user's directory; `make`: see Places::open. The berth-files behind it lives as long as this.
    Result<UserPlace> open(Ctl& ctl, const std::string& user, bool make = false);
    /// All users, sorted.
    Result<std::vector<std::string>> users(Ctl& ctl);
    /// With the lock's times and a berth-files, which is started when it is needed.
    const PlaceOptions& options(Ctl& ctl);

  private:
    PlaceOptions options_;
    std::string files_program_;
};

/// VM: USER/VM of a virtual machine.
void add_vm_name(CLI::App& command, std::string& name);

/// A virtual machine that is there.
struct FoundVm {
    VmName name;
    UserPlace place;
};
/// M36, P27, P29, M-errors.
Result<FoundVm> find_vm(Ctl& ctl, PlaceArguments& places, const std::string& name);

}  // namespace berth::server
