// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/vm_check.h"

#include "guest/nvram.h"

namespace berth::guest {
namespace {

/// A file that the session reads whole; it may be missing.
void check_small_file(UserDirectory& directory, const std::string& vm, const std::string& path, size_t limit,
                      std::vector<Finding>& found) {
    auto facts = directory.facts(vm, path);
    if (failed_as(facts, Condition::absent)) return;
    if (!facts)
        found.push_back({true, facts.error()});
    else if (!facts->regular || !facts->readable)
        found.push_back({true, Error(ErrorCode::M32, path + " is not a file that you may read")});
    else if (facts->size > limit)
        found.push_back({true, Error(ErrorCode::C03, fmt::format("{}: {} bytes: must be at most {}", path,
                                                                 facts->size, limit))});
}

}  // namespace

Result<MachineConfig> read_machine_config(UserDirectory& directory, const std::string& vm,
                                          std::string& text) {
    auto read = directory.read(vm, k_machine_file, k_max_machine_file);
    if (!read)
        return fail(
            Error(ErrorCode::M33, fmt::format("{}/{}: {}", vm, k_machine_file, read.error().to_log())));
    text = std::move(*read);
    return parse_machine_config(text, vm + "/" + k_machine_file);
}

Status check_disk(UserDirectory& directory, const std::string& vm, const Disk& disk) {
    if (disk.path.empty()) return {};
    auto facts = directory.facts(vm, disk.path);
    if (!facts)
        return fail(Error(ErrorCode::M32, fmt::format("disk \"{}\": {}", disk.name, facts.error().to_log())));
    if (!facts->regular) return fail(ErrorCode::M32, "disk \"{}\": {} is not a file", disk.name, disk.path);
    if (facts->size == 0) return fail(ErrorCode::M32, "disk \"{}\": {} is empty", disk.name, disk.path);
    if (!facts->readable)
        return fail(ErrorCode::M32, "disk \"{}\": you may not read {}", disk.name, disk.path);
    if (!disk.read_only && disk.role != DiskRole::shared && !facts->writable)
        return fail(ErrorCode::M32, "disk \"{}\": you may not write {}", disk.name, disk.path);
    return {};
}

Status check_disks(UserDirectory& directory, const std::string& vm, const MachineConfig& config) {
    for (const Disk& disk : config.disks) BERTH_TRY(check_disk(directory, vm, disk));
    return {};
}

std::vector<lock::ConfiguredDisk> recorded_disks(const MachineConfig& config) {
    std::vector<lock::ConfiguredDisk> recorded;
    for (const Disk& disk : config.disks)
        if (disk.role != DiskRole::swap && disk.role != DiskRole::shared)
            recorded.push_back({disk.name, disk.path});
    return recorded;
}

std::vector<Finding> check_vm(UserDirectory& directory, const std::string& vm,
                              std::optional<MachineConfig>& config) {
    std::vector<Finding> found;
    const auto note = [&](const Status& status) {
        if (!status) found.push_back({true, status.error()});
    };
    note(directory.check_writable(vm));
    std::string text;
    auto read = read_machine_config(directory, vm, text);
    if (read) {
        config = std::move(*read);
        for (const Disk& disk : config->disks) {
            note(check_disk(directory, vm, disk));
            if (disk.swap && disk.swap->content == SwapContent::from_template) {
                auto facts = directory.facts(vm, disk.swap->template_path);
                if (!facts)
                    found.push_back({true, facts.error()});
                else if (facts->size > disk.swap->size)
                    found.push_back(
                        {true, Error(ErrorCode::S03,
                                     fmt::format("{}: {} bytes: must be at most {}", disk.swap->template_path,
                                                 facts->size, disk.swap->size))});
            }
        }
        if (!config->nvram.empty()) check_small_file(directory, vm, config->nvram, k_max_nvram, found);
        if (config->tpm) check_small_file(directory, vm, std::string(k_tpm_file), k_max_tpm_state, found);
    } else {
        found.push_back({true, read.error()});
    }
    auto holder = directory.holder(vm);
    if (!holder)
        found.push_back({true, holder.error()});
    else if (*holder)
        found.push_back(
            {true, Error(ErrorCode::K01,
                         fmt::format("workstation {}, user {}, since {} (last sign of life "
                                     "{} s ago)",
                                     (*holder)->record.owner.host, (*holder)->record.owner.user,
                                     (*holder)->record.since, (*holder)->last_sign_of_life.count()))});
    auto space = directory.space_left();
    if (!space)
        found.push_back({true, space.error()});
    else if (space->bytes < k_little_space)
        found.push_back(
            {false, Error(ErrorCode::M07, fmt::format("only {} MiB are left", space->bytes >> 20))});
    return found;
}

}  // namespace berth::guest
