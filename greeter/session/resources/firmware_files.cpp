// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/firmware_files.h"

namespace berth::session {
namespace {

Result<std::optional<std::string>> read_if_there(guest::UserDirectory& directory, const std::string& vm,
                                                 const std::string& path, size_t limit) {
    auto bytes = directory.read(vm, path, limit);
    if (bytes) return std::optional<std::string>(std::move(*bytes));
    if (failed_as(bytes, Condition::absent)) return std::optional<std::string>{};
    return fail(bytes.error());
}

}  // namespace

Result<guest::FirmwareBytes> stored_firmware(guest::UserDirectory& directory, const std::string& vm,
                                             const guest::MachineConfig& config) {
    guest::FirmwareBytes stored;
    if (guest::has_variables(config.firmware)) {
        stored.nvram = BERTH_TRY(read_if_there(directory, vm, config.nvram, guest::k_max_nvram));
    }
    if (config.tpm) {
        stored.tpm =
            BERTH_TRY(read_if_there(directory, vm, std::string(guest::k_tpm_file), guest::k_max_tpm_state));
    }
    return stored;
}

Status put_firmware(guest::UserDirectory& directory, const std::string& vm,
                    const guest::MachineConfig& config, const guest::FirmwareBytes& bytes,
                    const guest::UserDirectory::MayRename& may_write) {
    if (bytes.nvram) BERTH_TRY(directory.replace(vm, config.nvram, *bytes.nvram, may_write));
    if (bytes.tpm) BERTH_TRY(directory.replace(vm, std::string(guest::k_tpm_file), *bytes.tpm, may_write));
    return {};
}

Status keep_firmware_aside(guest::UserDirectory& directory, const std::string& vm, uint64_t epoch,
                           const guest::FirmwareBytes& bytes) {
    const auto always = [] { return Status{}; };
    if (bytes.nvram)
        BERTH_TRY(directory.replace(vm, fmt::format("nvram.unsaved-{}", epoch), *bytes.nvram, always));
    if (bytes.tpm)
        BERTH_TRY(directory.replace(vm, fmt::format("{}.unsaved-{}", guest::k_tpm_file, epoch), *bytes.tpm,
                                    always));
    return {};
}

}  // namespace berth::session
