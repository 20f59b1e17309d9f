// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/record.h"

#include <nlohmann/json.hpp>

#include "base/strict_json.h"
#include "base/text.h"

namespace berth::lock {
namespace {

using nlohmann::json;

constexpr size_t k_longest_field = 128;
constexpr size_t k_most_disks = 64;

/// Cut so that the record always fits its size; a person reads these.
std::string cut(const std::string& text) {
    return text.substr(0, k_longest_field);
}

json record_json(const LockRecord& r) {
    json record{{"schema", 1},
                {"client", cut(r.owner.client)},
                {"host", cut(r.owner.host)},
                {"user", cut(r.owner.user)},
                {"boot_id", cut(r.owner.boot_id)},
                {"nonce", r.nonce},
                {"sequence", r.sequence},
                {"mode", r.mode == LockMode::lease ? "lease" : "declared"},
                {"since", cut(r.since)}};
    if (r.closing) record["closing"] = true;
    return record;
}

std::string dump(const json& object) {
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

void read_record(JsonFields& fields, LockRecord& r) {
    fields.number("schema", 1, 1);
    r.owner.client = fields.text("client", 0, 1024);
    r.owner.host = fields.text("host", 0, 1024);
    r.owner.user = fields.text("user", 0, 1024);
    r.owner.boot_id = fields.text("boot_id", 0, 1024);
    r.nonce = fields.text("nonce", 32, 32);
    if (!is_nonce(r.nonce)) fields.fault("nonce", "must be 32 hex digits");
    r.sequence = fields.number("sequence", 0, UINT64_MAX);
    std::string mode = fields.text("mode", 1, 16);
    if (mode == "declared")
        r.mode = LockMode::declared;
    else if (mode != "lease")
        fields.fault("mode", "must be lease or declared");
    r.since = fields.text("since", 0, 1024);
    if (fields.has("closing")) r.closing = fields.boolean("closing");
}

void read_disk(JsonFields& fields, DiskIdentity& disk) {
    disk.name = fields.text("name", 1, 255);
    disk.fileid = fields.number("fileid", 0, UINT64_MAX);
    disk.size = fields.number("size", 0, UINT64_MAX);
    disk.mtime_ns = static_cast<int64_t>(fields.number("mtime_ns", 0, INT64_MAX));
    disk.ctime_ns = static_cast<int64_t>(fields.number("ctime_ns", 0, INT64_MAX));
}

}  // namespace

std::string format_lock_record(const LockRecord& record) {
    std::string text = dump(record_json(record));
    if (text.size() < k_lock_record_size - 1) text.append(k_lock_record_size - 1 - text.size(), ' ');
    return text + "\n";
}

std::string format_last_used(const LastUsed& last) {
    json object = record_json(last.record);
    json disks = json::array();
    for (const auto& d : last.disks) {
        if (disks.size() == k_most_disks) break;
        disks.push_back({{"name", d.name},
                         {"fileid", d.fileid},
                         {"size", d.size},
                         {"mtime_ns", d.mtime_ns},
                         {"ctime_ns", d.ctime_ns}});
    }
    object["disks"] = disks;
    std::string text = dump(object);
    if (text.size() < k_lock_record_size - 1) text.append(k_lock_record_size - 1 - text.size(), ' ');
    return text + "\n";
}

Result<LastUsed> parse_last_used(std::string_view text) {
    // One line. Behind it may be the rest of a longer one: a copy of an old renewal's WRITE can come after
    // the disks' identity was written.
    auto object = parse_json_object(text.substr(0, text.find('\n')), ErrorCode::K04);
    if (!object) return fail(object.error());
    LastUsed last;
    JsonFields fields(*object, ErrorCode::K04, "lock record");
    read_record(fields, last.record);
    if (fields.has("disks"))
        if (const json* disks = fields.array("disks", 0, k_most_disks)) {
            for (const json& d : *disks) {
                if (!d.is_object()) return fail(ErrorCode::K04, "lock record: disks must be objects");
                JsonFields disk(d, ErrorCode::K04, "lock record: disks");
                read_disk(disk, last.disks.emplace_back());
                BERTH_TRY(disk.done());
            }
        }
    BERTH_TRY(fields.done());
    return last;
}

Result<LockRecord> parse_lock_record(std::string_view text) {
    // A holder that crashed within its release leaves the disks' identity in a lock.
    auto last = parse_last_used(text);
    if (!last) return fail(last.error());
    return last->record;
}

}  // namespace berth::lock
