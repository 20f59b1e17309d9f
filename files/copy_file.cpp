// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/copy_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "files/local/local_ops.h"

namespace berth::files {
namespace {

constexpr uint64_t k_mib = 1 << 20;
constexpr uint64_t k_commit_every = 32 * k_mib;
constexpr uint32_t k_network_piece = 1 << 20;
/// Stays in the processor's cache between read and write, and the page cache of the copy is made of small
/// folios: ext4 makes one of 1 MiB for a write of 1 MiB, which took twice the time.
constexpr size_t k_local_piece = 64 * 1024;
/// Zeros of a raw image come in file system blocks; over the network a hole has to be worth a call.
constexpr size_t k_local_grain = 4096, k_network_grain = 65536;

bool all_zero(std::string_view data) {
    return data.empty() ||
           (data[0] == '\0' && std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0);
}

/// The data between two holes of the source, block by block without zeros.
Status copy_extent(int in, int out, uint64_t begin, uint64_t end, std::string& buffer) {
    while (begin < end) {
        const auto n =
            read_at(in, std::span(buffer).first(std::min<uint64_t>(buffer.size(), end - begin)), begin);
        if (!n) return fail_file(errno, "read");
        if (*n == 0) return fail(ErrorCode::M11, "the source ends at {} instead of {}", begin, end);
        const uint64_t at = begin;
        BERTH_TRY(each_data_run({buffer.data(), *n}, k_local_grain,
                                [&](size_t offset, std::string_view run) -> Status {
                                    if (!write_at(out, run, at + offset)) return fail_file(errno, "write");
                                    return {};
                                }));
        begin += *n;
    }
    return {};
}

Status copy_local(int in, int out, uint64_t begin, uint64_t size, const CopyStep& step) {
    std::string buffer(k_local_piece, '\0');
    for (uint64_t at = begin; at < size;) {
        const off_t data = lseek(in, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;  // only a hole is left
        if (data < 0) return fail_file(errno, "seek");
        const off_t hole = lseek(in, data, SEEK_HOLE);
        if (hole < 0) return fail_file(errno, "seek");
        const uint64_t extent_end = std::min(static_cast<uint64_t>(hole), size);
        for (at = static_cast<uint64_t>(data); at < extent_end;) {
            const uint64_t end = std::min(at + k_commit_every, extent_end);
            BERTH_TRY(copy_extent(in, out, at, end, buffer));
            at = end;
            BERTH_TRY(step(at));
        }
        at = std::max(at, extent_end);
    }
    return step(size);
}

/// Stretch by stretch, each again while the server does not answer or was restarted, for `patience`.
Status in_stretches(const std::function<Status(uint64_t begin, uint64_t end)>& copy, uint64_t begin,
                    uint64_t end, const CopyStep& step, Clock& clock, Duration patience) {
    BootTime give_up = clock.now() + patience;
    for (uint64_t at = begin; at < end;) {
        const uint64_t stretch = std::min(at + k_commit_every, end);
        const Status copied = copy(at, stretch);
        if (copied) {
            at = stretch;
            give_up = clock.now() + patience;
            BERTH_TRY(step(at));
            continue;
        }
        const bool again = failed_as(copied, Condition::no_answer) ||
                           failed_as(copied, Condition::unreachable) || failed_as(copied, Condition::stale);
        if (!again || clock.now() >= give_up) return copied;
        clock.sleep(std::chrono::seconds(1));
        BERTH_TRY(step(at));
    }
    return {};
}

}  // namespace

Status copy_stretch(const ReadAt& source, FileOps& to, const FileHandle& target, uint64_t begin,
                    uint64_t end) {
    std::string verifier;
    const auto write = [&](uint64_t offset, std::string_view run) -> Status {
        auto now = BERTH_TRY(to.write(target, offset, run));
        if (!verifier.empty() && now != verifier) return fail(ErrorCode::M10, "the server was restarted");
        verifier = now;
        return {};
    };
    for (uint64_t at = begin; at < end;) {
        auto data =
            BERTH_TRY(source(at, static_cast<uint32_t>(std::min<uint64_t>(k_network_piece, end - at))));
        if (data.empty()) return fail(ErrorCode::M11, "the source ends at {} instead of {}", at, end);
        BERTH_TRY(each_data_run(data, k_network_grain, [&](size_t offset, std::string_view run) {
            return write(at + offset, run);
        }));
        at += data.size();
    }
    if (verifier.empty()) return {};
    auto committed = BERTH_TRY(to.commit(target));
    if (committed != verifier) return fail(ErrorCode::M10, "the server was restarted");
    return {};
}

Status each_data_run(std::string_view data, size_t grain,
                     const std::function<Status(size_t at, std::string_view run)>& write) {
    size_t begin = 0;
    for (size_t at = 0; at < data.size(); at += grain) {
        if (!all_zero(data.substr(at, grain))) continue;
        if (at > begin) BERTH_TRY(write(begin, data.substr(begin, at - begin)));
        begin = at + grain;
    }
    if (begin < data.size()) return write(begin, data.substr(begin));
    return {};
}

Status copy_range(const ReadAt& source, FileOps& to, const FileHandle& target, uint64_t begin, uint64_t end,
                  const CopyStep& step, Clock& clock, Duration patience) {
    const auto copy = [&](uint64_t from, uint64_t until) {
        return copy_stretch(source, to, target, from, until);
    };
    return in_stretches(copy, begin, end, step, clock, patience);
}

Status copy_file(FileOps& from, const FileHandle& source, FileOps& to, const FileHandle& target,
                 uint64_t begin, uint64_t size, const CopyStep& step, Clock& clock) {
    auto* local_from = dynamic_cast<LocalOps*>(&from);
    auto* local_to = dynamic_cast<LocalOps*>(&to);
    if (local_from == nullptr || local_to == nullptr) {
        BERTH_TRY(to.set_size(target, size));
        const ReadAt read = [&](uint64_t offset, uint32_t length) {
            return from.read(source, offset, length);
        };
        const auto copy = [&](uint64_t at, uint64_t until) {
            if (auto copied = to.copy_here(from, source, target, at, until)) return *copied;
            return copy_stretch(read, to, target, at, until);
        };
        return in_stretches(copy, begin, size, step, clock, k_copy_patience);
    }
    auto in = BERTH_TRY(local_from->open_file(source, O_RDONLY));
    auto out = BERTH_TRY(local_to->open_file(target, O_RDWR));
    if (begin == 0 && ioctl(out.get(), FICLONE, in.get()) == 0) return step(size);
    if (ftruncate(out.get(), static_cast<off_t>(size)) != 0) return fail_file(errno, "ftruncate");
    return copy_local(in.get(), out.get(), begin, size, step);
}

}  // namespace berth::files
