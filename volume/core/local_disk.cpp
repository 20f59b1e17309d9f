// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/local_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace berth::volume {

Result<std::unique_ptr<LocalDisk>> LocalDisk::open(const std::string& path, bool read_only) {
    UniqueFd fd(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return fail(ErrorCode::V02, "{}: {}", path, std::strerror(errno));
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0) return fail(ErrorCode::V02, "{}: {}", path, std::strerror(errno));
    if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::V02, "{}: must be a file", path);
    return std::unique_ptr<LocalDisk>(new LocalDisk(std::move(fd), static_cast<uint64_t>(facts.st_size)));
}

int LocalDisk::read(char* buffer, uint32_t count, uint64_t offset) {
    counters_.reads++;
    counters_.bytes_read += count;
    const auto got = read_at(fd_.get(), {buffer, count}, offset);
    if (!got) return errno;
    std::memset(buffer + *got, 0, count - *got);
    return 0;
}

int LocalDisk::write(const char* data, uint32_t count, uint64_t offset, bool fua) {
    counters_.writes++;
    counters_.bytes_written += count;
    if (!write_at(fd_.get(), {data, count}, offset)) return errno;
    return fua ? flush() : 0;
}

int LocalDisk::flush() {
    if (poisoned_) return EIO;
    if (fdatasync(fd_.get()) == 0) return 0;
    const int error = errno;
    poisoned_ = true;
    return error;
}

}  // namespace berth::volume
