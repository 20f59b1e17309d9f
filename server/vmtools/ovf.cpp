// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/ovf.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/plain_text.h"
#include "base/text.h"
#include "guest/xml.h"

namespace berth::server {
namespace {

using guest::XmlElement;

constexpr uint64_t k_mib = 1 << 20;
constexpr size_t k_max_disks = 32;

/// CIM_ResourceAllocationSettingData.ResourceType
enum Resource { k_cpu = 3, k_memory = 4, k_ide = 5, k_scsi = 6, k_card = 10, k_disk = 17, k_storage = 20 };

std::optional<uint64_t> whole(std::string_view text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "byte * 2^20", "MegaBytes"; none: MiB, as everybody means it.
std::optional<uint64_t> unit_of(const std::string& units) {
    const std::string u = lower_case(units);
    if (u.empty() || u == "megabytes" || u == "mb" || u == "mib") return k_mib;
    if (u == "byte" || u == "bytes") return 1;
    if (u == "kilobytes" || u == "kb") return 1024;
    if (u == "gigabytes" || u == "gb" || u == "gib") return 1024 * k_mib;
    std::string packed;
    for (const char c : u)
        if (c != ' ') packed += c;
    constexpr std::string_view k_power = "byte*2^";
    if (!packed.starts_with(k_power)) return std::nullopt;
    const auto power = whole(std::string_view(packed).substr(k_power.size()));
    if (!power || *power > 40) return std::nullopt;
    return uint64_t{1} << *power;
}

std::string card_model(const std::string& subtype) {
    const std::string s = lower_case(subtype);
    if (s == "e1000") return "e1000";
    if (s.starts_with("virtio")) return "virtio";
    return "e1000e";  // VmxNet3, E1000e and others: every guest has a driver for this one
}

/// Guests of other hypervisors have a driver for AHCI; only one that says virtio surely has that.
guest::DiskBus bus_of(const std::string& controller) {
    const std::string s = lower_case(controller);
    if (s.starts_with("virtio-scsi") || s.starts_with("virtioscsi")) return guest::DiskBus::scsi;
    if (s.starts_with("virtio")) return guest::DiskBus::virtio;
    return guest::DiskBus::sata;
}

class Reader {
  public:
    Reader(const XmlElement& root, std::string file) : root_(root), file_(std::move(file)) {}

    Result<OvfAppliance> read() {
        const auto systems = root_.all("VirtualSystem");
        if (systems.size() != 1)
            return wrong(root_, fmt::format("{} virtual systems: must be 1", systems.size()));
        const XmlElement& system = systems.front();
        appliance_.name = system.child_text("Name");
        if (appliance_.name.empty()) appliance_.name = system.attribute("id");
        const auto hardware = system.all("VirtualHardwareSection");
        if (hardware.empty()) return wrong(system, "no VirtualHardwareSection");
        std::vector<XmlElement> items;
        for (const char* name : {"Item", "StorageItem", "EthernetPortItem"})
            for (const XmlElement& n : hardware.front().all(name)) items.push_back(n);
        for (const XmlElement& item : items)
            if (const auto type = whole(item.child_text("ResourceType"));
                type && (*type == k_ide || *type == k_scsi || *type == k_storage))
                controllers_[item.child_text("InstanceID")] = item.child_text("ResourceSubType");
        for (const XmlElement& item : items) BERTH_TRY(read_item(item));
        read_firmware(system);
        if (appliance_.memory == 0) return wrong(hardware.front(), "no memory");
        if (disks_.empty()) return wrong(hardware.front(), "no disk");
        if (disks_.size() > k_max_disks)
            return wrong(hardware.front(),
                         fmt::format("{} disks: must be 1 to {}", disks_.size(), k_max_disks));
        std::ranges::stable_sort(disks_, {}, [](const Place& p) {
            return std::tuple(whole(p.parent).value_or(UINT64_MAX), p.parent, p.address);
        });
        for (Place& p : disks_) appliance_.disks.push_back(std::move(p.disk));
        return appliance_;
    }

  private:
    struct Place {
        std::string parent;
        uint64_t address = 0;
        OvfDisk disk;
    };

    std::unexpected<Error> wrong(const XmlElement& node, std::string_view what) const {
        return fail(ErrorCode::P25, "{}, line {}: {}", file_, node.line(), what);
    }

    Status read_item(const XmlElement& item) {
        const auto type = whole(item.child_text("ResourceType"));
        if (!type) return {};
        const std::string quantity = item.child_text("VirtualQuantity");
        const auto value = whole(quantity);
        if (*type == k_cpu) {
            if (!value || *value < 1 || *value > 128)
                return wrong(item,
                             fmt::format("\"{}\" processors: must be 1 to 128", quantity.substr(0, 40)));
            appliance_.cpus = static_cast<unsigned>(*value);
        }
        if (*type == k_memory) {
            const std::string units = item.child_text("AllocationUnits");
            const auto unit = unit_of(units);
            if (!unit)
                return wrong(item,
                             fmt::format("units \"{}\": must be as \"byte * 2^20\"", units.substr(0, 40)));
            if (!value || *value == 0 || *value > (uint64_t{4} << 40) / *unit || *value * *unit < 16 * k_mib)
                return wrong(item,
                             fmt::format("memory \"{}\": must be 16 MiB to 4 TiB", quantity.substr(0, 40)));
            appliance_.memory = (*value * *unit + k_mib - 1) / k_mib * k_mib;
        }
        if (*type == k_card && appliance_.cards.size() < 8)
            appliance_.cards.push_back(card_model(item.child_text("ResourceSubType")));
        if (*type == k_disk) return read_disk(item);
        return {};
    }

    Status read_disk(const XmlElement& item) {
        std::string resource = item.child_text("HostResource");
        const size_t slash = resource.rfind("/disk/");
        if (slash == std::string::npos)
            return wrong(
                item, fmt::format("disk \"{}\": must be as \"ovf:/disk/vmdisk1\"", resource.substr(0, 80)));
        const std::string id = resource.substr(slash + 6);
        for (const XmlElement& disk : root_.all("Disk")) {
            if (disk.attribute("diskId") != id) continue;
            if (!disk.attribute("parentRef").empty())
                return wrong(disk, "a disk with a parent: must be complete");
            const std::string reference = disk.attribute("fileRef");
            if (reference.empty()) return wrong(disk, "a disk without a file");
            return add(item, reference);
        }
        return wrong(item, fmt::format("there is no disk \"{}\"", id.substr(0, 80)));
    }

    Status add(const XmlElement& item, const std::string& reference) {
        for (const XmlElement& file : root_.all("File")) {
            if (file.attribute("id") != reference) continue;
            const std::string href = file.attribute("href"), packed = file.attribute("compression");
            if (!packed.empty() && packed != "identity")
                return wrong(file, fmt::format("compression \"{}\": must be none", packed.substr(0, 40)));
            if (href.empty() || href.size() > 255 || href == "." || href == ".." ||
                href.find('/') != std::string::npos || href.find(':') != std::string::npos)
                return wrong(file, fmt::format("file \"{}\": must be a plain name beside the description",
                                               href.substr(0, 80)));
            const std::string parent = item.child_text("Parent");
            const auto controller = controllers_.find(parent);
            disks_.push_back({parent,
                              whole(item.child_text("AddressOnParent")).value_or(0),
                              {href, bus_of(controller == controllers_.end() ? "" : controller->second)}});
            return {};
        }
        return wrong(item, fmt::format("there is no file \"{}\"", reference.substr(0, 80)));
    }

    void read_firmware(const XmlElement& system) {
        for (const XmlElement& c : system.all("Config"))  // VMware
            if (c.attribute("key") == "firmware" && lower_case(c.attribute("value")) == "efi")
                appliance_.firmware = guest::Firmware::uefi;
        for (const XmlElement& f : system.all("Firmware"))  // VirtualBox
            if (lower_case(f.attribute("type")).starts_with("efi"))
                appliance_.firmware = guest::Firmware::uefi;
    }

    XmlElement root_;
    std::string file_;
    OvfAppliance appliance_;
    std::map<std::string, std::string> controllers_;
    std::vector<Place> disks_;
};

}  // namespace

Result<OvfAppliance> parse_ovf(std::string_view text, const std::string& file) {
    const auto document = guest::read_xml(text);
    if (!document) return fail(ErrorCode::P25, "{}: {}", file, document.error());
    const XmlElement root = document->root();
    if (root.name() != "Envelope")
        return fail(ErrorCode::P25, "{}: <{}>: must be an OVF <Envelope>", file, printable(root.name(), 80));
    return Reader(root, file).read();
}

}  // namespace berth::server
