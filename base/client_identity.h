// SPDX-License-Identifier: GPL-3.0-or-later
// Who this client is, for locks and records (docs/architecture.md "Users, paths, parameters"): its record's id at the
// provisioner, else SMBIOS UUID and first MAC. Never machine-id or host name: netbooted machines share those.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth {

/// Pure: lower case "<uuid>-<mac>"; the first MAC is the smallest that is globally administered and not zero,
/// else the smallest. With neither UUID nor MAC there is no identity (B08). UUIDs and MACs are what normal_uuid and
/// normal_mac (base/text.h) read of the kernel's lines; what is neither does not count. Locks are owned under this text,
/// so it never changes for a machine: unlike elsewhere a group's MAC counts, and so does a UUID that many machines share,
/// but one of a single digit.
Result<std::string> identity_from(std::string_view record_id, std::string_view smbios_uuid,
                                  std::vector<std::string> macs);

struct ClientIdentity {
    std::string id;
    std::string host;  ///< For people.
};

/// Reads /run/berth/machine.json (a missing one is fine), SMBIOS and the physical NICs below `root` ("" but
/// in tests).
Result<ClientIdentity> read_client_identity(const std::string& root = "");

}  // namespace berth
