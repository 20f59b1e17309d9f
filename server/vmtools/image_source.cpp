// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/image_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/no_links.h"
#include "base/spawn.h"
#include "base/strict_json.h"
#include "files/local/local_ops.h"

namespace berth::server {
namespace {

using nlohmann::json;

constexpr uint64_t k_sector = 512;
const JsonFormat k_qemu_img{.name = "answer of qemu-img",
                            .code = ErrorCode::P26,
                            .unknown = JsonFormat::ignore,
                            .why = "another project's program, whose answers grow",
                            .longest = 16 << 20};
constexpr std::pair<ImageFormat, std::string_view> k_formats[] = {{ImageFormat::raw, "raw"},
                                                                  {ImageFormat::qcow2, "qcow2"},
                                                                  {ImageFormat::vmdk, "vmdk"},
                                                                  {ImageFormat::vdi, "vdi"},
                                                                  {ImageFormat::vhdx, "vhdx"}};

uint64_t big_endian(std::string_view head, size_t at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(head[at + i]);
    return value;
}

uint64_t little_endian(std::string_view head, size_t at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(head[at + i]);
    return value;
}

/// The image as QEMU's block layer is told to open it: no probing, no backing file whatever it says.
json node(const ImageSource& image) {
    json file = {{"driver", "file"}, {"filename", "/proc/self/fd/3"}};
    if (image.offset != 0 || image.length != 0)
        file = {{"driver", "raw"}, {"offset", image.offset}, {"size", image.length}, {"file", file}};
    if (image.format == ImageFormat::raw) return {{"driver", "raw"}, {"file", file}};
    return {{"driver", format_name(image.format)}, {"backing", nullptr}, {"file", file}};
}

Result<json> ask_qemu(const ImageSource& image, std::vector<std::string> arguments) {
    arguments.push_back("json:" + node(image).dump());
    SpawnOptions options{.arguments = std::move(arguments), .descriptors = {{3, image.fd.get()}}};
    auto output = BERTH_TRY(run(std::move(options), std::chrono::seconds(60)));
    if (output.exit_code != 0)
        return fail(ErrorCode::P24, "{}: {}", image.name, output.err.substr(0, output.err.find('\n')));
    auto answer = parse_json(output.out, k_qemu_img);
    if (!answer) return fail(answer.error().with_prefix(image.name));
    return answer;
}

Status measure(ImageSource& image) {
    auto info = BERTH_TRY(ask_qemu(image, {"qemu-img", "info", "--force-share", "--output=json"}));
    for (const char* key : {"backing-filename", "full-backing-filename"})
        if (info.contains(key))
            return fail(ErrorCode::P24, "{}: has a backing file: must be one complete image", image.name);
    const auto size = json_number(json_member(info, "virtual-size"), 0, UINT64_MAX);
    if (!size) return fail(ErrorCode::P26, "{}: no size", image.name);
    image.size = *size;
    auto measured = ask_qemu(image, {"qemu-img", "measure", "-O", "raw", "--output=json", "--force-share"});
    image.needed = json_number(json_member(measured.value_or(json()), "required"), 0, UINT64_MAX).value_or(0);
    return {};
}

/// Whoever may write to it could name other files in it between two looks of ours.
Status check_owner(const struct stat& s, const std::string& path) {
    const char* sudo = geteuid() == 0 ? getenv("SUDO_UID") : nullptr;
    const bool ours =
        s.st_uid == 0 || s.st_uid == geteuid() || (sudo != nullptr && std::to_string(s.st_uid) == sudo);
    if (ours && (s.st_mode & 022) == 0) return {};
    return fail(ErrorCode::P24,
                "{}: is user {}'s with mode {:03o} and might be changed while it is read: must be root's or "
                "yours, writable by nobody else "
                "(copy it to a folder of your own)",
                path, s.st_uid, s.st_mode & 0777);
}

}  // namespace

std::string_view format_name(ImageFormat format) {
    for (const auto& [f, name] : k_formats)
        if (f == format) return name;
    return "raw";
}

std::optional<ImageFormat> parse_format(std::string_view name) {
    for (const auto& [format, n] : k_formats)
        if (n == name) return format;
    return std::nullopt;
}

std::optional<ImageFormat> format_of(std::string_view head) {
    if (head.starts_with("QFI\xfb")) return ImageFormat::qcow2;
    if (head.starts_with("KDMV") || head.starts_with("COWD") || head.starts_with("# Disk DescriptorFile"))
        return ImageFormat::vmdk;
    if (head.starts_with("vhdxfile")) return ImageFormat::vhdx;
    if (head.size() >= 68 && little_endian(head, 64, 4) == 0xbeda107f) return ImageFormat::vdi;
    return std::nullopt;
}

Status check_image_head(ImageFormat format, std::string_view head, const std::string& name) {
    const auto refuse = [&](std::string_view why) {
        return Status(fail(ErrorCode::P24, "{}: {}", name, why));
    };
    if (format == ImageFormat::raw) return {};
    if (format_of(head) != format || head.size() < k_image_head)
        return refuse(fmt::format("is not a {} image", format_name(format)));
    if (format == ImageFormat::qcow2) {  // QEMU's interop/qcow2.txt
        if (big_endian(head, 8, 8) != 0 || big_endian(head, 16, 4) != 0)
            return refuse("has a backing file: must be one complete image (qemu-img convert makes it one)");
        if (big_endian(head, 32, 4) != 0) return refuse("is encrypted: must not be");
        if (big_endian(head, 4, 4) >= 3 && (big_endian(head, 72, 8) & 4) != 0)
            return refuse("keeps its data in another file: must be one complete image");
    }
    // A text descriptor, and a sparse header without a capacity, name other files.
    if (format == ImageFormat::vmdk && (!head.starts_with("KDMV") || little_endian(head, 12, 8) == 0))
        return refuse("describes other files: must be one complete image (qemu-img convert makes it one)");
    return {};
}

Result<ImageSource> open_image(const std::string& path, std::optional<ImageFormat> format, uint64_t offset,
                               uint64_t length) {
    ImageSource image{.name = path, .path = path, .offset = offset, .length = length};
    image.fd = open_without_links(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat s{};
    if (!image.fd || fstat(image.fd.get(), &s) != 0)
        return fail(ErrorCode::P24, "{}: {}", path,
                    errno == ELOOP ? "is or leads through a symbolic link: name the file itself (realpath(1))"
                                   : std::strerror(errno));
    if (!S_ISREG(s.st_mode)) return fail(ErrorCode::P24, "{}: is not a regular file", path);
    image.mtime_ns = int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
    image.file_size = static_cast<uint64_t>(s.st_size);
    const uint64_t bytes = length != 0 ? length : image.file_size - std::min(offset, image.file_size);
    std::string head(std::min<uint64_t>(k_image_head, bytes), '\0');
    const ssize_t n = pread(image.fd.get(), head.data(), head.size(), static_cast<off_t>(offset));
    if (n < 0) return fail(ErrorCode::P24, "{}: {}", path, std::strerror(errno));
    head.resize(static_cast<size_t>(n));

    const auto by_magic = format_of(head);
    const auto named = [&](std::string_view end) { return path.ends_with(end); };
    if (!format && !by_magic && !named(".raw") && !named(".img") && !named(".iso"))
        return fail(ErrorCode::P24,
                    "{}: its format is not known: must be qcow2, vmdk, vdi, vhdx, OVA, or raw "
                    "with --format raw",
                    path);
    image.format = format.value_or(by_magic.value_or(ImageFormat::raw));
    BERTH_TRY(check_image_head(image.format, head, path));
    if (image.format != ImageFormat::raw) BERTH_TRY(check_owner(s, path));
    if (image.format == ImageFormat::raw) {
        image.size = image.bytes = bytes;
        image.needed = std::min(bytes, static_cast<uint64_t>(s.st_blocks) * k_sector);
    } else {
        BERTH_TRY(measure(image));
    }
    if (image.size == 0 || image.size > k_max_image)
        return fail(ErrorCode::P24, "{}: a disk of {} bytes: must be 1 byte to 64 TiB", path, image.size);
    image.size = (image.size + k_sector - 1) / k_sector * k_sector;
    return image;
}

Result<std::string> read_raw(const ImageSource& image, uint64_t offset, uint32_t length) {
    std::string bytes(length, '\0');
    const uint64_t there = std::min<uint64_t>(length, image.bytes - std::min(offset, image.bytes));
    for (uint64_t at = 0; at < there;) {
        const ssize_t n = pread(image.fd.get(), bytes.data() + at, there - at,
                                static_cast<off_t>(image.offset + offset + at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return fail(ErrorCode::P24, "{}: at byte {}: {}", image.name, offset + at, std::strerror(errno));
        if (n == 0)
            return fail(ErrorCode::M37, "{}: ends at byte {} of {}", image.name, offset + at, image.bytes);
        at += static_cast<uint64_t>(n);
    }
    return bytes;
}

Status check_unchanged(const ImageSource& image) {
    struct stat s{};
    if (fstat(image.fd.get(), &s) != 0) return fail_errno(image.name);
    if (static_cast<uint64_t>(s.st_size) != image.file_size ||
        int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec != image.mtime_ns)
        return fail(ErrorCode::M37, "{}", image.name);
    return {};
}

Status convert_window(const ImageSource& image, uint64_t begin, uint64_t end, int target,
                      uint64_t target_offset, const std::function<Status()>& tick) {
    const json source = {{"driver", "raw"}, {"offset", begin}, {"size", end - begin}, {"file", node(image)}};
    const std::string out =
        fmt::format("driver=raw,offset={},size={},file.driver=file,file.filename=/proc/self/fd/4",
                    target_offset, end - begin);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
    UniqueFd reader(ends[0]), writer(ends[1]);
    auto child = spawn({.arguments = {"qemu-img", "convert", "-n", "--target-is-zero", "-W",
                                      "--target-image-opts", "json:" + source.dump(), out},
                        .descriptors = {{2, writer.get()}, {3, image.fd.get()}, {4, target}},
                        .die_with_parent = true});
    if (!child) return fail(child.error());
    writer.reset();
    std::optional<int> status;
    while (!(status = child->wait(std::chrono::seconds(1)))) BERTH_TRY(tick());
    if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
    BERTH_TRY(tick());  // Ctrl-C ends both of us
    std::string text(1024, '\0');
    const ssize_t n = read(reader.get(), text.data(), text.size());
    text.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (text.find("No space left") != std::string::npos) return fail(ErrorCode::M07, "{}", image.name);
    if (text.find("quota exceeded") != std::string::npos) return fail(ErrorCode::M08, "{}", image.name);
    return fail(ErrorCode::P26, "{}: {}", image.name, text.substr(0, text.find('\n')));
}

}  // namespace berth::server
