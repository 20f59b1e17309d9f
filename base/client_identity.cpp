// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/client_identity.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "base/record/machine_record.h"
#include "base/text.h"

namespace berth {
namespace {

namespace fs = std::filesystem;

/// Without the end of line that the kernel writes.
std::string_view line_of(std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \n") + 1);
}

/// IEEE 802 48-bit MAC's bit 1 of the first octet.
bool locally_administered(const std::string& mac) {
    return (hex_value(mac[1]).value_or(0) & 2) != 0;
}

/// Some firmware fills the UUID with one digit.
bool is_one_digit(std::string_view uuid) {
    return uuid.find_first_not_of(std::string{uuid[0], '-'}) == std::string_view::npos;
}

}  // namespace

Result<std::string> identity_from(std::string_view record_id, std::string_view smbios_uuid,
                                  std::vector<std::string> macs) {
    if (!record_id.empty()) return std::string(record_id);
    for (auto& mac : macs) mac = normal_mac(line_of(mac));
    std::erase_if(macs, [](const std::string& mac) { return mac.empty() || mac == "00:00:00:00:00:00"; });
    std::ranges::sort(macs, [](const std::string& a, const std::string& b) {
        return std::pair(locally_administered(a), a) < std::pair(locally_administered(b), b);
    });
    std::string id = normal_uuid(line_of(smbios_uuid));
    if (!id.empty() && is_one_digit(id)) id.clear();
    if (!macs.empty()) id += (id.empty() ? "" : "-") + macs.front();
    if (id.empty())
        return fail(ErrorCode::B08,
                    "no record, no SMBIOS UUID and no network card: this client has no identity");
    return id;
}

Result<ClientIdentity> read_client_identity(const std::string& root) {
    std::string record_id;
    std::error_code error;
    if (const std::string path = root + k_machine_record_path; fs::exists(path, error)) {
        auto text = BERTH_TRY(read_file(path, k_max_machine_record));
        auto record = BERTH_TRY(parse_machine_record(text));
        record_id = record.id;
    }
    const auto uuid = read_file(root + "/sys/class/dmi/id/product_uuid", 4096);
    std::vector<std::string> macs;
    for (const auto& nic : fs::directory_iterator(root + "/sys/class/net", error)) {
        if (!fs::exists(nic.path() / "device", error)) continue;  // Bridges, taps and the like.
        if (auto mac = read_file(nic.path() / "address", 4096)) macs.push_back(*mac);
    }
    auto id = BERTH_TRY(identity_from(record_id, uuid ? *uuid : std::string(), macs));
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    return ClientIdentity{id, host};
}

}  // namespace berth
