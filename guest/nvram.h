// SPDX-License-Identifier: GPL-3.0-or-later
// Firmware variables and TPM state (docs/architecture.md "Firmware variables and TPM state"): they live in the VM's directory on the server and
// travel to local files while the VM runs. This is the local half; the session moves the bytes, always under
// the VM's lock:
//
//   1. before the start: UserDirectory::read of config.nvram (uefi) and of k_tpm_file (tpm), at most
//      k_max_nvram and k_max_tpm_state bytes each; a missing file is nullopt. place_firmware() with them; its
//      nvram path goes into ClientFacts::nvram_copy.
//   2. when libvirt says that the domain is gone, before the lock is released: changed_firmware() with the
//      same bytes, and UserDirectory::replace for each part that it gives, if the VM is still ours; else the
//      parts are kept beside it under other names. Then remove_firmware().
//   3. the sweeper does step 2 with what it reads from the server, if the local files are still there.
//
// A power cut loses what changed since the start: the server's files stay as they were, whole.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "guest/machine_config.h"

namespace berth::guest {

inline constexpr size_t k_max_nvram = 4 << 20;
inline constexpr size_t k_max_tpm_state = 1 << 20;
/// Where libvirt keeps the state of its emulated TPMs, a folder for each uuid; it cannot be told another.
inline constexpr std::string_view k_libvirt_tpm = "/var/lib/libvirt/swtpm";

/// Local files; empty: this workstation has none.
struct FirmwarePaths {
    std::string nvram;
    std::string tpm;         ///< swtpm's permanent state (tpm2-00.permall).
    std::string tpm_folder;  ///< All of libvirt's for this TPM.
};
FirmwarePaths firmware_paths(const MachineConfig& config, const std::string& run_dir,
                             std::string_view libvirt_tpm = k_libvirt_tpm);
/// Where both parts are for a VM of that uuid, whether it has them or not.
FirmwarePaths possible_firmware_paths(const std::string& uuid, const std::string& run_dir,
                                      std::string_view libvirt_tpm = k_libvirt_tpm);

/// The files' contents in the VM's directory; nullopt: not there.
struct FirmwareBytes {
    std::optional<std::string> nvram;
    std::optional<std::string> tpm;
    bool empty() const { return !nvram && !tpm; }
};

/// Makes the local files, private; variables that are missing are made from `nvram_template` (OVMF_VARS), a
/// TPM that is missing is left to libvirt to make. C03 if the variables are not of the template's size: QEMU
/// would refuse them.
Status place_firmware(const FirmwarePaths& paths, const FirmwareBytes& stored,
                      const std::string& nvram_template);

/// What is to be put back: only parts whose local bytes differ from `stored`. A local file that was never
/// made is no change.
Result<FirmwareBytes> changed_firmware(const FirmwarePaths& paths, const FirmwareBytes& stored);

/// Deletes the local files; missing ones are fine.
Status remove_firmware(const FirmwarePaths& paths);

}  // namespace berth::guest
