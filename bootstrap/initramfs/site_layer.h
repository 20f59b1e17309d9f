// SPDX-License-Identifier: GPL-3.0-or-later
// The site archive as a layer over the image's root.
#pragma once

#include <string>

#include "base/result.h"

namespace berth::boot {

/// Where both layers have a folder, the merged one shows the site's owner and mode (the kernel's
/// Documentation/filesystems/overlayfs.rst, "Directories"). This gives it the image's again, so that an
/// archive that was made by hand, or for another build of the image, closes no folder of it. Folders that the
/// site alone has, and all files, stay as they are: image/site_modes.py makes those right. The three are
/// mounted layers without a slash at the end; no link in them is followed. B07.
Status keep_folder_modes(const std::string& image_layer, const std::string& site_layer,
                         const std::string& merged);

}  // namespace berth::boot
