// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/vm_make.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "files/copy_file.h"
#include "guest/machine_text.h"

namespace berth::server {
namespace {

constexpr uint64_t k_mib = 1 << 20;
/// So much of an image is converted at a time: what a crash costs, and, on the way to a server, the room it
/// needs here.
constexpr uint64_t k_local_window = 1024 * k_mib, k_network_window = 256 * k_mib;
constexpr uint64_t k_room_reserve = 16 * k_mib;

/// What another run of the same command would not get further with: no room, a bad or changed source.
bool is_worth_keeping(Condition condition) {
    return condition != Condition::full && condition != Condition::changed && condition != Condition::invalid;
}

/// The error as the administrator reads it, after tidying up as the header says.
Status ended(guest::NewVm& made, const Error& error) {
    const auto with = [&](const std::string& text) { return fail(error.with_detail(error.detail() + text)); };
    if (is_worth_keeping(error.condition()))
        return with(" (what was copied is kept: the same command continues it)");
    if (Status s = made.discard(); !s)
        return with(" (the work so far could not be removed: " + s.error().to_log() + ")");
    return with(" (the work so far was removed)");
}

Status check_room(UserPlace& place, uint64_t needed) {
    auto space = BERTH_TRY(place.ops->space());
    if (needed + k_room_reserve > space.bytes)
        return fail(ErrorCode::M07, "{}: {} MiB are needed, {} MiB are left", place.where,
                    (needed + k_room_reserve + k_mib - 1) / k_mib, space.bytes / k_mib);
    return {};
}

/// A raw image is copied, anything else converted window by window.
Status write_image(UserPlace& place, guest::NewVm& made, const DiskToMake& disk,
                   const files::FileHandle& file, const files::CopyStep& progress, Clock& clock) {
    const ImageSource& image = *disk.image;
    BERTH_TRY(place.ops->set_size(file, image.size));
    const uint64_t begin = std::min(made.done(disk.path), image.size);
    const files::CopyStep step = [&](uint64_t done) -> Status {
        BERTH_TRY(progress(done));
        return made.checkpoint(disk.path, file, done);
    };
    if (image.format == ImageFormat::raw) {
        const files::ReadAt read = [&](uint64_t offset, uint32_t length) {
            return read_raw(image, offset, length);
        };
        return files::copy_range(read, *place.ops, file, begin, image.size, step, clock);
    }
    const uint64_t window = place.local() != nullptr ? k_local_window : k_network_window;
    for (uint64_t at = begin; at < image.size;) {
        const uint64_t end = std::min(at + window, image.size);
        const auto tick = [&] { return progress(at); };
        if (place.local() != nullptr) {
            auto out = BERTH_TRY(place.local()->open_file(file, O_RDWR));
            // What an attempt before us left there.
            if (fallocate(out.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at),
                          static_cast<off_t>(end - at)) != 0)
                return files::fail_file(errno, disk.path);
            BERTH_TRY(convert_window(image, at, end, out.get(), at, tick));
        } else {
            UniqueFd part(open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
            if (!part || ftruncate(part.get(), static_cast<off_t>(end - at)) != 0)
                return fail_errno("a temporary file in /var/tmp");
            BERTH_TRY(convert_window(image, at, end, part.get(), 0, tick));
            const files::ReadAt read = [&](uint64_t offset, uint32_t length) -> Result<std::string> {
                std::string bytes(length, '\0');
                const ssize_t n = pread(part.get(), bytes.data(), length, static_cast<off_t>(offset - at));
                if (n < 0) return fail_errno("read a temporary file");
                bytes.resize(static_cast<size_t>(n));
                return bytes;
            };
            BERTH_TRY(files::copy_range(read, *place.ops, file, at, end, progress, clock));
        }
        at = end;
        BERTH_TRY(progress(at));
        BERTH_TRY(made.checkpoint(disk.path, file, at, true));
    }
    return {};
}

Status fill(UserPlace& place, guest::NewVm& made, const std::string& vm, const guest::MachineConfig& config,
            const std::vector<DiskToMake>& disks, const MakeProgress& progress, Clock& clock) {
    for (const DiskToMake& disk : disks) {
        if (!disk.link.empty()) {
            BERTH_TRY(made.link(disk.path, disk.link));
            continue;
        }
        auto file = BERTH_TRY(made.file(disk.path));
        if (!disk.image) {
            BERTH_TRY(place.ops->set_size(file, disk.size));
            continue;
        }
        const files::CopyStep step = [&](uint64_t done) {
            return progress(vm, disk.path, done, disk.image->size);
        };
        BERTH_TRY(write_image(place, made, disk, file, step, clock));
    }
    for (const DiskToMake& disk : disks)
        if (disk.image) BERTH_TRY(check_unchanged(*disk.image));
    return made.put("machine.toml", guest::format_machine_config(config));
}

}  // namespace

Status make_vm(UserPlace& place, const std::string& vm, const guest::MachineConfig& config,
               const std::vector<DiskToMake>& disks, const std::string& origin, const MakeProgress& progress,
               Clock& clock) {
    // What is written is what a session will read.
    BERTH_TRY(guest::parse_machine_config(guest::format_machine_config(config), "machine.toml"));
    auto me = BERTH_TRY(place.owner());
    auto made = guest::NewVm::begin(*place.ops, vm, me.client, origin, clock);
    if (!made) return fail(made.error().with_prefix(place.where));
    uint64_t needed = 0;
    for (const DiskToMake& disk : disks)
        if (disk.image) {
            const uint64_t done = made->done(disk.path);
            needed += disk.image->needed - std::min(disk.image->needed, done);
        }
    if (Status s = check_room(place, needed); !s) return ended(*made, s.error());
    if (auto* local = place.local()) local->defer_sync(true);
    Status done = fill(place, *made, vm, config, disks, progress, clock);
    if (auto* local = place.local()) {
        local->defer_sync(false);
        if (done) done = local->sync();
    }
    if (!done) return ended(*made, done.error());
    place.wait_for_lost_writes(clock);
    return made->finish();
}

Status clone_vms(UserPlace& from, const std::string& source, HeldLock* lock, std::vector<CloneJob>& jobs,
                 const MakeProgress& progress, Clock& clock) {
    auto folder = BERTH_TRY(find_vm(from, source));
    auto origin = BERTH_TRY(guest::origin_of(*from.ops, folder, from.where + "/" + source));
    auto me = BERTH_TRY(from.owner());

    std::vector<guest::NewVm> made;
    Status failed;
    for (CloneJob& job : jobs) {
        // From the first file on: each sync would write out what the copies before this one left in the
        // cache.
        if (auto* local = job.place.local()) local->defer_sync(true);
        auto begun = guest::NewVm::begin(*job.place.ops, job.vm, me.client, origin, clock);
        if (!begun) {
            failed = fail(begun.error().with_prefix(job.place.where));
            break;
        }
        const guest::PlanVmCopy plan = [&](const std::string& text) {
            return guest::copy_machine_toml(text, source + "/machine.toml", job.uuid, job.mac);
        };
        const guest::CopyProgress step = [&](const std::string& file, uint64_t done,
                                             uint64_t size) -> Status {
            if (lock != nullptr) BERTH_TRY(lock->tick());
            return progress(job.place.user + "/" + job.vm, file, done, size);
        };
        Status copied =
            guest::copy_vm(*from.ops, folder, from.tree(), *begun, *job.place.ops, plan, step, clock);
        if (!copied) {
            failed = ended(*begun, copied.error().with_prefix(job.place.where + "/" + job.vm));
            break;
        }
        made.push_back(std::move(*begun));
    }
    // One sync for each file system, then the names, then one more for those.
    const auto sync_all = [&]() -> Status {
        std::map<dev_t, files::LocalOps*> systems;
        for (CloneJob& job : jobs)
            if (auto* local = job.place.local()) systems[local->device()] = local;
        for (auto& [device, local] : systems) BERTH_TRY(local->sync());
        return {};
    };
    BERTH_TRY(sync_all());
    for (const CloneJob& job : jobs) job.place.wait_for_lost_writes(clock);
    for (auto& m : made)
        if (Status s = m.finish(); !s && failed) failed = s;
    BERTH_TRY(sync_all());
    return failed;
}

}  // namespace berth::server
