// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/data_partition.h"

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
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/plain_text.h"
#include "base/spawn.h"
#include "base/text.h"
#include "bootstrap/setup/internal_disk.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
constexpr auto k_code = ErrorCode::B10;

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

/// nullopt: not all of it can be read.
std::optional<std::string> read_bytes(int fd, uint64_t from, uint64_t size) {
    std::string bytes(size, '\0');
    if (read_at(fd, bytes, from) != size) return std::nullopt;
    return bytes;
}

bool is_zero(const std::optional<std::string>& bytes) {
    return bytes && bytes->find_first_not_of('\0') == std::string::npos;
}

std::optional<DataMark> read_mark(int fd, uint64_t at) {
    const auto sector = read_bytes(fd, at, k_data_mark_bytes);
    return sector ? parse_data_mark(*sector) : std::nullopt;
}

/// The file system in a partition of an open disk.
void probe_content(int fd, PartitionFacts& part) {
    const Probe probe(blkid_new_probe());
    part.file_system = "?";
    if (!probe || blkid_probe_set_device(probe.get(), fd, static_cast<blkid_loff_t>(part.start),
                                         static_cast<blkid_loff_t>(part.bytes)) != 0)
        return;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    const int found = blkid_do_safeprobe(probe.get());
    if (found == 1) part.file_system.clear();
    if (found == 0) {
        part.file_system = value_of(probe.get(), "TYPE");
        part.label = value_of(probe.get(), "LABEL");
    }
    part.begins_with_zeros = is_zero(read_bytes(fd, part.start, std::min<uint64_t>(part.bytes, k_mib)));
}

bool flag(const fs::path& path) {
    const auto text = read_file(path.string(), 4096);
    return text && text->starts_with('1');
}

/// Its size by the kernel, in units of 512 bytes there; all else as of a disk that cannot be read.
DiskFacts unread_disk(const std::string& path, const fs::path& block) {
    DiskFacts facts{.path = path, .has_table = true, .has_signature = true};
    if (const auto size = read_file((block / "size").string(), 64)) {
        uint64_t sectors = 0;
        std::from_chars(size->data(), size->data() + size->size(), sectors);
        facts.bytes = sectors * 512;
    }
    return facts;
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
    auto result = run_checked({.arguments = std::move(arguments)}, std::chrono::minutes(5), input);
    if (!result) return fail(k_code, "{}", result.error().detail());
    return {};
}

