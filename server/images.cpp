// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/images.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "server/text.h"

namespace berth::server {

Result<ImageFolder> ImageFolder::open(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail(ErrorCode::P05, "--images {}: {}", path, strerror(errno));
    return ImageFolder(std::move(fd));
}

Result<ImageFile> ImageFolder::file(const std::string& image, const std::string& name) const {
    const auto missing = [&] { return fail(ErrorCode::P02, "image file {}/{}", image, name); };
    if (!is_file_name(image) || !is_file_name(name)) return fail(ErrorCode::P02, "image file");
    const UniqueFd folder(openat(fd_.get(), image.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return missing();
    // O_NONBLOCK: a named pipe must not hold the thread before fstat says what it is.
    ImageFile file;
    file.fd.reset(openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!file.fd || fstat(file.fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return missing();
    file.size = static_cast<uint64_t>(info.st_size);
    file.unchanging = is_digest(name);
    file.etag = file.unchanging ? fmt::format("\"{}\"", name)
                                : fmt::format("\"{:x}-{:x}-{:x}\"", info.st_ino, info.st_size,
                                              info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec);
    return file;
}

}  // namespace berth::server
