// SPDX-License-Identifier: GPL-3.0-or-later
// A guest of 512 bytes and the NBD server it starts from. The guest greets on COM1 with "berth guest up" and
// then obeys one letter at a time: e "echo"; r resets; q powers off; b says whether the power button was
// pressed since the last b ("button yes" or "button no"); d reads the second sector of its disk through the
// BIOS ("disk good" or "disk bad"). w writes the sector 2 + n % 32 (from 0) full of the 16-bit number n,
// which counts from 1, and says "wrote X" with X = '@' + n % 32 (or "disk bad") when the BIOS has it on the
// disk. m writes for ever: write number n (from 0, 16 bits) puts n, little-endian, into sector 2 + n % 4096,
// and a "#" on COM1 once the disk has answered; the power button powers off. i is m for a guest that ignores
// the button.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/spawn.h"
#include "guest/machine_config.h"

namespace berth::guest {

inline constexpr std::string_view k_greeting = "berth guest up\r\n";

/// The boot sector, k_sector bytes with its signature.
std::string boot_sector();

/// A folder under /tmp that goes with it, readable for QEMU's user.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path(std::string_view name) const { return root_ / name; }

  private:
    std::filesystem::path root_;
};

/// nbdkit: each file of `folder`/disks is an export of its name at `folder`/nbd.sock. While `folder`/fault is
/// there every request fails.
class NbdServer {
  public:
    NbdServer(const Folder& folder, const std::vector<std::string>& disks);

  private:
    Child child_;
};

/// Reads from `fd` until `text` came or `timeout` passed; returns what came.
std::string read_until(int fd, std::string_view text, Duration timeout = std::chrono::seconds(60));

/// A machine with one software disk, and facts of an emulating client with its sockets in `folder`.
MachineConfig guest_config();
ClientFacts guest_client(const Folder& folder);

}  // namespace berth::guest
