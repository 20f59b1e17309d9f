// SPDX-License-Identifier: GPL-3.0-or-later
// libvirt's domain format: https://libvirt.org/formatdomain.html
#include <algorithm>

#include "base/text.h"
#include "guest/machine_config.h"
#include "guest/toml_table.h"
#include "guest/xml.h"

namespace berth::guest {
namespace {

constexpr uint64_t k_mib = 1ULL << 20;
/// One machine type for good: a guest must meet the same hardware on every client and after every upgrade.
constexpr std::string_view k_machine = "pc-q35-7.2";
/// What the client itself and the volume engine need besides guests.
constexpr uint64_t k_reserved_memory = 256 * k_mib;
/// virtio-blk hands the guest so many characters of a serial number, and every bus takes them.
constexpr size_t k_serial_length = 20;
/// Where the devices of a screen are on the first PCI bus. libvirt would put the screen where its own bridges
/// begin and the others before the disks, and move both: a guest that has had no screen finds what it knows
/// where it was. Only a slot that libvirt fills from the other end is taken from it.
constexpr std::string_view k_screen_slot = "0x18", k_port_slot = "0x19", k_usb_slot = "0x1a",
                           k_sound_slot = "0x1b";

bool has_device(const MachineConfig& config, std::string_view name) {
    return std::find(config.devices.begin(), config.devices.end(), name) != config.devices.end();
}

bool has_bus(const MachineConfig& config, DiskBus bus) {
    return std::any_of(config.disks.begin(), config.disks.end(), [&](const Disk& d) { return d.bus == bus; });
}

/// A MAC address of QEMU's range out of the uuid (FNV-1a), so that it is the same at every login.
std::string derived_mac(std::string_view uuid) {
    uint32_t hash = 2166136261U;
    for (const char c : uuid) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return format_mac({0x52, 0x54, 0x00, static_cast<unsigned char>(hash >> 16),
                       static_cast<unsigned char>(hash >> 8), static_cast<unsigned char>(hash)});
}

bool has_screen(const MachineConfig& config) {
    return config.screen.model != ScreenModel::none;
}

/// Whether a workstation shows it: only what is behind the guest's devices depends on this.
bool is_shown(const MachineConfig& config, const ClientFacts& facts) {
    return has_screen(config) && !facts.screen_socket.empty();
}

Status check_fits(const MachineConfig& config, const ClientFacts& facts) {
    const uint64_t most =
        facts.host_memory > k_reserved_memory ? (facts.host_memory - k_reserved_memory) / k_mib * k_mib : 0;
    if (config.memory > most)
        return fail(ErrorCode::H04, "memory {}: this workstation can give at most {} MiB",
                    size_text(config.memory), most / k_mib);
    if (config.cpus > facts.host_cpus)
        return fail(ErrorCode::H04, "cpus {}: this workstation has {}", config.cpus, facts.host_cpus);
    if (config.network.mode == NetworkMode::bridge && facts.network_bridge.empty())
        return fail(ErrorCode::H05, "network mode \"bridge\": must be \"nat\" or \"none\" here");
    return {};
}

/// What KVM offers Windows in Hyper-V's way (libvirt's "Hypervisor features"); an emulator offers nothing of it.
void write_hyperv(XmlWriter& xml) {
    xml.open("hyperv", {{"mode", "custom"}});
    for (const char* feature : {"relaxed", "vapic"}) xml.empty(feature, {{"state", "on"}});
    xml.empty("spinlocks", {{"state", "on"}, {"retries", "8191"}});
    for (const char* feature : {"vpindex", "runtime", "synic", "stimer", "frequencies", "tlbflush", "ipi"})
        xml.empty(feature, {{"state", "on"}});
    xml.close();
}

void write_cpu(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    // With KVM the guest gets this CPU: it never migrates alive. Emulated, all that TCG can do.
    const std::string_view mode = facts.kvm ? "host-passthrough" : "maximum";
    // Windows for workstations uses at most two sockets; libvirt gives each CPU one of its own.
    if (!config.hyperv || config.cpus == 1) return xml.empty("cpu", {{"mode", mode}});
    xml.open("cpu", {{"mode", mode}});
    xml.empty("topology", {{"sockets", "1"}, {"cores", fmt::format("{}", config.cpus)}, {"threads", "1"}});
    xml.close();
}

void write_hardware(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    xml.text("name", facts.domain_name);
    xml.text("uuid", config.uuid);
    xml.text("memory", fmt::format("{}", config.memory / k_mib), {{"unit", "MiB"}});
    xml.text("vcpu", fmt::format("{}", config.cpus), {{"placement", "static"}});
    xml.open("os");
    xml.text("type", "hvm", {{"arch", "x86_64"}, {"machine", k_machine}});
    if (has_variables(config.firmware)) {
        if (config.firmware == Firmware::uefi_secure)
            xml.text("loader", facts.firmware_code,
                     {{"readonly", "yes"}, {"secure", "yes"}, {"type", "pflash"}});
        else
            xml.text("loader", facts.firmware_code, {{"readonly", "yes"}, {"type", "pflash"}});
        xml.text("nvram", facts.nvram_copy);
    } else {
        // SeaBIOS lets boot loaders' text out on the serial port, too: there is not a display everywhere.
        xml.empty("bios", {{"useserial", "yes"}});
    }
    xml.close();
    xml.open("features");
    xml.empty("acpi");
    xml.empty("apic");
    if (!facts.kvm) {
        // QEMU's default, up to 1 GiB, keeps the code of before a guest's reboot, and to write where that lay
        // is slow: the firmware takes five times as long as at the first start.
        xml.open("tcg");
        xml.text("tb-cache", "64", {{"unit", "MiB"}});
        xml.close();
    }
    // VMware's pointer would come before the tablet.
    if (has_screen(config)) xml.empty("vmport", {{"state", "off"}});
    // What Secure Boot keeps its variables with.
    if (config.firmware == Firmware::uefi_secure) xml.empty("smm", {{"state", "on"}});
    if (config.hyperv && facts.kvm) write_hyperv(xml);
    xml.close();
    write_cpu(xml, config, facts);
    xml.open("clock", {{"offset", config.clock == ClockBase::utc ? "utc" : "localtime"}});
    xml.empty("timer", {{"name", "rtc"}, {"tickpolicy", "catchup"}});
    xml.empty("timer", {{"name", "pit"}, {"tickpolicy", "delay"}});
    xml.empty("timer", {{"name", "hpet"}, {"present", "no"}});
    if (config.hyperv && facts.kvm) xml.empty("timer", {{"name", "hypervclock"}, {"present", "yes"}});
    xml.close();
    // A guest's reboot stays in the session; one that crashed is halted, so that its user can read why.
    xml.text("on_poweroff", "destroy");
    xml.text("on_reboot", "restart");
    xml.text("on_crash", "preserve");
}

/// A disk's place: its name for libvirt and its address, both by position alone, so that a guest finds it
/// where it was. `order`: when the firmware tries it, from 1; 0: never.
void write_disk(XmlWriter& xml, const Disk& disk, size_t on_bus, size_t on_sd, size_t order,
                const ClientFacts& facts) {
    const auto letters = [](size_t n) {
        std::string text(1, static_cast<char>('a' + n % 26));
        return n < 26 ? text : static_cast<char>('a' + n / 26 - 1) + text;
    };
    const bool is_virtio = disk.bus == DiskBus::virtio;
    xml.open("disk", {{"type", "network"}, {"device", disk.role == DiskRole::cdrom ? "cdrom" : "disk"}});
    // A request that fails after the engine's patience pauses the guest; the session resumes it
    // (architecture.md, "Volume process").
    xml.empty("driver", {{"name", "qemu"},
                         {"type", "raw"},
                         {"cache", "none"},
                         {"error_policy", "stop"},
                         {"rerror_policy", "stop"},
                         {"discard", "unmap"}});
    xml.open("source", {{"protocol", "nbd"}, {"name", disk.name}});
    xml.empty("host", {{"transport", "unix"}, {"socket", facts.nbd_socket}});
    xml.close();
    xml.empty("target", {{"dev", is_virtio ? "vd" + letters(on_bus) : "sd" + letters(on_sd)},
                         {"bus", word_of(k_disk_buses, disk.bus)}});
    if (disk.read_only) xml.empty("readonly");
    if (disk.name.size() <= k_serial_length) xml.text("serial", disk.name);
    if (order != 0) xml.empty("boot", {{"order", fmt::format("{}", order)}});
    if (disk.bus == DiskBus::sata)  // An AHCI controller has six ports.
        xml.empty("address", {{"type", "drive"},
                              {"controller", fmt::format("{}", on_bus / 6)},
                              {"bus", "0"},
                              {"target", "0"},
                              {"unit", fmt::format("{}", on_bus % 6)}});
    if (disk.bus == DiskBus::scsi)
        xml.empty("address", {{"type", "drive"},
                              {"controller", "0"},
                              {"bus", "0"},
                              {"target", fmt::format("{}", on_bus)},
                              {"unit", "0"}});
    xml.close();
}

/// What the firmware tries, in order.
std::vector<const Disk*> start_order(const MachineConfig& config) {
    std::vector<const Disk*> order;
    const Disk* disk = start_disk(config);
    if (disk != nullptr && config.start == StartFrom::disk) order.push_back(disk);
    for (const Disk& d : config.disks)
        if (d.role == DiskRole::cdrom) order.push_back(&d);
    if (disk != nullptr && config.start == StartFrom::cdrom) order.push_back(disk);
    return order;
}

void write_disks(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    const std::vector<const Disk*> order = start_order(config);
    size_t on_virtio = 0, on_sata = 0, on_scsi = 0;
    for (const Disk& disk : config.disks) {
        const size_t on_sd = on_sata + on_scsi;
        size_t& on_bus = disk.bus == DiskBus::virtio ? on_virtio
                         : disk.bus == DiskBus::sata ? on_sata
                                                     : on_scsi;
        const auto at = std::find(order.begin(), order.end(), &disk);
        const size_t place = at == order.end() ? 0 : static_cast<size_t>(at - order.begin()) + 1;
        write_disk(xml, disk, on_bus++, on_sd, place, facts);
    }
    for (size_t i = 0; i * 6 < on_sata; ++i)
        xml.empty("controller", {{"type", "sata"}, {"index", fmt::format("{}", i)}});
}

void write_filter(XmlWriter& xml, const ClientFacts& facts) {
    if (!facts.guest_address_leased) return xml.empty("filterref", {{"filter", "berth-guest"}});
    xml.open("filterref", {{"filter", "berth-guest-leased"}});
    xml.empty("parameter", {{"name", "CTRL_IP_LEARNING"}, {"value", "dhcp"}});
    xml.close();
}

void write_network(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    const Network& network = config.network;
    if (network.mode == NetworkMode::none) return;
    const bool bridge = network.mode == NetworkMode::bridge;
    const std::string_view type = bridge ? "bridge" : facts.nat_network.empty() ? "user" : "network";
    xml.open("interface", {{"type", type}});
    if (bridge) xml.empty("source", {{"bridge", facts.network_bridge}});
    if (type == "network") xml.empty("source", {{"network", facts.nat_network}});
    xml.empty("mac", {{"address", network.mac.empty() ? derived_mac(config.uuid) : network.mac}});
    xml.empty("model", {{"type", network.model}});
    xml.empty("rom", {{"enabled", "no"}});  // Guests start from their disks.
    if (bridge) write_filter(xml, facts);
    xml.close();
}

void write_serial(XmlWriter& xml, const ClientFacts& facts) {
    for (const auto& [element, target] :
         {std::pair("serial", "isa-serial"), std::pair("console", "serial")}) {
        xml.open(element, {{"type", "unix"}});
        xml.empty("source", {{"mode", "bind"}, {"path", facts.console_socket}});
        xml.empty("target", {{"type", target}, {"port", "0"}});
        xml.close();
    }
}

/// A place on the first PCI bus.
void write_place(XmlWriter& xml, std::string_view slot) {
    xml.empty("address",
              {{"type", "pci"}, {"domain", "0x0000"}, {"bus", "0x00"}, {"slot", slot}, {"function", "0x0"}});
}

void write_usb(XmlWriter& xml, const MachineConfig& config) {
    const bool tablet = has_device(config, "tablet"), keyboard = has_device(config, "keyboard");
    if (tablet || keyboard || !has_screen(config))
        return xml.empty(
            "controller",
            {{"type", "usb"}, {"index", "0"}, {"model", tablet || keyboard ? "qemu-xhci" : "none"}});
    xml.open("controller", {{"type", "usb"}, {"index", "0"}, {"model", "qemu-xhci"}});
    write_place(xml, k_usb_slot);
    xml.close();
}

/// Their ports are in this order: a tablet that only the screen brings comes after what was there before.
void write_inputs(XmlWriter& xml, const MachineConfig& config) {
    const bool tablet = has_device(config, "tablet");
    if (tablet) xml.empty("input", {{"type", "tablet"}, {"bus", "usb"}});
    if (has_device(config, "keyboard")) xml.empty("input", {{"type", "keyboard"}, {"bus", "usb"}});
    if (!tablet && has_screen(config)) xml.empty("input", {{"type", "tablet"}, {"bus", "usb"}});
}

/// The port of SPICE's agent in the guest, by which it follows the monitor's size.
void write_agent_port(XmlWriter& xml, bool shown) {
    xml.open("controller", {{"type", "virtio-serial"}, {"index", "0"}});
    write_place(xml, k_port_slot);
    xml.close();
    xml.open("channel", {{"type", shown ? "spicevmc" : "null"}});
    xml.empty("target", {{"type", "virtio"}, {"name", "com.redhat.spice.0"}});
    xml.close();
}

void write_graphics(XmlWriter& xml, const ClientFacts& facts) {
    xml.open("graphics", {{"type", "spice"}});
    xml.empty("listen", {{"type", "socket"}, {"socket", facts.screen_socket}});
    // The viewer is on the same machine: to compress costs more than to copy.
    xml.empty("image", {{"compression", "off"}});
    xml.empty("jpeg", {{"compression", "never"}});
    xml.empty("zlib", {{"compression", "never"}});
    xml.empty("playback", {{"compression", "off"}});
    xml.empty("streaming", {{"mode", "off"}});
    // The pointer goes to the tablet, whether the guest has an agent or not.
    xml.empty("mouse", {{"mode", "server"}});
    xml.empty("clipboard", {{"copypaste", "no"}});
    xml.empty("filetransfer", {{"enable", "no"}});
    xml.close();
}

void write_sound(XmlWriter& xml, const MachineConfig& config, bool shown) {
    if (config.sound != Sound::none) {
        const bool hda = config.sound == Sound::hda;
        xml.open("sound", {{"model", hda ? "ich9" : "ac97"}});
        if (hda) xml.empty("codec", {{"type", "output"}});
        xml.empty("audio", {{"id", "1"}});
        write_place(xml, k_sound_slot);
        xml.close();
    }
    // libvirt makes one of its own kind where none is named.
    xml.empty("audio", {{"id", "1"}, {"type", shown && config.sound != Sound::none ? "spice" : "none"}});
}

void write_video(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    const Screen& screen = config.screen;
    const std::string_view type = word_of(k_screen_models, screen.model);
    xml.open("video");
    if (!has_screen(config)) {
        // libvirt adds one of its own unless told not to.
        xml.empty("model", {{"type", type}});
        return xml.close();
    }
    const std::string memory = fmt::format("{}", k_screen_memory >> 10);
    switch (screen.model) {
        case ScreenModel::qxl:
            xml.open("model", {{"type", type},
                               {"heads", "1"},
                               {"ram", fmt::format("{}", k_screen_memory >> 9)},
                               {"vram", memory},
                               {"vgamem", memory}});
            break;
        case ScreenModel::vga:
            xml.open("model", {{"type", type}, {"heads", "1"}, {"vram", memory}});
            break;
        default:
            xml.open("model", {{"type", type}, {"heads", "1"}});
    }
    const Resolution size = screen.resolution.value_or(facts.monitor.value_or(k_plain_resolution));
    xml.empty("resolution", {{"x", fmt::format("{}", size.width)}, {"y", fmt::format("{}", size.height)}});
    xml.close();
    write_place(xml, k_screen_slot);
    xml.close();
}

void write_devices(XmlWriter& xml, const MachineConfig& config, const ClientFacts& facts) {
    const bool shown = is_shown(config, facts);
    write_usb(xml, config);
    if (has_bus(config, DiskBus::scsi))
        xml.empty("controller", {{"type", "scsi"}, {"index", "0"}, {"model", "virtio-scsi"}});
    if (has_screen(config)) write_agent_port(xml, shown);
    write_inputs(xml, config);
    if (shown) write_graphics(xml, facts);
    if (has_screen(config)) write_sound(xml, config, shown);
    if (has_device(config, "watchdog")) xml.empty("watchdog", {{"model", "i6300esb"}, {"action", "reset"}});
    if (has_device(config, "panic")) xml.empty("panic", {{"model", "isa"}});
    if (config.tpm) {
        xml.open("tpm", {{"model", "tpm-crb"}});
        // The state outlives the domain, so that the session can take it back (nvram.h).
        xml.empty("backend", {{"type", "emulator"}, {"version", "2.0"}, {"persistent_state", "yes"}});
        xml.close();
    }
    if (has_device(config, "rng")) {
        xml.open("rng", {{"model", "virtio"}});
        xml.text("backend", "/dev/urandom", {{"model", "random"}});
        xml.close();
    }
    // libvirt adds one of its own unless told not to.
    xml.empty("memballoon", {{"model", has_device(config, "balloon") ? "virtio" : "none"}});
    write_video(xml, config, facts);
}

}  // namespace

Result<std::string> domain_xml(const MachineConfig& config, const ClientFacts& facts) {
    BERTH_TRY(check_fits(config, facts));
    XmlWriter xml;
    xml.open("domain", {{"type", facts.kvm ? "kvm" : "qemu"}});
    write_hardware(xml, config, facts);
    xml.open("devices");
    xml.text("emulator", "/usr/bin/qemu-system-x86_64");
    write_disks(xml, config, facts);
    write_network(xml, config, facts);
    write_serial(xml, facts);
    write_devices(xml, config, facts);
    return xml.take();
}

}  // namespace berth::guest
