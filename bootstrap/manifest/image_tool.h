// SPDX-License-Identifier: GPL-3.0-or-later
// What berth-image(1) does, on the build host: turn built files into what a provisioner serves.
#pragma once

#include <string>
#include <vector>

#include "bootstrap/manifest/manifest.h"

namespace berth::boot {

struct ManifestOrder {
    ManifestKind kind = ManifestKind::image;
    uint64_t version = 0;
    std::string created;
    std::vector<std::string> files;  ///< Paths; the manifest names them by their last part.
    std::string out;                 ///< Folder, made when missing.
};

/// Puts every file (a hard link where that works, else a copy) and its chunk list under its digest into
/// `out`, and writes the manifest.
Status make_image(const ManifestOrder& order);

/// Makes FILE.minisig. The trusted comment names the file only, so that equal input gives equal bytes.
Status sign_file(const std::string& secret_key_path, const std::string& path);
Status make_keys(const std::string& secret_path, const std::string& public_path);
Status verify_file(const std::string& public_key_path, const std::string& path);
/// Every file of the manifest in `folder` is there and is what the manifest says.
Status check_image(const std::string& folder, ManifestKind kind);

int image_main(int argc, char** argv);

}  // namespace berth::boot
