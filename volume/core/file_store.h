// SPDX-License-Identifier: GPL-3.0-or-later
// A store that is one file. Any thread; each call is the kernel's and done before it returns.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "volume/core/store.h"

namespace berth::volume {

class FileStore final : public Store {
  public:
    /// A regular file; symbolic links are not followed. V02.
    static Result<std::unique_ptr<FileStore>> open(const std::string& path, bool read_only);

    uint64_t size() const override { return size_; }
    /// Zeros and trim as far as its file system can, which is asked once.
    Volume::Abilities abilities() const override { return abilities_; }
    /// Zeros where the file has become shorter.
    void read(uint64_t offset, std::span<char> to, Done done) override;
    void write(uint64_t offset, std::string_view bytes, Done done) override;
    void sync(Done done) override;
    void zero(uint64_t offset, uint64_t count, bool may_punch, Done done) override;
    void punch(uint64_t offset, uint64_t count, Done done) override;
    void extents(uint64_t offset, uint64_t count, std::vector<Extent>& to, Done done) override;
    void prefetch(uint64_t offset, uint64_t count, Done done) override;

  private:
    FileStore(UniqueFd fd, uint64_t size, Volume::Abilities abilities)
        : fd_(std::move(fd)), size_(size), abilities_(abilities) {}
    UniqueFd fd_;
    const uint64_t size_;
    const Volume::Abilities abilities_;
    std::mutex syncing_;  // the kernel tells of a failure once, and whoever syncs next that all is well
    bool poisoned_ = false;
};

}  // namespace berth::volume
