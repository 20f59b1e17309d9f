// SPDX-License-Identifier: GPL-3.0-or-later
// What a new virtual machine is, by the command line.
#pragma once

#include "guest/machine_config.h"
#include "server/ctl/verb.h"
#include "server/vmtools/vm_make.h"

namespace berth::server {

/// A VM to make: its machine.toml, its files, and what they are made from, which tells an attempt that
/// was interrupted from another one.
struct VmToMake {
    guest::MachineConfig config;
    std::vector<DiskToMake> disks;
    std::string origin;

    /// Adds the next disk: the first one has the system, the second the user's files, more are data.
    DiskToMake& add_disk(guest::DiskBus bus);
};

/// "4GiB" or "4 GiB". P06.
Result<uint64_t> size_argument(std::string_view option, const std::string& text, uint64_t low, uint64_t high);

/// The options of create and import about the VM itself.
class VmHardwareArguments {
  public:
    explicit VmHardwareArguments(CLI::App& command);
    VmHardwareArguments(const VmHardwareArguments&) = delete;
    VmHardwareArguments& operator=(const VmHardwareArguments&) = delete;

    /// Two processors, 2 GiB, a network card by NAT, no disk.
    static VmToMake plain(std::string origin);
    /// The bus that the line names for disks.
    guest::DiskBus bus_or(guest::DiskBus otherwise) const;
    /// What the line names, installation medium included; what it does not name stays. P06, P24.
    Status apply(VmToMake& vm) const;

  private:
    Status add_swap(VmToMake& vm) const;
    Status add_medium(VmToMake& vm) const;

    unsigned cpus_ = 0;
    bool tpm_ = false;
    std::string memory_, swap_, firmware_, bus_, network_, iso_, iso_link_;
};

}  // namespace berth::server
