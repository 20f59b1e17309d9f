// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/swap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/fd.h"
#include "base/spawn.h"

namespace berth::guest {
namespace {

/// mkntfs writes a bitmap of 32 MiB for the largest disk; the rest takes milliseconds.
constexpr auto k_tool_time = std::chrono::seconds(60);
constexpr size_t k_chunk = 1 << 20;
constexpr size_t k_block = 4096;
/// Where NTFS keeps the volume serial number and its name in a boot sector, little-endian; the copy is the
/// disk's last sector.
constexpr size_t k_sector = 512, k_ntfs_serial = 0x48, k_ntfs_name = 3;

std::string mib(uint64_t bytes) {
    return fmt::format("{} MiB", bytes >> 20);
}

std::unexpected<Error> swap_errno(std::string_view what) {
    const int error = errno;
    return fail(error == ENOSPC || error == EDQUOT ? ErrorCode::S01 : ErrorCode::S02, "{}: {}", what,
                std::generic_category().message(error));
}

/// The tool gets the open file, not its name: nobody can put another in its place.
Status run_tool(std::vector<std::string> arguments, int fd) {
    arguments.emplace_back("/proc/self/fd/3");
    const auto done = run_checked(
        {.arguments = std::move(arguments), .environment = {{"LC_ALL", "C"}}, .descriptors = {{3, fd}}},
        k_tool_time);
    if (!done) return fail(ErrorCode::S02, "{}", done.error().detail());
    return {};
}

Status make_linux_swap(int fd, const SwapSpec& spec) {
    std::vector<std::string> arguments{"mkswap", "--uuid", spec.uuid};
    if (!spec.label.empty()) arguments.insert(arguments.end(), {"--label", spec.label});
    return run_tool(std::move(arguments), fd);
}

Status make_ntfs(int fd, const SwapSpec& spec) {
    // --force: it is a file; the geometry is what Windows expects of a disk.
    std::vector<std::string> arguments{"mkntfs",
                                       "--quiet",
                                       "--quick",
                                       "--force",
                                       "--sector-size",
                                       "512",
                                       "--partition-start",
                                       "0",
                                       "--heads",
                                       "255",
                                       "--sectors-per-track",
                                       "63"};
    if (!spec.label.empty()) arguments.insert(arguments.end(), {"--label", spec.label});
    BERTH_TRY(run_tool(std::move(arguments), fd));
    uint64_t serial = 0;
    std::from_chars(spec.volume_id.data(), spec.volume_id.data() + spec.volume_id.size(), serial, 16);
    std::string bytes;
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(serial >> shift & 0xff);
    for (const uint64_t sector : {uint64_t{0}, spec.size - k_sector}) {
        char name[4];
        if (pread(fd, name, sizeof name, static_cast<off_t>(sector + k_ntfs_name)) != sizeof name ||
            std::string_view(name, 4) != "NTFS")
            return fail(ErrorCode::S02, "mkntfs left no boot sector at byte {}", sector);
        if (!write_at(fd, bytes, sector + k_ntfs_serial)) return swap_errno("write");
    }
    return {};
}

/// Blocks of zeros stay holes.
Status copy_template(int fd, const SwapSpec& spec, const SwapTemplate& source) {
    if (source.size > spec.size)
        return fail(ErrorCode::S03, "{}: {} bytes: must be at most the disk's size, {}", spec.template_path,
                    source.size, mib(spec.size));
    static const std::string zeros(k_block, '\0');
    for (uint64_t offset = 0; offset < source.size; offset += k_chunk) {
        const size_t length = std::min<uint64_t>(k_chunk, source.size - offset);
        const auto data = source.read(offset, length);
        if (!data) return fail(data.error().with_prefix(spec.template_path));
        if (data->size() != length)
            return fail(ErrorCode::S03, "{}: became shorter while it was copied", spec.template_path);
        for (size_t at = 0; at < length; at += k_block) {
            const std::string_view block = std::string_view(*data).substr(at, k_block);
            if (block != std::string_view(zeros).substr(0, block.size()) && !write_at(fd, block, offset + at))
                return swap_errno("write");
        }
    }
    return {};
}

Status fill(int fd, const SwapSpec& spec, const SwapTemplate* source) {
    switch (spec.content) {
        case SwapContent::none:
            return {};
        case SwapContent::linux_swap:
            return make_linux_swap(fd, spec);
        case SwapContent::ntfs:
            return make_ntfs(fd, spec);
        case SwapContent::from_template:
            if (source == nullptr) return fail(ErrorCode::S03, "{}: not there", spec.template_path);
            return copy_template(fd, spec, *source);
    }
    return {};
}

}  // namespace

Status check_swap_room(uint64_t size, uint64_t available, const std::string& where) {
    if (available >= k_swap_reserve && available - k_swap_reserve >= size) return {};
    return fail(ErrorCode::S01, "{}: {} and {} to spare are needed, {} are free", where, mib(size),
                mib(k_swap_reserve), mib(available));
}

Status check_swap_folder(const std::string& folder, uint64_t size) {
    struct statvfs room{};
    if (statvfs(folder.c_str(), &room) != 0) return swap_errno(folder);
    return check_swap_room(size, static_cast<uint64_t>(room.f_bavail) * room.f_frsize, folder);
}

Status make_swap(const std::string& path, const SwapSpec& spec, const SwapTemplate* source,
                 std::optional<SwapOwner> owner) {
    BERTH_TRY(remove_swap(path));
    const std::string folder = std::filesystem::path(path).parent_path();
    BERTH_TRY(check_swap_folder(folder, spec.size));
    // O_EXCL follows no link, whatever was put there since.
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return swap_errno(path);
    Status made;
    if (ftruncate(fd.get(), static_cast<off_t>(spec.size)) != 0) made = swap_errno(path);
    if (made) made = fill(fd.get(), spec, source);
    if (made && owner && fchown(fd.get(), owner->uid, owner->gid) != 0) made = swap_errno(path);
    if (!made) unlink(path.c_str());
    return made;
}

Status remove_swap(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return swap_errno(path);
    return {};
}

}  // namespace berth::guest
