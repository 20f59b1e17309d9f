// SPDX-License-Identifier: GPL-3.0-or-later
// A disk image that is imported: hostile input. The format is told to qemu-img(1) and never guessed by it, no
// backing file and no second file is ever opened, and the image is handed over as an open descriptor.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace berth::server {

enum class ImageFormat { raw, qcow2, vmdk, vdi, vhdx };
std::string_view format_name(ImageFormat format);
std::optional<ImageFormat> parse_format(std::string_view name);

/// So much of an image's begin is looked at.
inline constexpr size_t k_image_head = 512;
/// By its magic number; nullopt: none that we know, which a raw image is too.
std::optional<ImageFormat> format_of(std::string_view head);
/// P24 when the head of an image of that format says that it needs another file (a backing file, external
/// data, extents), is encrypted, or is not such an image. Pure.
Status check_image_head(ImageFormat format, std::string_view head, const std::string& name);

inline constexpr uint64_t k_max_image = 64ULL << 40;

struct ImageSource {
    std::string name;  ///< For people: the path, or "appliance.ova: disk1.vmdk".
    std::string path;
    UniqueFd fd;
    ImageFormat format = ImageFormat::raw;
    uint64_t offset = 0, length = 0;  ///< Where in the file it is; a member of an OVA.
    uint64_t size = 0;                ///< Of the disk, rounded up to whole sectors.
    uint64_t bytes = 0;               ///< Of a raw image, to the byte.
    uint64_t needed = 0;              ///< Room that the raw disk takes.
    uint64_t file_size = 0;           ///< As it was opened, like mtime_ns.
    int64_t mtime_ns = 0;
};

/// Opens a regular file, never through a symbolic link at its end. One whose format names files (all but raw)
/// must be root's or the caller's and writable by nobody else: its head is checked here, and qemu-img reads
/// it again, as the caller. `format`: as given, else by magic; an image without one is raw only when it is
/// said to be (".raw", ".img", ".iso") or given. `length` 0: to the end of the file.
Result<ImageSource> open_image(const std::string& path, std::optional<ImageFormat> format,
                               uint64_t offset = 0, uint64_t length = 0);

/// Some bytes of a raw image's disk; what is behind its end, in its last sector, is zeros. M37 when the file
/// is shorter than it was.
Result<std::string> read_raw(const ImageSource& image, uint64_t offset, uint32_t length);
/// M37 when the file was written to since it was opened.
Status check_unchanged(const ImageSource& image);

/// Writes the disk's bytes from `begin` to `end` into `target` at `target_offset`, where zeros are. `tick` is
/// called each second; its error ends it. P26.
Status convert_window(const ImageSource& image, uint64_t begin, uint64_t end, int target,
                      uint64_t target_offset, const std::function<Status()>& tick);

}  // namespace berth::server
