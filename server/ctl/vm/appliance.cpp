// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/appliance.h"

#include <unistd.h>

#include <algorithm>

#include "server/vmtools/ovf.h"
#include "server/vmtools/tar_index.h"

namespace berth::server {
namespace {

Result<OvfAppliance> read_description(const TarRead& read, const std::vector<TarMember>& members,
                                      const std::string& path) {
    const auto description =
        std::ranges::find_if(members, [](const TarMember& m) { return m.name.ends_with(".ovf"); });
    if (description == members.end()) return fail(ErrorCode::P25, "{}: holds no .ovf file", path);
    if (description->size > k_max_ovf)
        return fail(ErrorCode::P25, "{}: {}: {} bytes: must be at most {}", path, description->name,
                    description->size, k_max_ovf);
    auto text = BERTH_TRY(read(description->offset, description->size));
    return parse_ovf(text, path + ": " + description->name);
}

Result<ImageSource> open_member(const OvfDisk& disk, const std::vector<TarMember>& members,
                                const std::string& path) {
    const auto member = std::ranges::find(members, disk.file, &TarMember::name);
    if (member == members.end())
        return fail(ErrorCode::P25, "{}: the description names \"{}\", which is not in it", path, disk.file);
    if (member->size == 0) return fail(ErrorCode::P25, "{}: \"{}\" is empty", path, disk.file);
    auto image = open_image(path, ImageFormat::vmdk, member->offset, member->size);
    if (!image) return fail(image.error().with_prefix(disk.file));
    image->name = path + ": " + disk.file;
    return image;
}

}  // namespace

Status read_appliance(const std::string& path, const VmHardwareArguments& hardware, VmToMake& vm) {
    auto whole = BERTH_TRY(open_image(path, ImageFormat::raw));
    const TarRead read = [&](uint64_t offset, size_t length) -> Result<std::string> {
        std::string bytes(length, '\0');
        const ssize_t n = pread(whole.fd.get(), bytes.data(), length, static_cast<off_t>(offset));
        if (n < 0) return fail_errno("read " + path);
        bytes.resize(static_cast<size_t>(n));
        return bytes;
    };
    // open_image rounds up to sectors; beyond the file's end there is nothing to read.
    auto members = BERTH_TRY(read_tar_index(read, whole.size, path));
    auto described = BERTH_TRY(read_description(read, members, path));

    auto& config = vm.config;
    config.cpus = described.cpus;
    config.memory = described.memory;
    config.firmware = described.firmware;
    if (described.cards.empty())
        config.network = {.mode = guest::NetworkMode::none, .mac = "", .model = "virtio"};
    else
        config.network.model = described.cards.front();
    for (const OvfDisk& disk : described.disks)
        vm.add_disk(hardware.bus_or(disk.bus)).image = BERTH_TRY(open_member(disk, members, path));
    return {};
}

}  // namespace berth::server
