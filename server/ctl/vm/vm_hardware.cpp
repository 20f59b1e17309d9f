// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/vm_hardware.h"

#include <cctype>

#include "guest/machine_text.h"
#include "guest/toml_table.h"

namespace berth::server {

DiskToMake& VmToMake::add_disk(guest::DiskBus bus) {
    const size_t n = disks.size();
    const std::string name = n == 0 ? "software" : n == 1 ? "files" : fmt::format("data-{}", n - 1);
    config.disks.push_back({.name = name,
                            .role = n == 0   ? guest::DiskRole::software
                                    : n == 1 ? guest::DiskRole::files
                                             : guest::DiskRole::data,
                            .bus = bus,
                            .path = name + ".raw"});
    disks.push_back({.path = name + ".raw", .size = 0, .link = ""});
    return disks.back();
}

Result<uint64_t> size_argument(std::string_view option, const std::string& text, uint64_t low,
                               uint64_t high) {
    // machine.toml has a blank before the unit.
    std::string spaced;
    for (const char c : text) {
        if (!spaced.empty() && std::isalpha(static_cast<unsigned char>(c)) != 0 &&
            std::isdigit(static_cast<unsigned char>(spaced.back())) != 0)
            spaced += ' ';
        spaced += c;
    }
    const auto bytes = guest::parse_size(spaced);
    if (!bytes || *bytes < low || *bytes > high || *bytes % (1 << 20) != 0)
        return fail(ErrorCode::P06, "{} \"{}\": must be {} to {} in whole MiB, as \"4 GiB\"", option, text,
                    guest::size_text(low), guest::size_text(high));
    return *bytes;
}

VmHardwareArguments::VmHardwareArguments(CLI::App& command) {
    command.add_option("--cpus", cpus_, "1 to 128; default 2")->check(CLI::Range(1, 128));
    command.add_option("--memory", memory_, "default 2 GiB");
    command.add_option("--firmware", firmware_, "bios, uefi or uefi-secure")
        ->check(CLI::IsMember({"bios", "uefi", "uefi-secure"}));
    command.add_flag("--tpm", tpm_, "a TPM 2.0");
    command.add_option("--network", network_, "nat, bridge or none")
        ->check(CLI::IsMember({"nat", "bridge", "none"}));
    command.add_option("--bus", bus_, "of its disks: virtio, sata or scsi")
        ->check(CLI::IsMember({"virtio", "sata", "scsi"}));
    command.add_option("--swap", swap_, "a swap disk of that size, made anew at each login");
    auto* iso = command.add_option("--iso", iso_, "installation medium, copied into the VM's folder");
    command.add_option("--iso-link", iso_link_, "the same as a link into the shared tree: its path there")
        ->excludes(iso);
}

VmToMake VmHardwareArguments::plain(std::string origin) {
    VmToMake vm{.origin = std::move(origin)};
    auto& config = vm.config;
    config.uuid = guest::fresh_uuid();
    config.cpus = 2;
    config.memory = 2ULL << 30;
    config.devices = {"rng"};
    config.network = {.mode = guest::NetworkMode::nat, .mac = guest::fresh_mac(), .model = "virtio"};
    return vm;
}

guest::DiskBus VmHardwareArguments::bus_or(guest::DiskBus otherwise) const {
    for (const auto& [word, bus] : guest::k_disk_buses)
        if (bus_ == word) return bus;
    return otherwise;
}

Status VmHardwareArguments::apply(VmToMake& vm) const {
    auto& config = vm.config;
    if (!memory_.empty())
        config.memory = BERTH_TRY(size_argument("--memory", memory_, 16ULL << 20, 4ULL << 40));
    if (cpus_ != 0) config.cpus = cpus_;
    for (const auto& [word, firmware] : guest::k_firmwares)
        if (firmware_ == word) config.firmware = firmware;
    config.nvram = guest::has_variables(config.firmware) ? "nvram" : "";
    if (tpm_) config.tpm = true;
    for (const auto& [word, mode] : guest::k_network_modes)
        if (network_ == word) config.network.mode = mode;
    BERTH_TRY(add_swap(vm));
    return add_medium(vm);
}

Status VmHardwareArguments::add_swap(VmToMake& vm) const {
    if (swap_.empty()) return {};
    auto size = BERTH_TRY(size_argument("--swap", swap_, guest::k_min_swap, guest::k_max_swap));
    guest::Disk swap{.name = "swap", .role = guest::DiskRole::swap, .bus = bus_or(guest::DiskBus::virtio)};
    swap.swap = guest::SwapSpec{.size = size, .uuid = guest::fresh_uuid(), .label = "swap"};
    vm.config.disks.push_back(std::move(swap));
    return {};
}

Status VmHardwareArguments::add_medium(VmToMake& vm) const {
    if (iso_.empty() && iso_link_.empty()) return {};
    vm.config.disks.push_back({.name = "installer",
                               .role = guest::DiskRole::cdrom,
                               .bus = guest::DiskBus::sata,
                               .path = "installer.iso",
                               .read_only = true});
    DiskToMake medium{.path = "installer.iso", .size = 0, .link = iso_link_};
    if (!iso_.empty()) {
        auto image = BERTH_TRY(open_image(iso_, ImageFormat::raw));
        vm.origin += fmt::format(" iso {} {} {}", iso_, image.size, image.mtime_ns);
        medium.image = std::move(image);
    }
    vm.disks.push_back(std::move(medium));
    return {};
}

}  // namespace berth::server
