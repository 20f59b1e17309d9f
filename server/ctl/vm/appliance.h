// SPDX-License-Identifier: GPL-3.0-or-later
// The VM that an OVA describes; its disks stay where they are in it.
#pragma once

#include "server/ctl/vm/vm_hardware.h"

namespace berth::server {

/// Processors, memory, firmware, network card and disks. P24, P25.
Status read_appliance(const std::string& path, const VmHardwareArguments& hardware, VmToMake& vm);

}  // namespace berth::server
