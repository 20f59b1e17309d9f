// SPDX-License-Identifier: GPL-3.0-or-later
// Fetches one file of an image and lets nothing through that its maker did not sign: signature of the
// manifest, digest of the chunk list, digest of every chunk while it streams, length of the whole
// (docs/security.md "Trust at boot").
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "bootstrap/initramfs/progress.h"
#include "bootstrap/manifest/manifest.h"
#include "bootstrap/manifest/minisign.h"
#include "net/http_client.h"

namespace berth::boot {

struct FetchOrder {
    std::string url;  ///< The image's folder at the server.
    ManifestKind kind = ManifestKind::image;
    PublicKey key;
    uint64_t minimum_version = 0;  ///< A manifest below is B06.
    uint64_t build_version = 0;    ///< A manifest of any other version is of another build; 0: any may come.
    std::string file;              ///< Name in the manifest: "root.squashfs".
    std::string folder;  ///< Where it goes. What lies there under `file` is whole and verified; the part
                         ///< before is "<file>.part".
    net::HttpTimes times;
    unsigned tries = 5;  ///< Transfers in a row that brought no good chunk before it fails.
};

/// Why a fetch failed.
struct FetchFailure {
    Error error;
    /// The server has another build than the one that runs here (docs/architecture.md "Image"): to fetch
    /// again does not help, to boot again does. Its manifest is of another version, another key, or not the
    /// one that the URL names; or a file of the build is not there (404).
    bool other_build = false;
};

struct FetchedFile {
    std::string path;
    uint64_t size = 0;
    uint64_t version = 0;
};

/// A transfer that ended early continues at the first byte not yet verified, after a pause (Backoff). Wrong
/// content is an error at once; nothing is left at the final name then. B02 to B07; an `other_build` that is
/// not older is B07.
std::expected<FetchedFile, FetchFailure> fetch_verified(const FetchOrder& order, net::HttpClient& http,
                                                        Clock& clock, BootProgress& progress);

/// Which version is the oldest to accept: the record's floor always; the initramfs's own version unless the
/// record allows older ones.
constexpr uint64_t version_floor(uint64_t record_minimum, bool allow_older, uint64_t initramfs_version) {
    return allow_older || record_minimum > initramfs_version ? record_minimum : initramfs_version;
}

}  // namespace berth::boot
