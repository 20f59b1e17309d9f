// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/images.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bootstrap/manifest/manifest.h"
#include "server/model/text.h"

namespace berth::server {

Result<std::optional<std::string>> build_of_link(int folder, const std::string& name) {
    char target[512];
    const ssize_t n = readlinkat(folder, name.c_str(), target, sizeof target);
    if (n < 0 && (errno == ENOENT || errno == EINVAL)) return std::nullopt;
    if (n < 0) return fail_errno("read the link " + name);
    std::string_view build(target, static_cast<size_t>(n));
    const std::string prefix = "." + name + "/";
    if (!build.starts_with(prefix)) return std::nullopt;
    build.remove_prefix(prefix.size());
    if (!boot::is_build_name(build)) return std::nullopt;
    return std::string(build);
}

Result<ImageFolder> ImageFolder::open(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail(ErrorCode::P05, "--images {}: {}", path, strerror(errno));
    return ImageFolder(std::move(fd));
}

UniqueFd ImageFolder::open_build(const std::string& image, const std::string& build) const {
    if (build.empty()) return UniqueFd(openat(fd_.get(), image.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    constexpr int k_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const UniqueFd builds(openat(fd_.get(), ("." + image).c_str(), k_flags));
    return builds ? UniqueFd(openat(builds.get(), build.c_str(), k_flags)) : UniqueFd();
}

std::string ImageFolder::current(const std::string& image) const {
    if (!is_file_name(image)) return {};
    const auto build = build_of_link(fd_.get(), image);
    return build ? build->value_or("") : std::string();
}

bool ImageFolder::has(const std::string& image, const std::string& build) const {
    return build.empty() || static_cast<bool>(open_build(image, build));
}

Result<ImageFile> ImageFolder::file(const std::string& image, const std::string& build,
                                    const std::string& name) const {
    const auto missing = [&] {
        return fail(ErrorCode::P02, "image file {}/{}{}{}", image, build, build.empty() ? "" : "/", name);
    };
    if (!is_file_name(image) || !is_file_name(name) || !(build.empty() || boot::is_build_name(build)))
        return fail(ErrorCode::P02, "image file");
    const UniqueFd folder = open_build(image, build);
    if (!folder) return missing();
    // O_NONBLOCK: a named pipe must not hold the thread before fstat says what it is.
    ImageFile file;
    file.fd.reset(openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info{};
    if (!file.fd || fstat(file.fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return missing();
    file.size = static_cast<uint64_t>(info.st_size);
    file.unchanging = is_digest(name) || !build.empty();
    file.etag = is_digest(name) ? fmt::format("\"{}\"", name)
                                : fmt::format("\"{:x}-{:x}-{:x}\"", info.st_ino, info.st_size,
                                              info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec);
    return file;
}

}  // namespace berth::server
