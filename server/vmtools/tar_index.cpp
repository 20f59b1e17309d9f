// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/tar_index.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace berth::server {
namespace {

constexpr uint64_t k_block = 512;
constexpr size_t k_max_members = 1000;
constexpr uint64_t k_max_pax = 64 * 1024;

std::string_view field(std::string_view header, size_t at, size_t length) {
    const std::string_view text = header.substr(at, length);
    return text.substr(0, text.find('\0'));
}

/// Octal digits, or big endian with the highest bit set (GNU and star, for 8 GiB and more).
std::optional<uint64_t> number(std::string_view text) {
    uint64_t value = 0;
    if (!text.empty() && (static_cast<unsigned char>(text[0]) & 0x80) != 0) {
        for (size_t i = 0; i < text.size(); ++i) {
            const auto byte = static_cast<unsigned char>(i == 0 ? text[i] & 0x7f : text[i]);
            if (value >> 55 != 0) return std::nullopt;
            value = value << 8 | byte;
        }
        return value;
    }
    bool any = false;
    for (const char c : text) {
        if (c == ' ' || c == '\0') {
            if (any) break;
            continue;
        }
        if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
        value = value * 8 + static_cast<uint64_t>(c - '0');
        any = true;
    }
    return value;
}

bool checksum_right(std::string_view header) {
    uint64_t sum = 0;
    for (size_t i = 0; i < header.size(); ++i)
        sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
    return number(header.substr(148, 8)) == sum;
}

/// "27 path=name\n" records (POSIX pax); only these two matter.
void read_pax(std::string_view text, std::optional<std::string>& path, std::optional<uint64_t>& size) {
    while (!text.empty()) {
        size_t length = 0, at = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && at < 6; ++at)
            length = length * 10 + static_cast<size_t>(text[at] - '0');
        if (length <= at + 2 || length > text.size() || text[at] != ' ') return;
        const std::string_view record = text.substr(at + 1, length - at - 2);
        if (record.starts_with("path=")) path = record.substr(5);
        if (record.starts_with("size=")) {
            uint64_t value = 0;
            for (const char c : record.substr(5))
                if (c >= '0' && c <= '9' && value < UINT64_MAX / 20)
                    value = value * 10 + static_cast<uint64_t>(c - '0');
            size = value;
        }
        text.remove_prefix(length);
    }
}

}  // namespace

Result<std::vector<TarMember>> read_tar_index(const TarRead& read, uint64_t size, const std::string& name) {
    std::vector<TarMember> members;
    std::optional<std::string> long_path;
    std::optional<uint64_t> long_size;
    for (uint64_t at = 0; at + k_block <= size;) {
        auto header = BERTH_TRY(read(at, k_block));
        if (header.size() != k_block) return fail(ErrorCode::P25, "{}: ends at {}", name, at);
        if (header.find_first_not_of('\0') == std::string::npos) break;
        if (!checksum_right(header))
            return fail(ErrorCode::P25, "{}: no tar header at {}: must be a tar archive", name, at);
        const char type = header[156];
        auto length = number(std::string_view(header).substr(124, 12));
        if (type != 'x' && long_size) length = long_size;
        const uint64_t data = at + k_block;
        if (!length || *length > size - data)
            return fail(ErrorCode::P25, "{}: the member at {} ends behind the archive", name, at);
        at = data + (*length + k_block - 1) / k_block * k_block;
        if (type == 'x' || type == 'L') {
            if (*length > k_max_pax) return fail(ErrorCode::P25, "{}: a name of {} bytes", name, *length);
            auto text = BERTH_TRY(read(data, *length));
            if (type == 'x')
                read_pax(text, long_path, long_size);
            else
                long_path = text.substr(0, text.find('\0'));
            continue;
        }
        std::string member(field(header, 0, 100));
        if (header.substr(257, 5) == "ustar" && header[345] != '\0' && header[263] == '0')
            member = std::string(field(header, 345, 155)) + "/" + member;
        if (long_path) member = *long_path;
        long_path.reset();
        long_size.reset();
        if (member.starts_with("./")) member = member.substr(2);
        if ((type != '0' && type != '\0') || member.empty()) continue;
        if (members.size() == k_max_members)
            return fail(ErrorCode::P25, "{}: more than {} members", name, k_max_members);
        if (std::ranges::any_of(members, [&](const TarMember& m) { return m.name == member; }))
            return fail(ErrorCode::P25, "{}: two members of one name", name);
        members.push_back({std::move(member), data, *length});
    }
    if (members.empty()) return fail(ErrorCode::P25, "{}: must be a tar archive with an OVF file", name);
    return members;
}

}  // namespace berth::server
