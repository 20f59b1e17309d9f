// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/site_layer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
constexpr auto k_code = ErrorCode::B07;

/// False: not a folder.
bool is_folder(const std::string& path, struct stat& st) {
    return lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

/// Writes only what differs: a folder that is changed is copied into memory.
Status keep_mode(const std::string& image, const std::string& merged) {
    struct stat wanted{}, here{};
    if (!is_folder(image, wanted) || !is_folder(merged, here)) return {};
    const bool owner_differs = here.st_uid != wanted.st_uid || here.st_gid != wanted.st_gid;
    if (owner_differs && lchown(merged.c_str(), wanted.st_uid, wanted.st_gid) != 0)
        return fail(k_code, "give {} its owner: {}", merged, std::strerror(errno));
    if ((owner_differs || here.st_mode != wanted.st_mode) &&
        chmod(merged.c_str(), wanted.st_mode & 07777) != 0)
        return fail(k_code, "give {} its mode: {}", merged, std::strerror(errno));
    return {};
}

}  // namespace

Status keep_folder_modes(const std::string& image_layer, const std::string& site_layer,
                         const std::string& merged) {
    BERTH_TRY(keep_mode(image_layer, merged));
    std::error_code error;
    for (fs::recursive_directory_iterator it(site_layer, error), end; !error && it != end;
         it.increment(error)) {
        const std::string below = it->path().string().substr(site_layer.size());
        struct stat st{};
        if (!is_folder(it->path().string(), st)) continue;
        // What the image has not as a folder hides all below it.
        if (!is_folder(image_layer + below, st)) {
            it.disable_recursion_pending();
            continue;
        }
        BERTH_TRY(keep_mode(image_layer + below, merged + below));
    }
    if (error) return fail(k_code, "read the site archive: {}", error.message());
    return {};
}

}  // namespace berth::boot
