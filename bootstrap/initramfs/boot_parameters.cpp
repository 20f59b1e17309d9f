// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/boot_parameters.h"

#include <algorithm>

#include "base/fd.h"
#include "base/plain_text.h"
#include "base/record/command_line.h"
#include "base/text.h"

namespace berth::boot {
namespace {

/// http(s)://host..., printable ASCII, no spaces.
bool is_url(std::string_view s) {
    const bool scheme = s.starts_with("http://") || s.starts_with("https://");
    return scheme && s.size() <= 1024 && s.size() > s.find("//") + 2 && std::ranges::all_of(s, [](char c) {
               return is_printable_ascii(c) && c != ' ' && c != '#' && c != '\\';
           });
}

Status take_url(std::string_view name, std::string_view value, std::string& to) {
    while (value.ends_with('/')) value.remove_suffix(1);
    if (!is_url(value))
        return fail(ErrorCode::B09, "{}={}: must be http://HOST/... or https://HOST/...", name, value);
    to = value;
    return {};
}

Status take(BootParameters& p, std::string_view name, std::string_view value) {
    if (name == "berth.image") return take_url(name, value, p.image);
    if (name == "berth.site") return take_url(name, value, p.site);
    if (name == "berth.provisioner") return take_url(name, value, p.provisioner);
    if (name == "berth.machine") {
        if (!is_machine_id(value)) return fail(ErrorCode::B09, "{}={}: must be a machine's id", name, value);
        p.machine = value;
    } else if (name == "berth.boot") {
        if (!is_boot_token(value))
            return fail(ErrorCode::B09, "{}: must be 1 to 128 letters, digits, '-', '_'", name);
        p.token = value;
    } else if (name == "berth.console") {
        value = value.substr(0, value.find(','));  // "ttyS0,115200", as the kernel's console= has it
        if (!is_console(value))
            return fail(ErrorCode::B09, "{}={}: must be a terminal such as tty1 or ttyS0", name, value);
        p.console = value;
    } else if (name == "berth.mac") {
        p.mac = normal_mac(value);
        if (p.mac.empty()) return fail(ErrorCode::B09, "{}={}: must be a MAC address", name, value);
    } else if (name == "BOOTIF") {
        // PXELINUX's word, with the hardware type before the address: 01 is Ethernet. Any other card cannot
        // be ours.
        if (value.starts_with("01-")) p.mac = normal_mac(value.substr(3));
    } else if (name == "berth.ip") {
        if (value != "dhcp") return fail(ErrorCode::B09, "{}={}: must be dhcp", name, value);
    }
    return {};
}

}  // namespace

Result<BootParameters> parse_boot_parameters(std::string_view command_line) {
    BootParameters parameters;
    for (const auto& [name, value] : command_line_values(command_line))
        BERTH_TRY(take(parameters, name, value));
    return parameters;
}

Result<BootParameters> read_boot_parameters() {
    auto text = BERTH_TRY(read_file("/proc/cmdline", 64 * 1024));
    return parse_boot_parameters(text);
}

}  // namespace berth::boot
