// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/machine_text.h"

#include <algorithm>
#include <array>

#include "base/plain_text.h"
#include "base/random.h"
#include "base/text.h"
#include "guest/toml_table.h"

namespace berth::guest {
namespace {

/// A TOML basic string (toml.io, "String").
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const auto [code, bytes] = first_character(text);
        if (code == '"' || code == '\\') out += '\\';
        if (is_control(code))
            out += fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
        else
            out += text.substr(0, bytes);
        text.remove_prefix(bytes);
    }
    return out + "\"";
}

void write_swap(std::string& out, const SwapSpec& swap) {
    out += fmt::format("size = \"{}\"\ncontent = \"{}\"\n", size_text(swap.size),
                       word_of(k_swap_contents, swap.content));
    if (swap.content == SwapContent::linux_swap) out += fmt::format("uuid = \"{}\"\n", swap.uuid);
    if (swap.content == SwapContent::ntfs) out += fmt::format("volume_id = \"{}\"\n", swap.volume_id);
    if (swap.content == SwapContent::from_template)
        out += "template = " + toml_string(swap.template_path) + "\n";
    if (!swap.label.empty()) out += "label = " + toml_string(swap.label) + "\n";
}

/// Where line `line`, column `column` (both from 1, columns in code points) of `text` is.
size_t offset_of(std::string_view text, toml::source_position at) {
    size_t offset = 0;
    for (uint32_t line = 1; line < at.line; ++line) {
        const size_t end = text.find('\n', offset);
        if (end == std::string_view::npos) return text.size();
        offset = end + 1;
    }
    for (uint32_t column = 1; column < at.column && offset < text.size(); ++column)
        offset += first_character(text.substr(offset)).bytes;
    return offset;
}

/// Puts `value` in the place of a string that was read, quotes included.
void replace_value(std::string& text, const toml::node& node, std::string_view value) {
    const size_t begin = offset_of(text, node.source().begin), end = offset_of(text, node.source().end);
    text.replace(begin, end - begin, "\"" + std::string(value) + "\"");
}

}  // namespace

std::string format_machine_config(const MachineConfig& config) {
    std::string out =
        fmt::format("schema = 1\nuuid = \"{}\"\ncpus = {}\nmemory = \"{}\"\nfirmware = \"{}\"\n", config.uuid,
                    config.cpus, size_text(config.memory), word_of(k_firmwares, config.firmware));
    if (!config.nvram.empty() && config.nvram != "nvram")
        out += "nvram = " + toml_string(config.nvram) + "\n";
    if (config.tpm) out += "tpm = true\n";
    if (config.clock == ClockBase::local) out += "clock = \"local\"\n";
    if (config.start == StartFrom::cdrom) out += "start = \"cdrom\"\n";
    if (config.hyperv) out += "hyperv = true\n";
    if (config.sound != Sound::none) out += fmt::format("sound = \"{}\"\n", word_of(k_sounds, config.sound));
    out += "devices = [";
    for (const auto& device : config.devices)
        out += fmt::format("{}\"{}\"", &device == config.devices.data() ? "" : ", ", device);
    out += "]\n";
    const Screen& screen = config.screen;
    const std::string resolution =
        screen.resolution ? fmt::format("{}x{}", screen.resolution->width, screen.resolution->height)
                          : "monitor";
    out += fmt::format("\n[screen]\nmodel = \"{}\"\nresolution = \"{}\"\n",
                       word_of(k_screen_models, screen.model), resolution);
    const Network& network = config.network;
    out += fmt::format("\n[network]\nmode = \"{}\"\nmodel = \"{}\"\n", word_of(k_network_modes, network.mode),
                       network.model.empty() ? "virtio" : network.model);
    if (!network.mac.empty()) out += fmt::format("mac = \"{}\"\n", network.mac);
    for (const Disk& disk : config.disks) {
        out += fmt::format("\n[[disk]]\nname = \"{}\"\nrole = \"{}\"\nbus = \"{}\"\n", disk.name,
                           word_of(k_disk_roles, disk.role), word_of(k_disk_buses, disk.bus));
        if (disk.swap)
            write_swap(out, *disk.swap);
        else
            out += "path = " + toml_string(disk.path) + "\n";
        if (disk.read_only && disk.role != DiskRole::shared && disk.role != DiskRole::cdrom)
            out += "read_only = true\n";
    }
    return out;
}

std::string fresh_uuid() {
    std::array<unsigned char, 16> b;
    random_bytes(b.data(), b.size());
    b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
    b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
    return format_uuid(b);
}

std::string fresh_mac() {
    std::array<unsigned char, 6> b{0x52, 0x54, 0x00};
    random_bytes(&b[3], 3);
    return format_mac(b);
}

Result<VmCopy> copy_machine_toml(std::string_view text, std::string_view file, const std::string& uuid,
                                 const std::string& mac) {
    auto config = BERTH_TRY(parse_machine_config(text, file));
    VmCopy copy{.text = std::string(text)};
    {
        const toml::table source = toml::parse(text, file);  // it was parsed once: it does not throw
        const toml::node* id = source.get("uuid");
        const toml::node* address = source["network"]["mac"].node();
        // The later one first: a value may be longer than the one it replaces.
        std::vector<std::pair<const toml::node*, std::string>> values{{id, uuid}};
        if (address != nullptr) values.emplace_back(address, mac);
        std::ranges::sort(values, [](const auto& a, const auto& b) {
            return std::pair(a.first->source().begin.line, a.first->source().begin.column) >
                   std::pair(b.first->source().begin.line, b.first->source().begin.column);
        });
        for (const auto& [node, value] : values) replace_value(copy.text, *node, value);
    }
    auto again = parse_machine_config(copy.text, file);
    if (!again || again->uuid != uuid || again->disks.size() != config.disks.size() ||
        (!config.network.mac.empty() && again->network.mac != mac))
        return fail(ErrorCode::C01, "{}: write uuid and mac as plain strings on lines of their own", file);
    copy.config = std::move(*again);
    const auto add = [&](const std::string& path) {
        if (!path.empty() && std::ranges::find(copy.files, path) == copy.files.end())
            copy.files.push_back(path);
    };
    for (const Disk& disk : copy.config.disks) {
        add(disk.path);
        if (disk.swap) add(disk.swap->template_path);
    }
    if (!copy.config.nvram.empty()) copy.optional.push_back(copy.config.nvram);
    return copy;
}

}  // namespace berth::guest
