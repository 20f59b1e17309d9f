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
/// else the smallest. With neither UUID nor MAC there is no identity (B08).
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
