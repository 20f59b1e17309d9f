// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/internal_disk.h"

#include "base/fd.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;

std::string attribute(const fs::path& device, const char* name) {
    auto text = read_file((device / name).string(), 4096);
    if (!text) return {};
    while (text->ends_with('\n')) text->pop_back();
    return *text;
}

std::string subsystem(const fs::path& device) {
    std::error_code error;
    const auto link = fs::read_symlink(device / "subsystem", error);
    return error ? std::string() : link.filename().string();
}

std::string why_not_device(const fs::path& device) {
    // A disk's own attribute of this name is a number.
    if (attribute(device, "removable") == "removable")
        return "behind a port for devices that are plugged in (Thunderbolt, USB)";
    const std::string bus = subsystem(device);
    if (bus == "usb") return "on USB";
    if (bus == "firewire") return "on FireWire";
    if (bus == "pcmcia") return "a PC Card";
    if (bus == "memstick") return "a Memory Stick";
    if (bus == "nvme-fabrics") return "at a server";
    if (bus == "mmc" && attribute(device, "type") != "MMC") return "an SD card";
    return {};
}

/// From `place` up to the root of sysfs's devices.
std::string why_not_path(fs::path place) {
    for (; place.has_relative_path() && place.filename() != "devices"; place = place.parent_path())
        if (auto why = why_not_device(place); !why.empty()) return why;
    return place.filename() == "devices" ? "" : "not to be found among this workstation's devices";
}

/// The same for each controller of an NVMe subsystem; it has at least one.
std::string why_not_controllers(const fs::path& nvme_subsystem) {
    std::error_code error;
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(nvme_subsystem, error)) {
        if (!entry.is_symlink(error) || subsystem(entry.path()) != "nvme") continue;
        ++count;
        const fs::path controller = fs::canonical(entry.path(), error);
        if (error) return "not to be found among this workstation's devices";
        if (auto why = why_not_path(controller); !why.empty()) return why;
    }
    return error || count == 0 ? "not to be found among this workstation's devices" : "";
}

}  // namespace

std::string why_not_internal(const fs::path& block) {
    if (attribute(block, "removable") != "0") return "a removable medium";
    std::error_code error;
    const fs::path place = fs::canonical(block, error);
    if (error) return "not to be found among this workstation's devices";
    if (auto why = why_not_path(place); !why.empty()) return why;
    const fs::path parent = place.parent_path();
    return subsystem(parent) == "nvme-subsystem" ? why_not_controllers(parent) : "";
}

}  // namespace berth::boot
