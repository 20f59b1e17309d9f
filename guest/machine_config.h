// SPDX-License-Identifier: GPL-3.0-or-later
// machine.toml (machine.toml(5)): untrusted input from the user's directory, strict
// schema.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace berth::guest {

enum class DiskRole { software, files, swap, shared, data, cdrom };
enum class DiskBus { virtio, sata, scsi };
enum class SwapContent { none, linux_swap, ntfs, from_template };
/// The last with Secure Boot, Microsoft's keys enrolled.
enum class Firmware { bios, uefi, uefi_secure };
enum class NetworkMode { none, nat, bridge };
enum class ClockBase { utc, local };
/// What the firmware tries first: the start disk and then each cdrom, or the cdroms and then the disk.
enum class StartFrom { disk, cdrom };
enum class ScreenModel { virtio, qxl, vga, none };
enum class Sound { none, hda, ac97 };

/// The words of machine.toml for these, in the order in which its messages name them.
template <typename Value>
using Word = std::pair<std::string_view, Value>;
inline constexpr Word<DiskRole> k_disk_roles[] = {
    {"software", DiskRole::software}, {"files", DiskRole::files}, {"data", DiskRole::data},
    {"shared", DiskRole::shared},     {"cdrom", DiskRole::cdrom}, {"swap", DiskRole::swap}};
inline constexpr Word<DiskBus> k_disk_buses[] = {
    {"virtio", DiskBus::virtio}, {"sata", DiskBus::sata}, {"scsi", DiskBus::scsi}};
inline constexpr Word<SwapContent> k_swap_contents[] = {{"linux-swap", SwapContent::linux_swap},
                                                        {"ntfs", SwapContent::ntfs},
                                                        {"template", SwapContent::from_template},
                                                        {"none", SwapContent::none}};
inline constexpr Word<Firmware> k_firmwares[] = {
    {"bios", Firmware::bios}, {"uefi", Firmware::uefi}, {"uefi-secure", Firmware::uefi_secure}};
inline constexpr Word<NetworkMode> k_network_modes[] = {
    {"nat", NetworkMode::nat}, {"bridge", NetworkMode::bridge}, {"none", NetworkMode::none}};
inline constexpr Word<ClockBase> k_clocks[] = {{"utc", ClockBase::utc}, {"local", ClockBase::local}};
inline constexpr Word<StartFrom> k_starts[] = {{"disk", StartFrom::disk}, {"cdrom", StartFrom::cdrom}};
inline constexpr Word<ScreenModel> k_screen_models[] = {{"virtio", ScreenModel::virtio},
                                                        {"qxl", ScreenModel::qxl},
                                                        {"vga", ScreenModel::vga},
                                                        {"none", ScreenModel::none}};
inline constexpr Word<Sound> k_sounds[] = {{"none", Sound::none}, {"hda", Sound::hda}, {"ac97", Sound::ac97}};

template <typename Value, size_t N>
constexpr std::string_view word_of(const Word<Value> (&words)[N], Value value) {
    for (const auto& [word, known] : words)
        if (known == value) return word;
    return {};
}

inline constexpr uint64_t k_min_swap = 64ULL << 20;
inline constexpr uint64_t k_max_swap = 1ULL << 40;
/// The TPM's state in the VM's directory (nvram.h).
inline constexpr std::string_view k_tpm_file = "tpm.state";

struct SwapSpec {
    uint64_t size = 0;  ///< Bytes, whole MiB, k_min_swap to k_max_swap.
    SwapContent content = SwapContent::linux_swap;
    std::string uuid;           ///< linux_swap
    std::string label;          ///< linux_swap, ntfs
    std::string volume_id;      ///< ntfs: 16 hex digits
    std::string template_path;  ///< from_template: a file of the VM's directory, copied sparsely
};

struct Disk {
    std::string name;  ///< [a-z0-9-]{1,32}, unique; also the NBD export's name.
    DiskRole role = DiskRole::software;
    DiskBus bus = DiskBus::virtio;
    std::string path;  ///< Relative to the VM's directory; empty for swap.
    bool read_only = false;
    std::optional<SwapSpec> swap;
};

