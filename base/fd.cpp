// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace berth {
namespace {

Status sync_folder_of(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    UniqueFd fd(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + folder.string());
    if (fsync(fd.get()) != 0) return fail_errno("fsync " + folder.string());
    return {};
}

}  // namespace

void UniqueFd::reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
}

Status write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t n = write(fd, data.data(), data.size());
        if (n >= 0) {
            data.remove_prefix(static_cast<size_t>(n));
        } else if (errno == EAGAIN) {
            pollfd p{.fd = fd, .events = POLLOUT, .revents = 0};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return fail_errno("write");
        }
    }
    return {};
}

std::optional<size_t> read_at(int fd, std::span<char> to, uint64_t offset) {
    size_t done = 0;
    while (done < to.size()) {
        const ssize_t n = pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::nullopt;
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    return done;
}

bool write_at(int fd, std::string_view data, uint64_t offset) {
    while (!data.empty()) {
        const ssize_t n = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data.remove_prefix(static_cast<size_t>(n));
        offset += static_cast<uint64_t>(n);
    }
    return true;
}

Result<std::string> read_file(const std::string& path, size_t limit) {
    // O_NONBLOCK: a FIFO put in a file's place must not hang the reader; fstat refuses it right after.
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return fail_errno("open " + path);
    return read_open_file(fd.get(), path, limit);
}

Result<std::string> read_open_file(int fd, const std::string& path, size_t limit) {
    struct stat st{};
    if (fstat(fd, &st) != 0) return fail_errno("stat " + path);
    if (!S_ISREG(st.st_mode)) return fail(ErrorCode::I01, "{}: not a regular file", path);
    std::string text;
    char buffer[16384];
    while (true) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0) return text;
        if (n < 0) {
            if (errno == EINTR) continue;
            return fail_errno("read " + path);
        }
        if (text.size() + static_cast<size_t>(n) > limit)
            return fail(ErrorCode::I01, "{}: larger than {} bytes", path, limit);
        text.append(buffer, static_cast<size_t>(n));
    }
}

Status write_file_durably(const std::string& path, std::string_view data, unsigned mode,
                          std::optional<FileOwner> owner) {
    const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
    // What a dead process of our number left, or somebody put there: only a file of our own making will do.
    unlink(temporary.c_str());
    UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) return fail_errno("create " + temporary);
    Status written = write_all(fd.get(), data);
    if (written && owner && fchown(fd.get(), owner->uid, owner->gid) != 0)
        written = fail_errno("chown " + temporary);
    if (written && fsync(fd.get()) != 0) written = fail_errno("fsync " + temporary);
    if (written && rename(temporary.c_str(), path.c_str()) != 0) written = fail_errno("rename to " + path);
    if (!written) {
        unlink(temporary.c_str());
        return written;
    }
    return sync_folder_of(path);
}

Status remove_file_durably(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path);
    return sync_folder_of(path);
}

}  // namespace berth
