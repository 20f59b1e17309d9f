// SPDX-License-Identifier: GPL-3.0-or-later
// The early boot as one list of steps: network, record, fetch, verify, root. Everything that touches the
// workstation is behind BootSystem.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "bootstrap/initramfs/boot_parameters.h"
#include "bootstrap/initramfs/progress.h"
#include "bootstrap/manifest/minisign.h"
#include "net/http_client.h"

namespace berth::boot {

/// What the steps do to the workstation. Idempotent: a step may come again after a later one failed.
class BootSystem {
  public:
    virtual ~BootSystem() = default;
    /// Loads drivers and brings up the card that booted. B01.
    virtual Status network(const BootParameters& parameters) = 0;
    /// A folder in memory for the fetched files. B07.
    virtual Result<std::string> image_folder() = 0;
    /// Writes /run/berth/machine.json.
    virtual Status keep_record(const std::string& text) = 0;
    /// Mounts the verified files (`site` empty: none) under a fresh overlay. B07.
    virtual Status mount_root(const std::string& root, const std::string& site) = 0;
    /// Goes to the new root and runs its init. Returns only when that failed. B07.
    virtual Status switch_root() = 0;
    /// Through the firmware, as at power-on. Returns only when that failed. B07.
    virtual Status restart() = 0;
};

/// What was baked into the initramfs.
struct Trust {
    PublicKey key;
    uint64_t version = 0;  ///< /etc/berth/image.version: the image it was built with; 0 when absent.
};

struct BootPlan {
    BootParameters parameters;
    Trust trust;
    net::HttpTimes times;
};

/// One attempt. Returns only with an error (or, with a fake system, when switch_root returns). `other_build`:
/// what the server has does not belong to what runs here (FetchFailure).
Status boot_once(const BootPlan& plan, BootSystem& system, net::HttpClient& http, Clock& clock,
                 BootProgress& progress, bool& other_build);

/// Attempts with a growing pause between; each failure goes to `progress`. After one that met another build
/// the workstation restarts, when the provisioner has counted that: it decides how often
/// (server/boot/decision.h), for nothing here outlives a restart. `attempts` bounds them for tests; none: for
/// ever.
void boot_until_it_works(const BootPlan& plan, BootSystem& system, net::HttpClient& http, Clock& clock,
                         BootProgress& progress, std::optional<unsigned> attempts = std::nullopt);

}  // namespace berth::boot
