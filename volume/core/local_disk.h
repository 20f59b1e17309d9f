// SPDX-License-Identifier: GPL-3.0-or-later
// A disk of mode local: a file of this client (swap). Any thread; calls are the kernel's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "volume/core/nfs_disk.h"

namespace berth::volume {

class LocalDisk {
  public:
    /// A regular file; symbolic links are not followed. V02.
    static Result<std::unique_ptr<LocalDisk>> open(const std::string& path, bool read_only);

    uint64_t size() const { return size_; }
    /// 0 or an errno. Beyond the end of the file are zeros.
    int read(char* buffer, uint32_t count, uint64_t offset);
    int write(const char* data, uint32_t count, uint64_t offset, bool fua);
    /// After one failed fdatasync the kernel has forgotten what it could not write: every later flush fails
    /// too.
    int flush();
    const NfsDisk::Counters& counters() const { return counters_; }

  private:
    LocalDisk(UniqueFd fd, uint64_t size) : fd_(std::move(fd)), size_(size) {}
    UniqueFd fd_;
    uint64_t size_;
    std::atomic<bool> poisoned_{false};
    NfsDisk::Counters counters_;
};

}  // namespace berth::volume
