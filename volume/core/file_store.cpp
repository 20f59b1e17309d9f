// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/file_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace berth::volume {
namespace {

constexpr int k_punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
constexpr int k_zero = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
/// Of one answer; whoever asked asks for the rest.
constexpr size_t k_most_extents = 4096;

int allocate(int fd, int mode, uint64_t offset, uint64_t count) {
    while (fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(count)) != 0)
        if (errno != EINTR) return errno == EOPNOTSUPP ? ENOTSUP : errno;
    return 0;
}

/// Asked of what is behind the end of the file, where there is nothing to change.
Volume::Abilities abilities_of(int fd, uint64_t size, bool read_only) {
    constexpr uint64_t k_any = 4096;
    const bool punch = !read_only && allocate(fd, k_punch, size, k_any) == 0;
    const bool extents = lseek(fd, 0, SEEK_HOLE) >= 0;
    return {.zero = !read_only, .trim = punch, .extents = extents, .prefetch = true};
}

}  // namespace

Result<std::unique_ptr<FileStore>> FileStore::open(const std::string& path, bool read_only) {
    UniqueFd fd(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return fail(ErrorCode::V02, "{}: {}", path, std::strerror(errno));
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0) return fail(ErrorCode::V02, "{}: {}", path, std::strerror(errno));
    if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::V02, "{}: must be a file", path);
    const auto size = static_cast<uint64_t>(facts.st_size);
    const Volume::Abilities abilities = abilities_of(fd.get(), size, read_only);
    return std::unique_ptr<FileStore>(new FileStore(std::move(fd), size, abilities));
}

void FileStore::read(uint64_t offset, std::span<char> to, Done done) {
    const auto got = read_at(fd_.get(), to, offset);
    if (got) std::memset(to.data() + *got, 0, to.size() - *got);
    done(got ? 0 : errno);
}

void FileStore::write(uint64_t offset, std::string_view bytes, Done done) {
    done(write_at(fd_.get(), bytes, offset) ? 0 : errno);
}

void FileStore::sync(Done done) {
    int error = 0;
    {
        std::lock_guard lock(syncing_);
        if (poisoned_)
            error = EIO;
        else if (fdatasync(fd_.get()) != 0)
            error = errno;
        // The kernel has forgotten what it could not write, and would say that all is well.
        poisoned_ = poisoned_ || error != 0;
    }
    done(error);
}

void FileStore::zero(uint64_t offset, uint64_t count, bool may_punch, Done done) {
    if (count == 0) return done(0);
    if (may_punch && abilities_.trim) return punch(offset, count, std::move(done));
    done(allocate(fd_.get(), k_zero, offset, count));
}

void FileStore::punch(uint64_t offset, uint64_t count, Done done) {
    done(count == 0 ? 0 : allocate(fd_.get(), k_punch, offset, count));
}

void FileStore::extents(uint64_t offset, uint64_t count, std::vector<Extent>& to, Done done) {
    const uint64_t end = offset + count;
    // Another thread's write may come between two questions: then both answers were true.
    for (uint64_t at = offset; at < end && to.size() < k_most_extents;) {
        const off_t data = lseek(fd_.get(), static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno != ENXIO) return done(errno);
        const uint64_t begin = data < 0 ? end : std::min(end, static_cast<uint64_t>(data));
        if (begin > at) {
            to.push_back({at, begin - at, true});
            at = begin;
            continue;
        }
        const off_t hole = lseek(fd_.get(), static_cast<off_t>(at), SEEK_HOLE);
        if (hole < 0 && errno != ENXIO) return done(errno);
        // A hole was made here since: what is not known to be one may be called data.
        const uint64_t after = hole < 0 ? end : std::clamp(static_cast<uint64_t>(hole), at + 1, end);
        to.push_back({at, after - at, false});
        at = after;
    }
    done(0);
}

void FileStore::prefetch(uint64_t offset, uint64_t count, Done done) {
    done(
        posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(count), POSIX_FADV_WILLNEED));
}

}  // namespace berth::volume
