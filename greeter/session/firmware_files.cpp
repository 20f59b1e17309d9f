// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/firmware_files.h"

namespace berth::session {
namespace {

Result<std::optional<std::string>> read_if_there(volume::UserDirectory& directory, const std::string& vm,
                                                 const std::string& path, size_t limit) {
    auto bytes = directory.read(vm, path, limit);
    if (bytes) return std::optional<std::string>(std::move(*bytes));
    if (bytes.error().code() == ErrorCode::M09) return std::optional<std::string>{};
    return fail(bytes.error());
}

}  // namespace

Result<vm::FirmwareBytes> stored_firmware(volume::UserDirectory& directory, const std::string& vm,
                                          const vm::MachineConfig& config) {
    vm::FirmwareBytes stored;
    if (config.firmware == vm::Firmware::uefi) {
        auto nvram = read_if_there(directory, vm, config.nvram, vm::k_max_nvram);
        if (!nvram) return fail(nvram.error());
        stored.nvram = std::move(*nvram);
    }
    if (config.tpm) {
        auto tpm = read_if_there(directory, vm, std::string(vm::k_tpm_file), vm::k_max_tpm_state);
        if (!tpm) return fail(tpm.error());
        stored.tpm = std::move(*tpm);
    }
    return stored;
}

Result<bool> store_firmware(volume::UserDirectory& directory, const std::string& vm,
                            const vm::MachineConfig& config, const vm::FirmwareBytes& changed) {
    if (changed.nvram)
        if (Status s = directory.replace(vm, config.nvram, *changed.nvram); !s) return fail(s.error());
    if (changed.tpm)
        if (Status s = directory.replace(vm, std::string(vm::k_tpm_file), *changed.tpm); !s)
            return fail(s.error());
    return true;
}

Result<bool> put_firmware(volume::UserDirectory& directory, const std::string& vm, const LockState& lock,
                          const vm::MachineConfig& config, const vm::FirmwareBytes& changed) {
    if (!changed.nvram && !changed.tpm) return true;
    auto holder = directory.holder(vm);
    if (!holder) return fail(holder.error());
    if (!*holder || (*holder)->epoch != lock.epoch || (*holder)->record.nonce != lock.nonce) return false;
    return store_firmware(directory, vm, config, changed);
}

}  // namespace berth::session
