// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/ovf.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>

namespace berth::server {
namespace {

constexpr uint64_t k_mib = 1 << 20;
constexpr size_t k_max_disks = 32;
constexpr int k_max_nodes = 20'000;

/// CIM_ResourceAllocationSettingData.ResourceType
enum Resource { k_cpu = 3, k_memory = 4, k_ide = 5, k_scsi = 6, k_card = 10, k_disk = 17, k_storage = 20 };

std::string_view name_of(const xmlNode* node) {
    return reinterpret_cast<const char*>(node->name);
}

/// The text directly below it.
std::string text_of(const xmlNode* node) {
    std::string text;
    for (const xmlNode* n = node->children; n != nullptr; n = n->next)
        if ((n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && n->content != nullptr)
            text += reinterpret_cast<const char*>(n->content);
    const size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// Namespaces differ by version; local names do not.
std::string attribute(const xmlNode* node, std::string_view name) {
    for (const xmlAttr* a = node->properties; a != nullptr; a = a->next)
        if (name == reinterpret_cast<const char*>(a->name) && a->children != nullptr &&
            a->children->content != nullptr)
            return reinterpret_cast<const char*>(a->children->content);
    return {};
}

/// All elements of that local name below `node`, in document order; libxml2 bounds the depth.
void collect(const xmlNode* node, std::string_view name, std::vector<const xmlNode*>& found, int& budget) {
    for (const xmlNode* n = node->children; n != nullptr && budget-- > 0; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        if (name_of(n) == name) found.push_back(n);
        collect(n, name, found, budget);
    }
}

std::vector<const xmlNode*> all(const xmlNode* node, std::string_view name) {
    std::vector<const xmlNode*> found;
    int budget = k_max_nodes;
    collect(node, name, found, budget);
    return found;
}

std::string child_text(const xmlNode* node, std::string_view name) {
    for (const xmlNode* n = node->children; n != nullptr; n = n->next)
        if (n->type == XML_ELEMENT_NODE && name_of(n) == name) return text_of(n);
    return {};
}

std::optional<uint64_t> whole(std::string_view text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

/// "byte * 2^20", "MegaBytes"; none: MiB, as everybody means it.
std::optional<uint64_t> unit_of(const std::string& units) {
    const std::string u = lower(units);
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
    const std::string s = lower(subtype);
    if (s == "e1000") return "e1000";
    if (s.starts_with("virtio")) return "virtio";
    return "e1000e";  // VmxNet3, E1000e and others: every guest has a driver for this one
}

/// Guests of other hypervisors have a driver for AHCI; only one that says virtio surely has that.
guest::DiskBus bus_of(const std::string& controller) {
    const std::string s = lower(controller);
    if (s.starts_with("virtio-scsi") || s.starts_with("virtioscsi")) return guest::DiskBus::scsi;
    if (s.starts_with("virtio")) return guest::DiskBus::virtio;
    return guest::DiskBus::sata;
}

void say_nothing(void*, const char*, ...) {}

class Reader {
  public:
    Reader(const xmlNode* root, std::string file) : root_(root), file_(std::move(file)) {}

    Result<OvfMachine> read() {
        const auto systems = all(root_, "VirtualSystem");
        if (systems.size() != 1)
            return wrong(root_, fmt::format("{} virtual systems: must be 1", systems.size()));
        const xmlNode* system = systems.front();
        machine_.name = child_text(system, "Name");
        if (machine_.name.empty()) machine_.name = attribute(system, "id");
        const auto hardware = all(system, "VirtualHardwareSection");
        if (hardware.empty()) return wrong(system, "no VirtualHardwareSection");
        std::vector<const xmlNode*> items;
        for (const char* name : {"Item", "StorageItem", "EthernetPortItem"})
            for (const xmlNode* n : all(hardware.front(), name)) items.push_back(n);
        for (const xmlNode* item : items)
            if (const auto type = whole(child_text(item, "ResourceType"));
                type && (*type == k_ide || *type == k_scsi || *type == k_storage))
                controllers_[child_text(item, "InstanceID")] = child_text(item, "ResourceSubType");
        for (const xmlNode* item : items) BERTH_TRY(read_item(item));
        read_firmware(system);
        if (machine_.memory == 0) return wrong(hardware.front(), "no memory");
        if (disks_.empty()) return wrong(hardware.front(), "no disk");
        if (disks_.size() > k_max_disks)
            return wrong(hardware.front(),
                         fmt::format("{} disks: must be 1 to {}", disks_.size(), k_max_disks));
        std::ranges::stable_sort(disks_, {}, [](const Place& p) {
            return std::tuple(whole(p.parent).value_or(UINT64_MAX), p.parent, p.address);
        });
        for (Place& p : disks_) machine_.disks.push_back(std::move(p.disk));
        return machine_;
    }

  private:
    struct Place {
        std::string parent;
        uint64_t address = 0;
        OvfDisk disk;
    };

    std::unexpected<Error> wrong(const xmlNode* node, std::string_view what) const {
        return fail(ErrorCode::P25, "{}, line {}: {}", file_, xmlGetLineNo(node), what);
    }

    Status read_item(const xmlNode* item) {
        const auto type = whole(child_text(item, "ResourceType"));
        if (!type) return {};
        const std::string quantity = child_text(item, "VirtualQuantity");
        const auto value = whole(quantity);
        if (*type == k_cpu) {
            if (!value || *value < 1 || *value > 128)
                return wrong(item,
                             fmt::format("\"{}\" processors: must be 1 to 128", quantity.substr(0, 40)));
            machine_.cpus = static_cast<unsigned>(*value);
        }
        if (*type == k_memory) {
            const std::string units = child_text(item, "AllocationUnits");
            const auto unit = unit_of(units);
            if (!unit)
                return wrong(item,
                             fmt::format("units \"{}\": must be as \"byte * 2^20\"", units.substr(0, 40)));
            if (!value || *value == 0 || *value > (uint64_t{4} << 40) / *unit || *value * *unit < 16 * k_mib)
                return wrong(item,
                             fmt::format("memory \"{}\": must be 16 MiB to 4 TiB", quantity.substr(0, 40)));
            machine_.memory = (*value * *unit + k_mib - 1) / k_mib * k_mib;
        }
        if (*type == k_card && machine_.cards.size() < 8)
            machine_.cards.push_back(card_model(child_text(item, "ResourceSubType")));
        if (*type == k_disk) return read_disk(item);
        return {};
    }

    Status read_disk(const xmlNode* item) {
        std::string resource = child_text(item, "HostResource");
        const size_t slash = resource.rfind("/disk/");
        if (slash == std::string::npos)
            return wrong(
                item, fmt::format("disk \"{}\": must be as \"ovf:/disk/vmdisk1\"", resource.substr(0, 80)));
        const std::string id = resource.substr(slash + 6);
        for (const xmlNode* disk : all(root_, "Disk")) {
            if (attribute(disk, "diskId") != id) continue;
            if (!attribute(disk, "parentRef").empty())
                return wrong(disk, "a disk with a parent: must be whole by itself");
            const std::string reference = attribute(disk, "fileRef");
            if (reference.empty()) return wrong(disk, "a disk without a file");
            return add(item, reference);
        }
        return wrong(item, fmt::format("there is no disk \"{}\"", id.substr(0, 80)));
    }

    Status add(const xmlNode* item, const std::string& reference) {
        for (const xmlNode* file : all(root_, "File")) {
            if (attribute(file, "id") != reference) continue;
            const std::string href = attribute(file, "href"), packed = attribute(file, "compression");
            if (!packed.empty() && packed != "identity")
                return wrong(file, fmt::format("compression \"{}\": must be none", packed.substr(0, 40)));
            if (href.empty() || href.size() > 255 || href == "." || href == ".." ||
                href.find('/') != std::string::npos || href.find(':') != std::string::npos)
                return wrong(file, fmt::format("file \"{}\": must be a plain name beside the description",
                                               href.substr(0, 80)));
            const std::string parent = child_text(item, "Parent");
            const auto controller = controllers_.find(parent);
            disks_.push_back({parent,
                              whole(child_text(item, "AddressOnParent")).value_or(0),
                              {href, bus_of(controller == controllers_.end() ? "" : controller->second)}});
            return {};
        }
        return wrong(item, fmt::format("there is no file \"{}\"", reference.substr(0, 80)));
    }

    void read_firmware(const xmlNode* system) {
        for (const xmlNode* c : all(system, "Config"))  // VMware
            if (attribute(c, "key") == "firmware" && lower(attribute(c, "value")) == "efi")
                machine_.firmware = guest::Firmware::uefi;
        for (const xmlNode* f : all(system, "Firmware"))  // VirtualBox
            if (lower(attribute(f, "type")).starts_with("efi")) machine_.firmware = guest::Firmware::uefi;
    }

    const xmlNode* root_;
    std::string file_;
    OvfMachine machine_;
    std::map<std::string, std::string> controllers_;
    std::vector<Place> disks_;
};

}  // namespace

Result<OvfMachine> parse_ovf(std::string_view text, const std::string& file) {
    // Some of libxml2's complaints ignore XML_PARSE_NOERROR; what a file says does not reach the terminal.
    xmlSetGenericErrorFunc(nullptr, say_nothing);
    if (text.size() > k_max_ovf)
        return fail(ErrorCode::P25, "{}: {} bytes: must be at most {}", file, text.size(), k_max_ovf);
    const std::unique_ptr<xmlDoc, void (*)(xmlDoc*)> document(
        xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS),
        xmlFreeDoc);
    const xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    if (root == nullptr) return fail(ErrorCode::P25, "{}: is not well-formed XML", file);
    if (document->intSubset != nullptr)
        return fail(ErrorCode::P25, "{}: must not have a document type", file);
    if (name_of(root) != "Envelope")
        return fail(ErrorCode::P25, "{}: <{}>: must be an OVF <Envelope>", file, name_of(root).substr(0, 80));
    return Reader(root, file).read();
}

}  // namespace berth::server