Status write_mark(const WriteMark& step) {
    const UniqueFd fd(open(step.path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return fail(k_code, "open {}: {}", step.path, std::strerror(errno));
    const std::string sector = format_data_mark(step.mark);
    // What the steps before wrote comes first, whatever they left in the kernel's cache.
    if (fsync(fd.get()) != 0) return fail(k_code, "write to {}: {}", step.path, std::strerror(errno));
    if (!write_at(fd.get(), sector, step.offset) || fsync(fd.get()) != 0)
        return fail(k_code, "write the mark of {}: {}", step.path, std::strerror(errno));
    return {};
}

Result<uint64_t> size_of(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const off_t size = fd ? lseek(fd.get(), 0, SEEK_END) : -1;
    if (size < 0) return fail(k_code, "open {}: {}", path, std::strerror(errno));
    return static_cast<uint64_t>(size);
}

/// What making the partition anew takes away. debugfs reads the file system itself, however damaged it is:
/// nothing is mounted.
std::string lost_state(const std::string& partition) {
    auto listed = run({.arguments = {"debugfs", "-R", "ls -p /state", partition}}, std::chrono::minutes(1));
    // Every folder has an entry for itself.
    if (!listed || listed->out.find("/./") == std::string::npos) return "its state, which could not be read";
    return unfinished_sessions(listed->out);
}

Status make(const std::vector<MakeStep>& steps) {
    for (const auto& step : steps) BERTH_TRY(run_step(step));
    return {};
}

Status mount_partition(const std::string& partition, const std::string& target) {
    // 1: errors corrected. What needs a decision (4) is an administrator's: memory until the record says
    // remake.
    auto checked = run({.arguments = {"fsck.ext4", "-p", partition}}, std::chrono::minutes(5));
    if (!checked) return fail(k_code, "{}", checked.error().detail());
    if (checked->exit_code > 1)
        return fail(k_code, "{}: fsck.ext4 ended with code {}{}", partition, checked->exit_code,
                    checked->exit_code == 4 ? ", it leaves errors" : "");
    if (mount(partition.c_str(), target.c_str(), "ext4", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "") !=
        0)
        return fail(k_code, "mount {}: {}", partition, std::strerror(errno));
    return {};
}

/// The mark of what is then mounted.
Result<DataMark> carry_out(const PartitionPlan& plan, const DataRequest& request, const std::string& target,
                           Report& report) {
    DataMark done{.made = true, .remade = request.remake};
    std::string partition;
    if (const auto* use = std::get_if<UsePartition>(&plan)) {
        partition = use->path;
        done = use->mark;
    } else if (const auto* format = std::get_if<FormatPartition>(&plan)) {
        partition = format->path;
        const auto bytes = BERTH_TRY(size_of(partition));
        done.lost = format->holds_state ? lost_state(partition) : format->lost;
        if (!done.lost.empty())
            report.event(Level::warning, "data partition made anew",
                         {{"partition", partition}, {"lost", done.lost}});
        BERTH_TRY(make(steps_to_format(partition, bytes, done)));
    } else if (const auto* create = std::get_if<CreateOnDisk>(&plan)) {
        partition = partition_path(create->path, 1);
        const auto bytes = BERTH_TRY(size_of(create->path));
        done.lost = create->lost;
        BERTH_TRY(make(steps_to_create(create->path, bytes, done)));
    } else {
        return fail(k_code, "{}", std::get<UseMemory>(plan).why);
    }
    BERTH_TRY(mount_partition(partition, target));
    return done;
}

Status make_folder(const std::string& path, mode_t mode, gid_t group) {
    if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make " + path);
    if (chown(path.c_str(), 0, group) != 0 || chmod(path.c_str(), mode) != 0)
        return fail_errno("set the mode of " + path);
    return {};
}

}  // namespace

Status run_step(const MakeStep& step) {
    if (const auto* mark = std::get_if<WriteMark>(&step)) return write_mark(*mark);
    const auto& run = std::get<RunTool>(step);
    return tool(run.arguments, run.input);
}

std::string unfinished_sessions(std::string_view listing) {
    // A line is "/inode/mode/uid/gid/name/size/".
    std::string names;
    size_t count = 0;
    while (!listing.empty()) {
        const size_t end = std::min(listing.find('\n'), listing.size());
        std::string_view line = listing.substr(0, end);
        listing.remove_prefix(std::min(end + 1, listing.size()));
        for (int part = 0; part < 5; ++part) {
            const size_t slash = line.find('/');
            line = slash == std::string_view::npos ? std::string_view() : line.substr(slash + 1);
        }
        std::string_view name = line.substr(0, line.find('/'));
        if (!name.ends_with(".json")) continue;
        name.remove_suffix(std::string_view(".json").size());
        ++count;
        if (names.size() < 256) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    if (count == 0) return {};
    return printable(
        fmt::format("the state of {} unfinished session{}: {}", count, count == 1 ? "" : "s", names), 200);
}

DiskFacts probe_disk(const std::string& path) {
    DiskFacts facts{.path = path, .has_table = true, .has_signature = true};
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const off_t size = fd ? lseek(fd.get(), 0, SEEK_END) : -1;
    if (size < static_cast<off_t>(2 * k_mib)) return facts;
    facts.bytes = static_cast<uint64_t>(size);
    const auto first = read_bytes(fd.get(), 0, k_mib),
               last = read_bytes(fd.get(), facts.bytes - k_mib, k_mib);
    facts.edges_are_zero = is_zero(first) && is_zero(last);
    const Probe probe(blkid_new_probe());
    if (!probe || blkid_probe_set_device(probe.get(), fd.get(), 0, 0) != 0) return facts;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
    const int found = blkid_do_safeprobe(probe.get());
    if (found < 0) return facts;  // Ambivalent (-2) or unreadable: content.
    const std::string table = found == 0 ? value_of(probe.get(), "PTTYPE") : "";
    facts.has_table = !table.empty();
    facts.has_signature = found == 0 && !value_of(probe.get(), "TYPE").empty();
    blkid_partlist list = facts.has_table ? blkid_probe_get_partitions(probe.get()) : nullptr;
    for (int i = 0; list != nullptr && i < blkid_partlist_numof_partitions(list); ++i) {
        blkid_partition p = blkid_partlist_get_partition(list, i);
        PartitionFacts part{.path = partition_path(path, blkid_partition_get_partno(p)),
                            .start = static_cast<uint64_t>(blkid_partition_get_start(p)) * 512,
                            .bytes = static_cast<uint64_t>(blkid_partition_get_size(p)) * 512};
        if (const char* type = blkid_partition_get_type_string(p)) part.type = lower_case(type);
        probe_content(fd.get(), part);
        if (const uint64_t at = data_mark_offset(part.bytes); at != 0 && part.type == k_data_partition_type)
            part.mark = read_mark(fd.get(), part.start + at);
        facts.partitions.push_back(std::move(part));
    }
    // Some versions of libblkid call a protective MBR alone a table.
    if (const uint64_t at = data_mark_offset(whole_disk_partition(facts.bytes));
        at != 0 && (!facts.has_table || table == "PMBR") && !facts.has_signature && first && last &&
        holds_only_our_table(*first, *last))
        if (const auto mark = read_mark(fd.get(), k_mib + at); mark && !mark->made) facts.being_made = mark;
    return facts;
}

std::vector<DiskFacts> read_disks() {
    std::vector<DiskFacts> disks;
    const auto mounts = read_file("/proc/self/mountinfo", 4 << 20);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/sys/block", error)) {
        const fs::path& block = entry.path();
        // Loop devices, RAM disks, zram, device mapper have no hardware behind them; optical drives (SCSI
        // type 5) do not count.
        if (!fs::exists(block / "device", error)) continue;
        if (auto type = read_file((block / "device/type").string(), 64); type && type->starts_with('5'))
            continue;
        if (auto size = read_file((block / "size").string(), 64); size && *size == "0\n") continue;
        // One path of an NVMe disk that has several: no device node.
        if (flag(block / "hidden")) continue;
        std::string name = block.filename().string();
        std::ranges::replace(name, '!', '/');  // cciss!c0d0
        const std::string path = "/dev/" + name;
        const std::string external = why_not_internal(block);
        // What somebody plugged in is listed, not read: nothing need believe its bytes.
        DiskFacts disk = external.empty() ? probe_disk(path) : unread_disk(path, block);
        disk.external = external;
        disk.read_only = flag(block / "ro");
        disk.in_use = in_use(block, disk.path, mounts ? *mounts : disk.path);
        disks.push_back(std::move(disk));
    }
    return disks;
}

Result<DataPlace> prepare_data(const std::vector<DiskFacts>& disks, const DataRequest& request,
                               const std::string& target, Report& report) {
    std::error_code error;
    fs::create_directories(target, error);
    struct stat here{}, parent{};
    struct statfs file_system{};
    // Called again in the same boot: what is mounted stays.
    if (stat(target.c_str(), &here) == 0 && stat((target + "/..").c_str(), &parent) == 0 &&
        here.st_dev != parent.st_dev && statfs(target.c_str(), &file_system) == 0)
        return DataPlace{.persistent = file_system.f_type != TMPFS_MAGIC};
    const auto mark = carry_out(plan_data_partition(disks, request), request, target, report);
    DataPlace place{.persistent = mark.has_value()};
    if (mark) {
        // What was lost is told until the request is gone from the record.
        if (!mark->remade.empty() && mark->remade == request.remake) {
            place.remade = mark->remade;
            if (!mark->lost.empty()) place.why = "made anew, which took away " + mark->lost;
        }
    } else {
        place.why = mark.error().detail();
        report.event(Level::warning, "data kept in memory", {{"why", mark.error().to_log()}});
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
    return place;
}

}  // namespace berth::boot
