// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/ipxe_script.h"

#include <algorithm>

#include "base/plain_text.h"
#include "server/model/text.h"

namespace berth::server {
namespace {

/// iPXE's --timeout counts milliseconds without progress, so a slow line may take as long as it needs.
constexpr int k_fetch_timeout_ms = 15'000;

// boot.ipxe's own names, with which it has asked. One x for each time that the image could not be loaded.
constexpr std::string_view k_ask_again =
    "isset ${berth-query} || goto disk\n"
    "iseq x${berth-again} xxxx && goto disk ||\n"
    "set berth-again ${berth-again}x\n"
    "prompt --timeout 2000 Asking again in 2 s ||\n"
    "chain --timeout 4000 --replace ${berth-url}/v1/boot?${berth-query} ||\n"
    ":disk\n"
    "echo Berth: continuing with the local disk\n";
static_assert(k_max_again == 3, "one x more than that");

// UEFI firmware continues with its next boot entry when iPXE exits with an error; a BIOS is handed the first
// disk.
std::string_view local_disk(Platform platform) {
    return platform == Platform::efi ? "exit 1\n" : "sanboot --no-describe --drive 0x80 || exit 1\n";
}

bool is_sentence(std::string_view text) {
    return text.size() <= 200 && std::all_of(text.begin(), text.end(), [](char c) {
               return is_printable_ascii(c) &&
                      std::string_view("$\"'\\|&#`").find(c) == std::string_view::npos;
           });
}

/// "ttyS0,115200" is the kernel's word and "ttyS0" ours; a virtual terminal's kernel lines go to tty0.
std::string console_arguments(const std::string& console) {
    const std::string terminal = console.substr(0, console.find(','));
    const bool serial = terminal.starts_with("ttyS");
    const std::string kernel = !serial ? "tty0" : console == terminal ? terminal + ",115200" : console;
    return fmt::format("console={} berth.console={}", kernel, terminal);
}

}  // namespace

Result<std::string> ipxe_script(const ScriptInput& in) {
    if (!is_sentence(in.decision.why)) return fail(ErrorCode::P06, "message: must be plain text of one line");
    std::string script = fmt::format("#!ipxe\necho Berth: {}\n", in.decision.why);
    if (in.decision.action == Action::local_disk) return script + std::string(local_disk(in.platform));
    if (in.decision.action == Action::message)
        return script + "prompt --timeout 10000 Press a key to continue with the local disk now ||\n" +
               std::string(local_disk(in.platform));

    const auto& console_rule = *find_setting("console");
    if (!is_base_url(in.base_url) || !is_record_id(in.machine_id) || !is_hex(in.boot_token) ||
        !is_file_name(in.image) || !(in.site.empty() || is_file_name(in.site)) ||
        !(in.image_build.empty() || is_file_name(in.image_build)) ||
        !(in.site_build.empty() || is_file_name(in.site_build)) ||
        !(in.mac.empty() || in.mac == station_mac(in.mac)) || !console_rule.valid(in.console))
        return fail(ErrorCode::P06, "machine {}: a value cannot be written into a boot script",
                    in.machine_id);
    const auto url = [&](const std::string& name, const std::string& build) {
        return fmt::format("{}/images/{}{}{}", in.base_url, name, build.empty() ? "" : "/", build);
    };
    const std::string image = url(in.image, in.image_build);
    std::string arguments = fmt::format(
        "initrd=initrd.img quiet berth.provisioner={} berth.machine={} berth.boot={} berth.image={}",
        in.base_url, in.machine_id, in.boot_token, image);
    if (!in.mac.empty()) arguments += " berth.mac=" + in.mac;
    if (!in.site.empty()) arguments += " berth.site=" + url(in.site, in.site_build);
    arguments += " " + console_arguments(in.console);
    return script + fmt::format(
                        "imgfree\n"
                        "kernel --timeout {0} --name vmlinuz {1}/vmlinuz {2} || goto failed\n"
                        "initrd --timeout {0} --name initrd.img {1}/initrd.img || goto failed\n"
                        "boot || goto failed\n"
                        ":failed\n"
                        "echo Berth: the image {3} cannot be loaded\n"
                        "imgfree\n"
                        "{4}{5}",
                        k_fetch_timeout_ms, image, arguments, in.image, k_ask_again, local_disk(in.platform));
}

Result<std::string> with_provisioner(std::string_view boot_ipxe, std::string_view base_url) {
    if (!is_base_url(base_url)) return fail(ErrorCode::P06, "URL: must be http://host or http://host:port");
    const size_t line = boot_ipxe.find('\n');
    if (!boot_ipxe.starts_with("#!ipxe") || line == std::string_view::npos)
        return fail(ErrorCode::P06, "boot.ipxe: must begin with the line #!ipxe");
    return fmt::format("{}set berth-url {}\n{}", boot_ipxe.substr(0, line + 1), base_url,
                       boot_ipxe.substr(line + 1));
}

}  // namespace berth::server
