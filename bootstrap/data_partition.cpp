// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/data_partition.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/fd.h"
#include "base/spawn.h"
#include "bootstrap/internal_disk.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
constexpr auto k_code = ErrorCode::B10;
constexpr off_t k_edge = 1 << 20;

struct ProbeDeleter {
    void operator()(blkid_probe p) const { blkid_free_probe(p); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, ProbeDeleter>;

std::string value_of(blkid_probe probe, const char* name) {
    const char* data = nullptr;
    size_t size = 0;
    if (blkid_probe_lookup_value(probe, name, &data, &size) != 0 || size == 0) return {};
    return std::string(data, strnlen(data, size));
}

bool is_zero(int fd, off_t from, off_t size) {
    std::string bytes(static_cast<size_t>(size), '\1');
    size_t got = 0;
    while (got < bytes.size()) {
        const ssize_t n = pread(fd, bytes.data() + got, bytes.size() - got, from + static_cast<off_t>(got));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += static_cast<size_t>(n);
    }
    return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

/// The file system in `size` bytes from `start` of an open disk.
void probe_content(int fd, off_t start, off_t size, PartitionFacts& part) {
    const Probe probe(blkid_new_probe());
    part.file_system = "?";
    if (!probe || blkid_probe_set_device(probe.get(), fd, start, size) != 0) return;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    const int found = blkid_do_safeprobe(probe.get());
    if (found == 1) part.file_system.clear();
    if (found == 0) {
        part.file_system = value_of(probe.get(), "TYPE");
        part.label = value_of(probe.get(), "LABEL");
    }
    part.begins_with_zeros = is_zero(fd, start, std::min(size, k_edge));
}

bool flag(const fs::path& path) {
    const auto text = read_file(path.string(), 4096);
    return text && text->starts_with('1');
}

/// Mounted (also a part of it), or held by device mapper, RAID and the like.
bool in_use(const fs::path& block, const std::string& path, const std::string& mounts) {
    std::error_code error;
    if (mounts.find(path) != std::string::npos) return true;
    const auto held = [&](const fs::path& p) { return fs::exists(p, error) && !fs::is_empty(p, error); };
    if (held(block / "holders")) return true;
    for (const auto& entry : fs::directory_iterator(block, error))
        if (fs::exists(entry.path() / "partition", error) && held(entry.path() / "holders")) return true;
    return false;
}

Status tool(std::vector<std::string> arguments, std::string_view input = {}) {
    auto result = run_checked({.arguments = std::move(arguments), .environment = {}, .descriptors = {}},
                              std::chrono::minutes(5), input);
    if (!result) return fail(k_code, "{}", result.error().detail());
    return {};
}

Status make_file_system(const std::string& partition) {
    return tool({"mkfs.ext4", "-q", "-F", "-L", k_data_label, "-m", "0", partition});
}

Status mount_partition(const std::string& partition, const std::string& target) {
    // 1: errors corrected. What needs a decision (4) is not ours to decide: memory then.
    auto checked = run({.arguments = {"fsck.ext4", "-p", partition}, .environment = {}, .descriptors = {}},
                       std::chrono::minutes(5));
    if (!checked) return fail(k_code, "{}", checked.error().detail());
    if (checked->exit_code > 1)
        return fail(k_code, "{}: fsck.ext4 ended with code {}", partition, checked->exit_code);
    if (mount(partition.c_str(), target.c_str(), "ext4", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "") !=
        0)
        return fail(k_code, "mount {}: {}", partition, std::strerror(errno));
    return {};
}

Status carry_out(const PartitionPlan& plan, const std::string& target) {
    if (const auto* use = std::get_if<UsePartition>(&plan)) return mount_partition(use->path, target);
    if (const auto* format = std::get_if<FormatPartition>(&plan)) {
        BERTH_TRY(make_file_system(format->path));
        return mount_partition(format->path, target);
    }
    if (const auto* create = std::get_if<CreateOnDisk>(&plan)) {
        BERTH_TRY(tool({"sfdisk", "--quiet", "--wipe", "never", create->path}, sfdisk_script()));
        BERTH_TRY(tool({"udevadm", "settle", "--timeout=20"}));
        const std::string partition = partition_path(create->path, 1);
        BERTH_TRY(make_file_system(partition));
        return mount_partition(partition, target);
    }
    return fail(k_code, "{}", std::get<UseMemory>(plan).why);
}

Status make_folder(const std::string& path, mode_t mode, gid_t group) {
    if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make " + path);
    if (chown(path.c_str(), 0, group) != 0 || chmod(path.c_str(), mode) != 0)
        return fail_errno("set the mode of " + path);
    return {};
}

}  // namespace

std::string partition_path(const std::string& disk, int number) {
    const bool digit = !disk.empty() && disk.back() >= '0' && disk.back() <= '9';
    return fmt::format("{}{}{}", disk, digit ? "p" : "", number);
}

DiskFacts probe_disk(const std::string& path) {
    DiskFacts facts{.path = path, .has_table = true, .has_signature = true, .partitions = {}};
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const off_t size = fd ? lseek(fd.get(), 0, SEEK_END) : -1;
    if (size < 2 * k_edge) return facts;
    facts.bytes = static_cast<uint64_t>(size);
    facts.edges_are_zero = is_zero(fd.get(), 0, k_edge) && is_zero(fd.get(), size - k_edge, k_edge);
    const Probe probe(blkid_new_probe());
    if (!probe || blkid_probe_set_device(probe.get(), fd.get(), 0, 0) != 0) return facts;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
    const int found = blkid_do_safeprobe(probe.get());
    if (found < 0) return facts;  // Ambivalent (-2) or unreadable: content.
    facts.has_table = found == 0 && !value_of(probe.get(), "PTTYPE").empty();
    facts.has_signature = found == 0 && !value_of(probe.get(), "TYPE").empty();
    blkid_partlist list = facts.has_table ? blkid_probe_get_partitions(probe.get()) : nullptr;
    for (int i = 0; list != nullptr && i < blkid_partlist_numof_partitions(list); ++i) {
        blkid_partition p = blkid_partlist_get_partition(list, i);
        PartitionFacts part{.path = partition_path(path, blkid_partition_get_partno(p)),
                            .type = {},
                            .file_system = {},
                            .label = {}};
        if (const char* type = blkid_partition_get_type_string(p)) part.type = type;
        for (char& c : part.type)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        probe_content(fd.get(), blkid_partition_get_start(p) * 512, blkid_partition_get_size(p) * 512, part);
        facts.partitions.push_back(std::move(part));
    }
    return facts;
}

std::vector<DiskFacts> read_disks() {
    std::vector<DiskFacts> disks;
    const auto mounts = read_file("/proc/self/mountinfo", 4 << 20);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/sys/block", error)) {
        const fs::path& block = entry.path();
        // Loop devices, RAM disks, zram, device mapper have no hardware behind them; optical drives (SCSI
        // type 5) are no place.
        if (!fs::exists(block / "device", error)) continue;
        if (auto type = read_file((block / "device/type").string(), 64); type && type->starts_with('5'))
            continue;
        if (auto size = read_file((block / "size").string(), 64); size && *size == "0\n") continue;
        // One path of an NVMe disk that has several: no device node.
        if (flag(block / "hidden")) continue;
        std::string name = block.filename().string();
        std::ranges::replace(name, '!', '/');  // cciss!c0d0
        DiskFacts disk = probe_disk("/dev/" + name);
        disk.read_only = flag(block / "ro");
        disk.external = why_not_internal(block);
        disk.in_use = in_use(block, disk.path, mounts ? *mounts : disk.path);
        disks.push_back(std::move(disk));
    }
    return disks;
}

Result<bool> prepare_data(const std::vector<DiskFacts>& disks, bool may_create, const std::string& target,
                          Report& report) {
    std::error_code error;
    fs::create_directories(target, error);
    struct stat here {
    }, parent{};
    struct statfs file_system {};
    // Called again in the same boot: what is mounted stays.
    if (stat(target.c_str(), &here) == 0 && stat((target + "/..").c_str(), &parent) == 0 &&
        here.st_dev != parent.st_dev && statfs(target.c_str(), &file_system) == 0)
        return file_system.f_type != TMPFS_MAGIC;
    const Status status = carry_out(plan_data_partition(disks, may_create), target);
    if (!status) {
        report.event(Level::warning, "data kept in memory", {{"why", status.error().to_log()}});
        if (mount("tmpfs", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0711,size=50%") !=
            0)
            return fail_errno("mount a tmpfs at " + target);
    }
    BERTH_TRY(make_folder(target, 0711, 0));
    BERTH_TRY(make_folder(target + "/state", 0700, 0));
    // The volume engine opens the swap files that the session makes and hands to it; it may pass through, not
    // look around.
    const group* volume = getgrnam("_berth-volume");
    BERTH_TRY(make_folder(target + "/swap", volume != nullptr ? 0710 : 0700,
                          volume != nullptr ? volume->gr_gid : 0));
    return status.has_value();
}

}  // namespace berth::boot
