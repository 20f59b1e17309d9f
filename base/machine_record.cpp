// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/machine_record.h"

#include <algorithm>

#include "base/strict_json.h"

namespace berth {
namespace {

using nlohmann::json;

bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool all_of(std::string_view text, std::string_view extra) {
    return std::ranges::all_of(
        text, [&](char c) { return is_alnum(c) || extra.find(c) != std::string_view::npos; });
}

/// RFC 1123 2.1: labels of letters, digits and hyphens, joined by dots.
bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    while (true) {
        const size_t dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        if (label.empty() || label.size() > 63 || !all_of(label, "-") || label.front() == '-' ||
            label.back() == '-')
            return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

bool is_time_zone(std::string_view text) {
    while (true) {
        const size_t slash = text.find('/');
        const std::string_view part = text.substr(0, slash);
        if (part.empty() || part.size() > 32 || !all_of(part, "_+-") || part.front() == '-') return false;
        if (slash == std::string_view::npos) return true;
        text.remove_prefix(slash + 1);
    }
}

/// Absolute, without empty or dot parts; the user's name may be asked for by "{user}".
bool is_directory(std::string_view text) {
    return text.starts_with('/') && text.find("/../") == std::string_view::npos && !text.ends_with("/..");
}

class RecordReader {
  public:
    RecordReader(const json& value, std::string place) : fields_(value, ErrorCode::B08, std::move(place)) {}
    JsonFields& fields() { return fields_; }

    /// An optional text that `legal` accepts.
    std::string text(std::string_view name, size_t max, bool (*legal)(std::string_view),
                     std::string_view form) {
        if (!fields_.has(name)) return {};
        std::string value = fields_.text(name, 1, max);
        if (!legal(value)) fields_.fault(name, fmt::format("must be {}", form));
        return value;
    }
    uint64_t number(std::string_view name, uint64_t max) {
        return fields_.has(name) ? fields_.number(name, 0, max) : 0;
    }

  private:
    JsonFields fields_;
};

Result<MachineRecord::Nfs> parse_nfs(const json& value) {
    RecordReader r(value, "machine record: nfs");
    MachineRecord::Nfs nfs;
    nfs.server = r.text("server", 253, is_host_or_address, "a host name or an address");
    nfs.directory = r.text("directory", 1024, is_directory, "an absolute path without \"..\"");
    nfs.nfs_port = static_cast<uint16_t>(r.number("nfs_port", 65535));
    nfs.mount_port = static_cast<uint16_t>(r.number("mount_port", 65535));
    nfs.shared = r.text(
        "shared", 1280,
        [](std::string_view s) {
            const size_t colon = s.find(":/");
            return colon != std::string_view::npos && is_host_or_address(s.substr(0, colon)) &&
                   is_directory(s.substr(colon + 1));
        },
        "server:/absolute/path");
    BERTH_TRY(r.fields().done());
    return nfs;
}

}  // namespace

bool is_machine_id(std::string_view text) {
    return !text.empty() && text.size() <= 64 && is_alnum(text.front()) && all_of(text, "._:-");
}

bool is_host_or_address(std::string_view text) {
    if (text.find(':') != std::string_view::npos)  // RFC 4291 2.2; the resolver judges the details.
        return text.size() <= 45 && std::ranges::all_of(text, [](char c) {
                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
                          c == ':' || c == '.';
               });
    return is_host_name(text);
}

Result<MachineRecord> parse_machine_record(std::string_view text) {
    constexpr auto code = ErrorCode::B08;
    if (text.size() > k_max_machine_record)
        return fail(code, "machine record: larger than {} bytes", k_max_machine_record);
    auto value = parse_json_object(text, code);
    if (!value) return fail(value.error().with_prefix("machine record"));
    RecordReader r(*value, "machine record");
    JsonFields& f = r.fields();
    MachineRecord record;
    f.number("schema", 1, 1);
    record.id = f.text("id", 1, 64);
    if (!is_machine_id(record.id)) f.fault("id", "must be 1 to 64 of letters, digits, '.', '_', ':', '-'");
    record.name = r.text("name", 64, is_host_name, "a host name");
    record.keymap = r.text(
        "keymap", 32, [](std::string_view s) { return all_of(s, "_-") && s.front() != '-'; },
        "letters, digits, '_', '-'");
    record.time_zone = r.text("time_zone", 64, is_time_zone, "a zone's name such as Europe/Berlin");
    if (f.has("ntp")) {
        if (const json* list = f.array("ntp", 0, 8)) {
            for (const auto& server : *list) {
                if (!server.is_string() || !is_host_or_address(server.get_ref<const std::string&>()))
                    f.fault("ntp", "each must be a host name or an address");
                else
                    record.ntp.push_back(server);
            }
        }
    }
    const std::string data = r.text(
        "data", 8, [](std::string_view s) { return s == "none" || s == "auto"; }, "\"none\" or \"auto\"");
    record.data_auto = data == "auto";
    if (f.has("nfs")) {
        if (const json* nfs = f.object("nfs")) {
            auto parsed = parse_nfs(*nfs);
            if (!parsed) return fail(parsed.error());
            record.nfs = *parsed;
        }
    }
    if (f.has("vm")) {
        if (const json* vm = f.object("vm")) {
            RecordReader inner(*vm, "machine record: vm");
            // IFNAMSIZ less the terminating byte.
            record.network_bridge = inner.text(
                "network_bridge", 15, [](std::string_view s) { return all_of(s, "._-") && s.front() != '-'; },
                "an interface's name");
            BERTH_TRY(inner.fields().done());
        }
    }
    record.boot_token = r.text(
        "boot_token", 128, [](std::string_view s) { return all_of(s, "_-"); }, "letters, digits, '_', '-'");
    record.minimum_version = r.number("minimum_version", 1ULL << 53);
    if (f.has("allow_older")) record.allow_older = f.boolean("allow_older");
    BERTH_TRY(f.done());
    return record;
}

}  // namespace berth
