// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/machine_record.h"

#include <algorithm>

#include "base/plain_text.h"
#include "base/strict_json.h"

namespace berth {
namespace {

using nlohmann::json;

const JsonFormat k_format{
    .name = "machine record",
    .code = ErrorCode::B08,
    .unknown = JsonFormat::refuse,
    .why = "can name no program, and what an admin has set is not without effect in silence",
    .longest = k_max_machine_record};

/// Reads the members of one object, leaving out what is wrong.
class RecordReader {
  public:
    RecordReader(JsonFields& fields, std::string prefix, std::vector<Error>& left_out)
        : fields_(fields), prefix_(std::move(prefix)), left_out_(left_out) {}

    /// An optional text that `rule` accepts.
    std::string text(std::string_view name, bool (*rule)(std::string_view), std::string_view form) {
        const json* value = optional(name);
        if (value == nullptr) return {};
        if (const auto* given = json_text(*value); given != nullptr && rule(*given)) return *given;
        leave_out(name, form, *value);
        return {};
    }
    uint16_t port(std::string_view name) {
        const json* value = optional(name);
        if (value == nullptr) return 0;
        if (const auto port = json_number(*value, 0, 65535)) return static_cast<uint16_t>(*port);
        leave_out(name, "0 to 65535", *value);
        return 0;
    }
    /// Whether there is one, and whether it is an object: then `read` reads it.
    void object(std::string_view name, const ReadMembers& read) {
        const json* value = optional(name);
        if (value != nullptr && value->is_object()) return fields_.object(name, read);
        if (value != nullptr) leave_out(name, "an object", *value);
    }
    std::vector<std::string> hosts(std::string_view name) {
        const json* value = optional(name);
        std::vector<std::string> found;
        if (value == nullptr) return found;
        const std::string form = fmt::format("at most {} host names or addresses", k_max_time_servers);
        if (!value->is_array()) leave_out(name, form, *value);
        for (const json& item : value->is_array() ? *value : json::array()) {
            const auto* text = json_text(item);
            auto host = text == nullptr ? std::nullopt : parse_host(*text);
            if (host && found.size() < k_max_time_servers)
                found.push_back(std::move(*host));
            else
                leave_out(name, form, item);
        }
        return found;
    }
    void leave_out(std::string_view name, std::string_view form, const json& value) {
        left_out_.emplace_back(ErrorCode::B12, fmt::format("{}{} {}: must be {}", prefix_, name,
                                                           printable(dump_json(value), 80), form));
    }

  private:
    const json* optional(std::string_view name) { return fields_.has(name) ? fields_.member(name) : nullptr; }

    JsonFields& fields_;
    std::string prefix_;
    std::vector<Error>& left_out_;
};

bool is_sentence(std::string_view text) {
    return !text.empty() && text.size() <= 512 && is_plain_text(text);
}

MachineRecord::Nfs read_nfs(JsonFields& fields, std::vector<Error>& left_out) {
    const size_t before = left_out.size();
    RecordReader r(fields, "nfs.", left_out);
    MachineRecord::Nfs nfs;
    const std::string server = r.text(
        "server", [](std::string_view s) { return parse_host(s).has_value(); }, "a host name or an address");
    nfs.server = parse_host(server).value_or("");
    nfs.directory = r.text("directory", is_record_path, "an absolute path without \"..\"");
    nfs.nfs_port = r.port("nfs_port");
    nfs.mount_port = r.port("mount_port");
    nfs.shared = r.text("shared", is_record_location, "host:/absolute/path, an IPv6 address in brackets");
    const std::string why = r.text("unusable", is_sentence, "a sentence of at most 512 bytes");
    if (!why.empty()) left_out.emplace_back(ErrorCode::B12, why);
    // Not one part alone: the rest would name another file server or directory than the one that was meant.
    if (left_out.size() > before) return MachineRecord::Nfs{.unusable = left_out.back().detail()};
    return nfs;
}

void read_record(JsonFields& f, MachineRecord& record) {
    RecordReader r(f, "", record.left_out);
    f.number("schema", 1, 1);
    record.id = f.any_text("id", 1, 64);
    if (!is_machine_id(record.id)) f.fault("id", "must be 1 to 64 of letters, digits, '.', '_', ':', '-'");
    record.name = r.text("name", is_host_name, "a host name of at most 64 letters, digits, '-'");
    record.keymap = r.text("keymap", is_keymap, "1 to 32 of letters, digits, '-', '_', not '-' first");
    record.time_zone = r.text("time_zone", is_time_zone, "a zone's name such as Europe/Berlin");
    record.ntp = r.hosts("ntp");
    const std::string data = r.text("data", is_data_setting, "\"none\", \"auto\" or \"remake\"");
    record.data_auto = data == "auto" || is_remake(data);
    if (is_remake(data)) record.remake = data;
    const size_t before = record.left_out.size();
    r.object("nfs", [&](JsonFields& nfs) { record.nfs = read_nfs(nfs, record.left_out); });
    if (record.left_out.size() > before) record.nfs.unusable = record.left_out.back().detail();
    r.object("vm", [&](JsonFields& vm) {
        RecordReader inner(vm, "vm.", record.left_out);
        record.network_bridge =
            inner.text("network_bridge", is_interface_name,
                       "an interface's name: 1 to 15 of letters, digits, '.', '_', '-', not '-' first");
        record.guest_address = inner.text("guest_address", is_guest_address, "\"any\" or \"leased\"");
    });
    record.boot_token = r.text("boot_token", is_boot_token, "1 to 128 of letters, digits, '-', '_'");
    if (f.has("minimum_version")) record.minimum_version = f.number("minimum_version", 0, 1ULL << 53);
    if (f.has("allow_older")) record.allow_older = f.boolean("allow_older");
}

}  // namespace

Result<MachineRecord> parse_machine_record(std::string_view text) {
    MachineRecord record;
    BERTH_TRY(read_json(text, k_format, [&](JsonFields& f) { read_record(f, record); }));
    return record;
}

json machine_record_json(const MachineRecord& record) {
    const std::string data = !record.remake.empty() ? record.remake : record.data_auto ? "auto" : "none";
    json value{{"schema", 1}, {"id", record.id}, {"data", data}};
    const auto put = [](json& object, const char* name, const auto& member) {
        if (member != std::decay_t<decltype(member)>{}) object[name] = member;
    };
    put(value, "name", record.name);
    put(value, "keymap", record.keymap);
    put(value, "time_zone", record.time_zone);
    put(value, "ntp", record.ntp);
    json nfs = json::object(), vm = json::object();
    put(nfs, "server", record.nfs.server);
    put(nfs, "directory", record.nfs.directory);
    put(nfs, "nfs_port", record.nfs.nfs_port);
    put(nfs, "mount_port", record.nfs.mount_port);
    put(nfs, "shared", record.nfs.shared);
    put(nfs, "unusable", record.nfs.unusable);
    put(vm, "network_bridge", record.network_bridge);
    put(vm, "guest_address", record.guest_address);
    if (!nfs.empty()) value["nfs"] = std::move(nfs);
    if (!vm.empty()) value["vm"] = std::move(vm);
    put(value, "boot_token", record.boot_token);
    put(value, "minimum_version", record.minimum_version);
    put(value, "allow_older", record.allow_older);
    return value;
}

}  // namespace berth
