// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/dnsmasq.h"

#include <arpa/inet.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace berth::server {
namespace {

bool are_ipv4(const std::string& list) {
    std::istringstream parts(list);
    int count = 0;
    for (std::string part; std::getline(parts, part, ','); ++count)
        if (!is_ipv4(part)) return false;
    return count >= 1 && count <= 8 && !list.ends_with(",");
}

bool is_folder(const std::string& text) {
    return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return isalnum(c) ||
                      std::string_view("/-_.+").find(static_cast<char>(c)) != std::string_view::npos;
           });
}

Status check(const DnsmasqOptions& o) {
    const bool dhcp = o.mode == DhcpMode::dhcp;
    if (!is_interface_name(o.interface))
        return fail(ErrorCode::P06,
                    "interface \"{}\": must be 1 to 15 of letters, digits, '-', '_', '.', not '-' first",
                    o.interface);
    if (!is_ipv4(o.server_ip))
        return fail(ErrorCode::P06, "server-ip \"{}\": must be an IPv4 address", o.server_ip);
    if (o.http_port == 0) return fail(ErrorCode::P06, "http-port 0: must be 1 to 65535");
    if (!o.tftp_root.empty() && !is_folder(o.tftp_root))
        return fail(ErrorCode::P06, "tftp-root \"{}\": must be an absolute path of letters, digits and -_.+",
                    o.tftp_root);
    if (!is_ipv4(o.range_first) || (dhcp ? !is_ipv4(o.range_last) : !o.range_last.empty()))
        return fail(ErrorCode::P06, "range \"{}{}{}\": must be {}", o.range_first,
                    o.range_last.empty() ? "" : ",", o.range_last,
                    dhcp ? "FIRST,LAST, two IPv4 addresses"
                         : "the network's IPv4 address alone, such as 10.0.0.0, for proxy DHCP");
    if (dhcp) {
        in_addr first{}, last{};
        inet_pton(AF_INET, o.range_first.c_str(), &first);
        inet_pton(AF_INET, o.range_last.c_str(), &last);
        if (ntohl(first.s_addr) > ntohl(last.s_addr))
            return fail(ErrorCode::P06, "range \"{},{}\": must not end before it begins", o.range_first,
                        o.range_last);
    }
    for (const auto& [name, value] : {std::pair{"ntp", &o.ntp}, std::pair{"router", &o.router}}) {
        if (value->empty()) continue;
        if (!dhcp)
            return fail(ErrorCode::P06, "{}: proxy DHCP cannot give it, the site's own DHCP server must",
                        name);
        if (!are_ipv4(*value))
            return fail(ErrorCode::P06, "{} \"{}\": must be 1 to 8 IPv4 addresses with commas between", name,
                        *value);
    }
    return {};
}

/// RFC 4578 2.1: 0 is BIOS; 7 and 9 are what x86-64 UEFI firmware sends.
std::string boot_by_dhcp(const DnsmasqOptions& o, const std::string& script) {
    std::string text = fmt::format("dhcp-boot=tag:ipxe,{},,{}\n", script, o.server_ip);
    if (o.tftp_root.empty()) return text;
    return text + fmt::format(
                      "# Other firmware gets iPXE first, by its architecture (option 93).\n"
                      "dhcp-match=set:bios,option:client-arch,0\n"
                      "dhcp-match=set:efi,option:client-arch,7\n"
                      "dhcp-match=set:efi,option:client-arch,9\n"
                      "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe,,{0}\n"
                      "dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi,,{0}\n",
                      o.server_ip);
}

std::string boot_by_proxy(const DnsmasqOptions& o, const std::string& script) {
    std::string text = fmt::format("dhcp-boot=tag:ipxe,{},,{}\n", script, o.server_ip);
    if (o.tftp_root.empty()) return text;
    text +=
        "# Other firmware gets iPXE first, by its architecture. The prompt of 0 s starts the one service at "
        "once.\npxe-prompt=\"Berth\",0\n";
    for (const auto& [architecture, program] :
         {std::pair{"X86PC", "undionly.kpxe"}, std::pair{"X86-64_EFI", "ipxe.efi"},
          std::pair{"BC_EFI", "ipxe.efi"}})
        text += fmt::format("pxe-service=tag:!ipxe,{},\"Berth\",{},{}\n", architecture, program, o.server_ip);
    return text;
}

}  // namespace

Result<std::string> dnsmasq_settings(const DnsmasqOptions& o) {
    BERTH_TRY(check(o));
    const bool dhcp = o.mode == DhcpMode::dhcp;
    const std::string url = fmt::format("http://{}:{}", o.server_ip, o.http_port);
    const bool tftp = !o.tftp_root.empty();
    const std::string script = tftp ? "boot.ipxe" : url + "/boot.ipxe";
    std::string text = fmt::format("# dnsmasq settings for Berth, made by: berthctl dnsmasq --mode {}\n",
                                   dhcp ? "dhcp" : "proxy");
    if (tftp)
        text += fmt::format(
            "# The TFTP folder {0} must hold\n"
            "#   undionly.kpxe, ipxe.efi   from /usr/lib/ipxe of Debian's package ipxe\n"
            "#   boot.ipxe                 made by: berthctl boot-script --url {1}\n"
            "# boot.ipxe comes by TFTP so that its fall-back to the local disk works while the provisioner "
            "is down.\n",
            o.tftp_root, url);
    else
        text +=
            "# Only for clients that already are iPXE. Without the provisioner they get no script; give "
            "--tftp-root to serve\n"
            "# it by TFTP, so that its fall-back to the local disk works then too.\n";
    text += fmt::format("\n# No DNS.\nport=0\ninterface={}\nbind-interfaces\n", o.interface);
    if (tftp) text += fmt::format("enable-tftp\ntftp-root={}\n", o.tftp_root);
    text += "\n";
    if (dhcp) {
        text +=
            fmt::format("# Addresses are given here.\ndhcp-range={},{},1h\n", o.range_first, o.range_last);
        text += o.router.empty() ? "# No default router.\ndhcp-option=3\n"
                                 : fmt::format("dhcp-option=3,{}\n", o.router);
        if (!o.ntp.empty()) text += fmt::format("# Time servers.\ndhcp-option=42,{}\n", o.ntp);
        text += fmt::format(
            "# Where boot.ipxe finds the provisioner (private option, read by the "
            "script).\ndhcp-option-force=224,\"{}\"\n",
            url);
    } else {
        text += fmt::format(
            "# The site's DHCP server gives the addresses; here are only the boot "
            "answers.\ndhcp-range={},proxy\n",
            o.range_first);
    }
    text +=
        "\n"
        "# iPXE shows itself by its encapsulated option 175 and its user class.\n"
        "dhcp-match=set:ipxe,175\n"
        "dhcp-userclass=set:ipxe,iPXE\n";
    text += dhcp ? boot_by_dhcp(o, script) : boot_by_proxy(o, script);
    return text;
}

}  // namespace berth::server
