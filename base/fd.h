// SPDX-License-Identifier: GPL-3.0-or-later
// Owned file descriptors and whole reads and writes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace berth {

/// Closes its descriptor when it goes. -1 is none.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1);

  private:
    int fd_ = -1;
};

/// Writes all of `data`, through EINTR and short writes; on a non-blocking descriptor waits with poll(2).
Status write_all(int fd, std::string_view data);

/// Fills `to` from `offset` on, through EINTR and short reads; how much, less where the file ends. nullopt: errno says
/// why.
std::optional<size_t> read_at(int fd, std::span<char> to, uint64_t offset);
/// Writes all of `data` from `offset` on, through EINTR and short writes. False: errno says why.
[[nodiscard]] bool write_at(int fd, std::string_view data, uint64_t offset);
/// Reads a whole regular file; more than `limit` bytes, or anything but a regular file, is an error.
Result<std::string> read_file(const std::string& path, size_t limit = 1 << 20);

/// The same of an open descriptor; `name` is what errors call it.
Result<std::string> read_open_file(int fd, const std::string& name, size_t limit = 1 << 20);

/// Replaces `path` so that after a power cut it holds the old bytes or the new ones: private file, fsync,
/// rename, fsync of the folder. Follows no link for the file itself. Where `owner` is given it is theirs from
/// its first moment under that name.
struct FileOwner {
    uid_t uid;
    gid_t gid;  ///< -1 each: as it is made.
};
Status write_file_durably(const std::string& path, std::string_view data, unsigned mode = 0600,
                          std::optional<FileOwner> owner = std::nullopt);

/// Removes `path` durably; a missing one is fine.
Status remove_file_durably(const std::string& path);

}  // namespace berth
