// SPDX-License-Identifier: GPL-3.0-or-later
// manifest.json: what an image or a site archive consists of (docs/architecture.md "Image"). Untrusted until
// its signature is verified (bootstrap/manifest/minisign.h); parsed strictly even then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::boot {

enum class ManifestKind { image, site };

struct ManifestFile {
    std::string name;  ///< What it is: "root.squashfs". On the server the file is named by its digest.
    uint64_t size = 0;
    std::string digest;  ///< BLAKE2b-256, 64 lower-case hex digits.
    struct ChunkListFile {
        std::string name;
        uint64_t size = 0;
        std::string digest;
        friend bool operator==(const ChunkListFile&, const ChunkListFile&) = default;
    } chunks;
    friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

struct Manifest {
    ManifestKind kind = ManifestKind::image;
    uint64_t version = 0;  ///< Rises; an older one is refused unless the workstation's record allows it.
    std::string created;   ///< RFC 3339 in UTC, for people: "2026-01-01T00:00:00Z".
    std::vector<ManifestFile> files;

    /// nullptr: none of that name.
    const ManifestFile* find(std::string_view name) const;
    friend bool operator==(const Manifest&, const Manifest&) = default;
};

inline constexpr size_t k_max_manifest = 256 * 1024;
inline constexpr size_t k_max_manifest_files = 64;
inline constexpr uint64_t k_max_image_file = 64ULL << 30;
inline constexpr uint64_t k_max_version = 1ULL << 53;

/// "manifest.json" or "site.json".
std::string_view manifest_name(ManifestKind kind);

/// B04 naming the place and the valid range.
Result<Manifest> parse_manifest(std::string_view text);
/// The same manifest gives the same bytes. Ends with a line feed.
std::string format_manifest(const Manifest& manifest);

/// What one build is called, on the server and in URLs: "17-0123456789abcdef", its version and the first
/// 8 bytes of its manifest's BLAKE2b-256. `text` is the manifest's, to the byte.
std::string build_name(uint64_t version, std::string_view text);
bool is_build_name(std::string_view name);

}  // namespace berth::boot
