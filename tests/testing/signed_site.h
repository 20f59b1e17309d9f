// SPDX-License-Identifier: GPL-3.0-or-later
// A site archive as build-image.sh leaves it, signed with a key of its own.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "bootstrap/manifest/image_tool.h"

namespace berth::boot {

/// Makes `folder`/site of that version, and the key `folder`/key.pub that it is signed with.
inline void make_signed_site(const std::string& folder, uint64_t version) {
    ASSERT_TRUE(make_keys(folder + "/key", folder + "/key.pub"));
    std::ofstream(folder + "/site.squashfs") << std::string(100'000, 'x');
    ASSERT_TRUE(make_image({.kind = ManifestKind::site,
                            .version = version,
                            .created = "2026-01-01T00:00:00Z",
                            .files = {folder + "/site.squashfs"},
                            .out = folder + "/site"}));
    ASSERT_TRUE(sign_file(folder + "/key", folder + "/site/site.json"));
}

}  // namespace berth::boot
