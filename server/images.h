// SPDX-License-Identifier: GPL-3.0-or-later
// The folder with image folders. Names are checked words, so no path leaves it by its text; an image folder
// may be a symbolic link that the admin made, a file in it may not (O_NOFOLLOW), nor may it be anything but a
// regular file.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace berth::server {

struct ImageFile {
    UniqueFd fd;
    uint64_t size = 0;
    std::string etag;         ///< With its quotes; the name itself when that is a digest.
    bool unchanging = false;  ///< Named by its digest: may be cached for ever.
};

/// Any thread.
class ImageFolder {
  public:
    static Result<ImageFolder> open(const std::string& path);
    /// P02 if there is no such file.
    Result<ImageFile> file(const std::string& image, const std::string& name) const;

  private:
    explicit ImageFolder(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace berth::server
