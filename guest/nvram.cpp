// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/nvram.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>

#include "base/no_links.h"

namespace berth::guest {
namespace {

namespace fs = std::filesystem;

/// `folder` is where root's word ends: below it a link, put there by the volume engine's or the TPM's user,
/// would carry a file of root's to the server.
Result<std::optional<std::string>> changed(const fs::path& folder, const std::string& path,
                                           const std::optional<std::string>& stored, size_t limit) {
    if (path.empty()) return std::nullopt;
    const fs::path below = fs::path(path).lexically_relative(folder);
    const UniqueFd fd = open_below(folder, below, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd && errno == ENOENT) return std::nullopt;
    if (!fd) return fail_errno("open " + path);
    auto bytes = BERTH_TRY(read_open_file(fd.get(), path, limit));
    if (stored && *stored == bytes) return std::nullopt;
    return bytes;
}

Status remove_all(const std::string& path) {
    std::error_code error;
    if (!path.empty()) fs::remove_all(path, error);  // follows no link
    if (error) return fail(ErrorCode::I01, "remove {}: {}", path, error.message());
    return {};
}

}  // namespace

FirmwarePaths firmware_paths(const MachineConfig& config, const std::string& run_dir,
                             std::string_view libvirt_tpm) {
    FirmwarePaths paths = possible_firmware_paths(config.uuid, run_dir, libvirt_tpm);
    if (!has_variables(config.firmware)) paths.nvram.clear();
    if (!config.tpm) paths.tpm = paths.tpm_folder = "";
    return paths;
}

FirmwarePaths possible_firmware_paths(const std::string& uuid, const std::string& run_dir,
                                      std::string_view libvirt_tpm) {
    FirmwarePaths paths;
    paths.nvram = run_dir + "/nvram";
    paths.tpm_folder = fmt::format("{}/{}", libvirt_tpm, uuid);
    paths.tpm = paths.tpm_folder + "/tpm2/tpm2-00.permall";
    return paths;
}

Status place_firmware(const FirmwarePaths& paths, const FirmwareBytes& stored,
                      const std::string& nvram_template) {
    if (!paths.nvram.empty()) {
        const auto fresh = BERTH_TRY(read_file(nvram_template, k_max_nvram));
        if (stored.nvram && stored.nvram->size() != fresh.size())
            return fail(ErrorCode::C03, "nvram: {} bytes: must be {}, or missing to be made anew",
                        stored.nvram->size(), fresh.size());
        BERTH_TRY(write_file_durably(paths.nvram, stored.nvram ? *stored.nvram : fresh));
    }
    if (paths.tpm.empty()) return {};
    // libvirt makes a new TPM only where there is no folder for it.
    BERTH_TRY(remove_all(paths.tpm_folder));
    if (!stored.tpm) return {};
    std::error_code error;
    const fs::path folder = fs::path(paths.tpm).parent_path();
    fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail(ErrorCode::I01, "create {}: {}", folder.string(), error.message());
    return write_file_durably(paths.tpm, *stored.tpm);
}

Result<FirmwareBytes> changed_firmware(const FirmwarePaths& paths, const FirmwareBytes& stored) {
    auto nvram =
        BERTH_TRY(changed(fs::path(paths.nvram).parent_path(), paths.nvram, stored.nvram, k_max_nvram));
    auto tpm =
        BERTH_TRY(changed(fs::path(paths.tpm_folder).parent_path(), paths.tpm, stored.tpm, k_max_tpm_state));
    return FirmwareBytes{std::move(nvram), std::move(tpm)};
}

Status remove_firmware(const FirmwarePaths& paths) {
    // Both are tried, whatever the first says.
    const Status nvram = remove_all(paths.nvram), tpm = remove_all(paths.tpm_folder);
    return nvram ? tpm : nvram;
}

}  // namespace berth::guest
