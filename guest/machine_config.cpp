// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/machine_config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/plain_text.h"
#include "base/text.h"
#include "guest/toml_guard.h"
#include "guest/toml_table.h"

namespace berth::guest {
namespace {

constexpr uint64_t k_mib = 1ULL << 20;
constexpr uint64_t k_tib = 1ULL << 40;
constexpr size_t k_max_disks = 32;
constexpr size_t k_max_path = 255;
constexpr Word<std::string_view> k_network_models[] = {
    {"virtio", "virtio"}, {"e1000e", "e1000e"}, {"e1000", "e1000"}, {"rtl8139", "rtl8139"}};

/// What is wrong with a path inside the VM's directory, or empty.
std::string path_fault(std::string_view path) {
    if (path.empty()) return "must name a file";
    if (path.size() > k_max_path) return fmt::format("must be at most {} bytes", k_max_path);
    if (path.front() == '/') return "must be relative to the virtual machine's folder, not begin with \"/\"";
    if (!is_plain_text(path)) return "must not hold control characters";
    for (size_t begin = 0; begin <= path.size();) {
        const size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part == "..") return "must stay inside the virtual machine's folder, without \"..\"";
        if (part.empty() || part == ".")
            return "must be a plain path: no \"//\", no \".\", no \"/\" at its end";
        begin = end + 1;
    }
    const std::string_view first = path.substr(0, path.find('/'));
    const bool reserved = first == "machine.toml" || first.starts_with("lock.") ||
                          first.starts_with("last-used.") || first.starts_with("changes.") ||
                          first == "cache.key" || first == "replica" || first == k_tpm_file ||
                          first.starts_with('.');
    if (reserved) return "must not be one of Berth's own files (machine.toml(5), FILES)";
    return "";
}

std::string read_path(TomlTable& table, std::string_view key, std::optional<std::string> fallback) {
    std::string path =
        table.string(key, "the path of a file in the virtual machine's folder", std::move(fallback));
    if (!table.has(key)) return path;
    const std::string fault = path_fault(path);
    if (!fault.empty()) table.reject(key, fmt::format("{}: {}", in_quotes(path), fault), ErrorCode::C04);
    return path;
}

std::string read_uuid(TomlTable& table, std::string_view key) {
    constexpr std::string_view right =
        "a UUID such as \"2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10\" (uuidgen makes one), not all zeros";
    std::string text = table.string(key, right, std::nullopt);
    const std::string uuid = normal_uuid(text);
    if (table.has(key) && uuid.find_first_not_of("0-") == std::string::npos) table.wrong(key, text, right);
    return uuid;
}

Network read_network(const toml::table& source, Problem& problem) {
    TomlTable table(source, "network", {"mode", "model", "mac"}, problem);
    Network network;
    network.mode = table.word<NetworkMode>("mode", k_network_modes, NetworkMode::nat);
    network.model = table.word<std::string_view>("model", k_network_models, "virtio");
    constexpr std::string_view right =
        "six bytes such as \"52:54:00:12:34:56\", not a group address, not all zeros";
    network.mac = lower_case(table.string("mac", right, ""));
    if (table.has("mac") && (network.mac.empty() || station_mac(network.mac) != network.mac))
        table.wrong("mac", network.mac, right);
    return network;
}

/// "1920x1080", each in its range, without sign, blank or leading zero.
std::optional<Resolution> parse_resolution(std::string_view text) {
    const auto number = [](std::string_view digits, unsigned low, unsigned high) -> std::optional<unsigned> {
        unsigned value = 0;
        const char* end = digits.data() + digits.size();
        const auto [at, error] = std::from_chars(digits.data(), end, value);
        if (error != std::errc() || at != end || digits.front() == '0' || value < low || value > high)
            return std::nullopt;
        return value;
    };
    const size_t by = text.find('x');
    if (by == std::string_view::npos) return std::nullopt;
    const auto width = number(text.substr(0, by), k_least_resolution.width, k_largest_resolution.width);
    const auto height = number(text.substr(by + 1), k_least_resolution.height, k_largest_resolution.height);
    if (!width || !height) return std::nullopt;
    return Resolution{*width, *height};
}

Screen read_screen(const toml::table& source, Problem& problem) {
    TomlTable table(source, "screen", {"model", "resolution"}, problem);
    Screen screen;
    screen.model = table.word<ScreenModel>("model", k_screen_models, ScreenModel::virtio);
    const std::string right = fmt::format(
        "\"monitor\", or width and height such as \"1920x1080\", {}x{} to {}x{}", k_least_resolution.width,
        k_least_resolution.height, k_largest_resolution.width, k_largest_resolution.height);
    const std::string text = table.string("resolution", right, "monitor");
    if (text == "monitor") return screen;
    screen.resolution = parse_resolution(text);
    if (!screen.resolution) {
        if (table.has("resolution")) table.wrong("resolution", text, right);
        return screen;
    }
    const uint64_t bytes = uint64_t{4} * screen.resolution->width * screen.resolution->height;
    const bool own_memory = screen.model == ScreenModel::qxl || screen.model == ScreenModel::vga;
    if (own_memory && bytes > k_screen_memory)
        table.reject("resolution",
                     fmt::format("{}: more than the model {} has memory for (at most {} pixels in all)",
                                 in_quotes(text), in_quotes(word_of(k_screen_models, screen.model)),
                                 k_screen_memory / 4));
    return screen;
}

/// The keys that describe swap, of which each content allows its own.
SwapSpec read_swap(TomlTable& table) {
    SwapSpec swap;
    swap.size = table.size("size", k_min_swap, k_max_swap);
    swap.content = table.word<SwapContent>("content", k_swap_contents, SwapContent::linux_swap);
    const bool is_linux = swap.content == SwapContent::linux_swap,
               is_ntfs = swap.content == SwapContent::ntfs;
    const auto only = [&](std::string_view key, bool allowed, std::string_view where) {
        if (table.has(key) && !allowed) table.reject(key, fmt::format("belongs only to content {}", where));
    };
    only("uuid", is_linux, "\"linux-swap\"");
    only("label", is_linux || is_ntfs, "\"linux-swap\" and \"ntfs\"");
    only("volume_id", is_ntfs, "\"ntfs\"");
    only("template", swap.content == SwapContent::from_template, "\"template\"");
    if (is_linux) swap.uuid = read_uuid(table, "uuid");
    if (is_linux || is_ntfs) {
        const size_t longest = is_linux ? 15 : 32;
        const std::string right = fmt::format("1 to {} printable ASCII characters", longest);
        swap.label = table.string("label", right, "");
        const bool good = !swap.label.empty() && swap.label.size() <= longest &&
                          std::ranges::all_of(swap.label, is_printable_ascii);
        if (table.has("label") && !good) table.wrong("label", swap.label, right);
    }
    if (is_ntfs) {
        constexpr std::string_view right = "16 hexadecimal digits such as \"4a1f6c20d3b5e789\"";
        swap.volume_id = lower_case(table.string("volume_id", right, std::nullopt));
        if (table.has("volume_id") && (swap.volume_id.size() != 16 || !is_hex(swap.volume_id)))
            table.wrong("volume_id", swap.volume_id, right);
    }
    if (swap.content == SwapContent::from_template)
        swap.template_path = read_path(table, "template", std::nullopt);
    return swap;
}

Disk read_disk(const toml::table& source, size_t number, Problem& problem) {
    TomlTable table(source, fmt::format("disk {}", number),
                    {"name", "role", "bus", "path", "read_only", "size", "content", "uuid", "label",
                     "volume_id", "template"},
                    problem);
    Disk disk;
    constexpr std::string_view right = "1 to 32 characters of a-z, 0-9 and \"-\"";
    disk.name = table.string("name", right, std::nullopt);
    if (table.has("name") && !is_disk_name(disk.name)) table.wrong("name", disk.name, right);
    disk.role = table.word<DiskRole>("role", k_disk_roles, std::nullopt);
    const bool cdrom = disk.role == DiskRole::cdrom;
    disk.bus = table.word<DiskBus>("bus", k_disk_buses, cdrom ? DiskBus::sata : DiskBus::virtio);
    disk.read_only = table.boolean("read_only", disk.role == DiskRole::shared || cdrom);

    if (disk.role == DiskRole::swap) {
        if (table.has("path")) table.reject("path", "a swap disk has no file on the server: leave it out");
        if (disk.read_only) table.reject("read_only", "a swap disk is always writable");
        disk.swap = read_swap(table);
    } else {
        for (const std::string_view key : {"size", "content", "uuid", "label", "volume_id", "template"})
            if (table.has(key)) table.reject(key, "belongs only to a disk of the role swap");
        disk.path = read_path(table, "path", std::nullopt);
    }
    if (disk.role == DiskRole::shared && !disk.read_only)
        table.reject("read_only", "a shared disk is always read-only");
    if (cdrom && !disk.read_only) table.reject("read_only", "a cdrom is always read-only");
    if (cdrom && disk.bus == DiskBus::virtio)
        table.reject("bus", "\"virtio\" has no cdroms: must be \"sata\" or \"scsi\" here");
    if (disk.bus == DiskBus::sata && disk.read_only && !cdrom)
        table.reject("bus", "\"sata\" has no read-only disks: must be \"virtio\" or \"scsi\" here");
    return disk;
}

/// What is wrong between disks: names and files used twice, nothing to start from.
void check_together(const std::vector<Disk>& disks, const std::string& nvram, const toml::array& sources,
                    Problem& problem) {
    std::set<std::string> names;
    std::map<std::string, bool> paths;  // -> read only by all so far
    const auto line = [&](size_t i, const char* key) {
        const toml::table& table = *sources.get_as<toml::table>(i);
        return (table.contains(key) ? *table.get(key) : static_cast<const toml::node&>(table))
            .source()
            .begin.line;
    };
    for (size_t i = 0; i < disks.size(); ++i) {
        const Disk& disk = disks[i];
        if (!names.insert(disk.name).second)
            problem.at(line(i, "name"), ErrorCode::C03,
                       fmt::format("name of disk {}: {} is another disk's name: must be different", i + 1,
                                   in_quotes(disk.name)));
        if (disk.role == DiskRole::swap) continue;
        const auto [at, fresh] = paths.emplace(disk.path, disk.read_only);
        if ((!fresh && !(at->second && disk.read_only)) || disk.path == nvram)
            problem.at(
                line(i, "path"), ErrorCode::C04,
                fmt::format("path of disk {}: {} is in use already: only read-only disks may share a file",
                            i + 1, in_quotes(disk.path)));
    }
    if (std::all_of(disks.begin(), disks.end(), [](const Disk& d) { return d.role == DiskRole::swap; }))
        problem.at(0, ErrorCode::C05,
                   "there is only swap: must have a disk to start from, of the role software");
}

MachineConfig read_config(const toml::table& source, Problem& problem) {
    // The schema's number first: every other complaint would be about the wrong version of this page.
    if (const auto* schema = source.get_as<int64_t>("schema"); schema != nullptr && schema->get() != 1) {
        problem.at(schema->source().begin.line, ErrorCode::C03,
                   fmt::format("schema {}: this workstation knows only schema 1", schema->get()));
        return {};
    }
    TomlTable table(source, "",
                    {"schema", "uuid", "cpus", "memory", "firmware", "nvram", "tpm", "clock", "start",
                     "devices", "hyperv", "sound", "screen", "network", "disk"},
                    problem);
    MachineConfig config;
    table.integer("schema", 1, 1, std::nullopt);
    config.uuid = read_uuid(table, "uuid");
    config.cpus = static_cast<unsigned>(table.integer("cpus", 1, 128, 1));
    config.memory = table.size("memory", 16 * k_mib, 4 * k_tib);
    config.firmware = table.word<Firmware>("firmware", k_firmwares, Firmware::bios);
    if (has_variables(config.firmware))
        config.nvram = read_path(table, "nvram", "nvram");
    else if (table.has("nvram"))
        table.reject("nvram", "belongs only to firmware \"uefi\" and \"uefi-secure\"");
    config.tpm = table.boolean("tpm", false);
    config.clock = table.word<ClockBase>("clock", k_clocks, ClockBase::utc);
    config.start = table.word<StartFrom>("start", k_starts, StartFrom::disk);
    config.devices =
        table.word_list("devices", {"rng", "balloon", "tablet", "keyboard", "watchdog", "panic"}, {"rng"});
    config.hyperv = table.boolean("hyperv", false);
    config.sound = table.word<Sound>("sound", k_sounds, Sound::none);
    const toml::table none;
    const toml::table* screen = table.table("screen");
    config.screen = read_screen(screen != nullptr ? *screen : none, problem);
    if (config.sound != Sound::none && config.screen.model == ScreenModel::none)
        table.reject("sound",
                     "needs a screen, by which it is heard: must be \"none\" with the screen model \"none\"");
    const toml::table* network = table.table("network");
    config.network = read_network(network != nullptr ? *network : none, problem);
    const toml::array* disks = table.tables("disk");
    if (disks == nullptr) return config;
    if (disks->size() > k_max_disks) {
        table.reject("disk", fmt::format("{} disks: must be 1 to {}", disks->size(), k_max_disks));
        return config;
    }
    for (size_t i = 0; i < disks->size(); ++i)
        config.disks.push_back(read_disk(*disks->get_as<toml::table>(i), i + 1, problem));
    check_together(config.disks, config.nvram, *disks, problem);
    if (config.start == StartFrom::cdrom &&
        std::none_of(config.disks.begin(), config.disks.end(),
                     [](const Disk& d) { return d.role == DiskRole::cdrom; }))
        table.reject("start", "\"cdrom\" needs a disk of the role cdrom");
    return config;
}

}  // namespace

Result<MachineConfig> parse_machine_config(std::string_view text, std::string_view file) {
    BERTH_TRY(check_toml_shape(text, file));
    Problem problem{.file = std::string(file)};
    try {
        const toml::table source = toml::parse(text, file);
        MachineConfig config = read_config(source, problem);
        if (!problem.error) return config;
    } catch (const toml::parse_error& e) {
        const auto line = e.source().begin.line;
        problem.at(line, ErrorCode::C01, printable(e.description(), 300) + syntax_hint(text, line));
    } catch (const std::exception& e) {
        problem.at(0, ErrorCode::C01, printable(e.what(), 300));
    }
    return fail(std::move(*problem.error));
}

const Disk* start_disk(const MachineConfig& config) {
    for (const Disk& disk : config.disks)
        if (disk.role == DiskRole::software) return &disk;
    for (const Disk& disk : config.disks)
        if (disk.role != DiskRole::swap && disk.role != DiskRole::cdrom) return &disk;
    return nullptr;
}

}  // namespace berth::guest