struct Network {
    NetworkMode mode = NetworkMode::nat;
    std::string mac;    ///< "52:54:00:..." or empty: derived from the VM's uuid.
    std::string model;  ///< virtio | e1000e | e1000 | rtl8139
};

struct Resolution {
    unsigned width = 0, height = 0;  ///< Pixels.
    bool operator==(const Resolution&) const = default;
};
/// What machine.toml may ask for; both ends are included.
inline constexpr Resolution k_least_resolution{320, 240}, k_largest_resolution{7680, 4320};
/// Where "monitor" is asked for and there is none.
inline constexpr Resolution k_plain_resolution{1280, 800};
/// What the models qxl and vga have for a picture of 4 bytes a pixel.
inline constexpr uint64_t k_screen_memory = 64ULL << 20;

/// With a screen, any but `none`, comes a USB tablet: a pointer that is where the user's is.
struct Screen {
    ScreenModel model = ScreenModel::virtio;
    std::optional<Resolution> resolution;  ///< nullopt: the monitor's.
};

struct MachineConfig {
    std::string uuid;  ///< SMBIOS UUID.
    unsigned cpus = 1;
    uint64_t memory = 0;  ///< Bytes.
    Firmware firmware = Firmware::bios;
    std::string nvram;  ///< File of the VM's directory, or empty (bios).
    bool tpm = false;
    ClockBase clock = ClockBase::utc;
    bool hyperv = false;  ///< Hyper-V's enlightenments, and all CPUs in one socket.
    Sound sound = Sound::none;
    Screen screen;
    Network network;
    StartFrom start = StartFrom::disk;
    std::vector<Disk> disks;
    std::vector<std::string> devices;  ///< "rng", "balloon", "tablet", "keyboard", "watchdog", "panic"
};

/// C-errors name `file`, line, value and valid range. Any bytes may be given.
Result<MachineConfig> parse_machine_config(std::string_view text, std::string_view file);

/// Whether the firmware keeps variables (`nvram`).
constexpr bool has_variables(Firmware firmware) {
    return firmware != Firmware::bios;
}

/// The disk that the guest starts from: the first of the role software, else the first that is neither swap
/// nor a cdrom; nullptr: none.
const Disk* start_disk(const MachineConfig& config);

/// What the client adds to the configuration (all by value: the XML is a pure function of both).
struct ClientFacts {
    std::string domain_name;
    bool kvm = true;                    ///< false: type "qemu" (emulated), only where the profile allows it.
    std::string nbd_socket;             ///< Exports named as the disks.
    std::string console_socket;         ///< Bound by QEMU.
    std::string screen_socket;          ///< Bound by QEMU for SPICE; empty: this workstation has no display.
    std::optional<Resolution> monitor;  ///< Its display's preferred mode, if it says one.
    std::string network_bridge;         ///< For NetworkMode::bridge.
    /// NetworkMode::bridge: only the address that the site's DHCP server gave may be a packet's source.
    bool guest_address_leased = false;
    std::string nat_network;    ///< libvirt network for NetworkMode::nat; empty: QEMU's user-mode network.
    std::string firmware_code;  ///< OVMF_CODE path; the one for Secure Boot for Firmware::uefi_secure.
    std::string nvram_copy;     ///< Local copy of the VM's NVRAM, put back at the end.
    uint64_t host_memory = 0;
    unsigned host_cpus = 1;
};

/// A guest meets the same devices at the same places on every client: one with a display adds only what is
/// behind them. H-error when the configuration does not fit the client (more memory or CPUs than there are, bridge not
/// offered). A bridged card gets a network filter (overlay/etc/libvirt/nwfilter); libvirt starts no domain
/// whose filter it does not know.
Result<std::string> domain_xml(const MachineConfig& config, const ClientFacts& facts);

}  // namespace berth::guest
