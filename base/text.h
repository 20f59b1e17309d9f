// SPDX-License-Identifier: GPL-3.0-or-later
// The rules for the small words that Berth's parts hand to each other and to tools: hosts, paths, names. Who
// writes such a word (berthctl, the provisioner, berth.toml) and who reads it (the workstation) ask the same
// function. Pure; every function takes hostile text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/nfs_types.h"

namespace berth {

/// A machine's own name (RFC 1123 2.1): labels of 1 to 63 letters, digits and inner hyphens, joined by dots,
/// at most 64 bytes together (sethostname(2)).
bool is_host_name(std::string_view text);

/// An IPv4 address: four decimal numbers (inet_pton(3)).
bool is_ipv4(std::string_view text);
/// An IPv6 address as RFC 4291 2.2 writes it, without brackets and without a zone.
bool is_ipv6(std::string_view text);

/// Another machine: a name or an address, as a resolver takes it. A name is one of DNS: labels as above that
/// may have '_' too, at most 253 bytes, perhaps with the dot of the root behind it ("fs1.example.org."). An
/// IPv6 address is without brackets here.
bool is_host_or_address(std::string_view text);
/// The same as people write it, an IPv6 address with or without brackets; the result has none. nullopt: it is
/// neither a name nor an address.
std::optional<std::string> parse_host(std::string_view text);
/// A host as a URL or "host:/path" needs it: an IPv6 address in brackets.
std::string bracketed(std::string_view host);

/// "host" or "host:port" with a port from 1 to 65535, as in a URL; IPv6 addresses in brackets.
struct Authority {
    std::string host;              ///< As parse_host gives it.
    std::optional<uint16_t> port;  ///< None was named.
    friend bool operator==(const Authority&, const Authority&) = default;
};
std::optional<Authority> parse_authority(std::string_view text);
bool is_authority(std::string_view text);

/// One name of a directory: not empty, not "." or "..", no '/' and no NUL, at most 255 bytes.
bool is_plain_name(std::string_view name);

/// A directory at a file server: absolute, UTF-8 without control characters, without a part "..", at most
/// 4096 bytes. It must come back the same from every JSON text that carries it.
bool is_server_path(std::string_view text);
/// The narrower form of a path in a machine's record, for it is typed as a command's argument and shown in
/// tables: letters, digits and /._-+@{}, at most 1024 bytes (RFC 1813 appendix I, MNTPATHLEN). "{user}"
/// is replaced by the user's name.
bool is_record_path(std::string_view text);

/// "server:/path", the server as parse_host gives it, the directory an is_server_path, no ports; an IPv6 address must
/// be in brackets there, for nothing else tells where it ends. nullopt: not of that form.
std::optional<NfsLocation> parse_location(std::string_view text);
/// What parse_location reads, and what people are shown; the ports are left out.
std::string format_location(const NfsLocation& location);
/// A location in a machine's record: is_record_path.
bool is_record_location(std::string_view text);

/// loadkeys(1)'s name of a key map: 1 to 32 of letters, digits, '-', '_'; it does not begin with '-'.
bool is_keymap(std::string_view text);
/// tzfile(5)'s name of a time zone such as "Europe/Berlin": parts of 1 to 32 of letters, digits, '_', '+',
/// '-' joined by '/', no part beginning with '-', at most 64 bytes.
bool is_time_zone(std::string_view text);
/// A network interface: 1 to 15 of letters, digits, '.', '_', '-' (IFNAMSIZ less the ending zero), not
/// beginning with '-', neither "." nor "..".
bool is_interface_name(std::string_view text);
/// Which source addresses a guest with a bridged card may use: "any", or "leased", the one of its lease only.
bool is_guest_address(std::string_view text);
/// A disk of a VM (machine.toml(5)): 1 to 32 of a-z, 0-9 and '-'.
bool is_disk_name(std::string_view text);
/// A file in a flat folder, such as an image's: 1 to 128 of letters, digits, '.', '_', '-', not beginning
/// with '.'.
bool is_file_name(std::string_view text);
/// A record's id as it may be in a URL's path and in a file name: 1 to 64 of letters, digits, '.', '_', ':',
/// '-', the first a letter or digit.
bool is_machine_id(std::string_view text);
/// A terminal of the kernel as "berth.console=" names it: "tty" or "hvc" and perhaps more letters and digits, at
/// most 16 together.
bool is_console(std::string_view text);
/// A boot token: 1 to 128 of letters, digits, '-', '_'.
bool is_boot_token(std::string_view text);
/// What the record says of the data partition: "none", "auto", or a request to make it anew, "remake" or
/// "remake-" and 1 to 32 letters and digits, which tell one request from the next.
bool is_data_setting(std::string_view text);
/// Whether such a word is a request to make it anew.
bool is_remake(std::string_view data_setting);
/// A decimal number up to 65535.
std::optional<uint16_t> parse_port(std::string_view text);

/// ASCII letters in lower case; the rest stays.
std::string lower_case(std::string_view text);
/// What a hex digit of either case stands for; nullopt: it is none.
std::optional<unsigned> hex_value(char digit);
/// Two hex digits in lower case for each byte.
std::string to_hex(std::span<const unsigned char> bytes);
/// What to_hex makes of one byte or more, or a part of it.
bool is_hex(std::string_view text);
/// The nonce of a lock: is_hex of 16 bytes.
bool is_nonce(std::string_view text);
/// The BLAKE2b-256 of a file of an image, and its name on a server: is_hex of 32 bytes.
bool is_digest(std::string_view text);

/// A MAC address in its one form, "52:54:00:12:34:56", from six hex pairs with ':' or '-' between them, the same
/// all along, or nothing. Empty: it is not one.
std::string normal_mac(std::string_view text);
/// The same for one station's address only (IEEE 802): a group's address and zeros give the empty text too.
std::string station_mac(std::string_view text);
/// A UUID in its one form (RFC 9562 4): hex digits in lower case as 8-4-4-4-12. Empty: it is not one.
std::string normal_uuid(std::string_view text);
/// Either in its one form.
std::string format_mac(const std::array<unsigned char, 6>& bytes);
std::string format_uuid(const std::array<unsigned char, 16>& bytes);

}  // namespace berth
