// SPDX-License-Identifier: GPL-3.0-or-later
// The folder with the images (server/boot/image_builds.h says how it is laid out), as it is served. Names are
// checked words, so no path leaves it by its text; NAME may be a folder or a link to one that the admin made,
// nothing else on a path may be a symbolic link (O_NOFOLLOW), and a file must be a regular one.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace berth::server {

struct ImageFile {
    UniqueFd fd;
    uint64_t size = 0;
    std::string etag;         ///< With its quotes; the name itself when that is a digest.
    bool unchanging = false;  ///< Named by its digest, or of a named build: may be cached for ever.
};

/// The build that the link `name` in `folder` names; nullopt: there is no link, or one of the admin's own.
Result<std::optional<std::string>> build_of_link(int folder, const std::string& name);

/// Any thread.
class ImageFolder {
  public:
    static Result<ImageFolder> open(const std::string& path);
    /// The build of `image` that boots which begin now get; empty: the image is a folder made by hand.
    std::string current(const std::string& image) const;
    /// Whether that build can be served. True for an empty `build`.
    bool has(const std::string& image, const std::string& build) const;
    /// Of that build, or with an empty `build` of whatever is current. P02 if there is no such file.
    Result<ImageFile> file(const std::string& image, const std::string& build, const std::string& name) const;

  private:
    explicit ImageFolder(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd open_build(const std::string& image, const std::string& build) const;
    UniqueFd fd_;
};

}  // namespace berth::server
