// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/plain_text.h"
#include "base/strict_json.h"
#include "base/text.h"

namespace berth::lock {
namespace {

using nlohmann::json;

/// Read by every version that this file server has seen, and by berthctl.
const JsonFormat k_format{
    .name = "lock record",
    .code = ErrorCode::K04,
    .unknown = JsonFormat::ignore,
    .why = "outlives versions: what changes a lock's meaning raises `schema`, the rest is kept"};
constexpr size_t k_longest_field = 128;
constexpr size_t k_most_disks = 64;

/// At most k_longest_field bytes as JSON writes them, so that the record always fits its size; a person reads these.
std::string cut(const std::string& text) {
    size_t longest = k_longest_field;
    std::string shown = printable(text, longest);
    while (dump_json(shown).size() - 2 > k_longest_field) shown = printable(text, --longest);
    return shown;
}

/// `others` as far as they fit.
void add_others(json& record, const std::map<std::string, std::string>& others) {
    for (const auto& [name, text] : others) {
        auto value = parse_json(text, k_format);
        if (!value || !record.emplace(name, std::move(*value)).second) continue;
        if (dump_json(record).size() >= k_lock_record_size) record.erase(name);
    }
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
    if (r.cache) record["cache"] = *r.cache;
    add_others(record, r.others);
    return record;
}

std::string padded(std::string text) {
    if (text.size() < k_lock_record_size - 1) text.append(k_lock_record_size - 1 - text.size(), ' ');
    return text + "\n";
}

constexpr std::array k_modes = {std::pair{LockMode::lease, "lease"},
                                std::pair{LockMode::declared, "declared"}};

std::string read_nonce(JsonFields& fields, std::string_view name) {
    std::string nonce = fields.any_text(name, 0, 32);
    if (!is_nonce(nonce)) fields.fault(name, "must be 32 hex digits");
    return nonce;
}

void read_record(JsonFields& fields, LockRecord& r) {
    fields.number("schema", 1, 1);
    r.owner.client = fields.text("client", 0, 1024);
    r.owner.host = fields.text("host", 0, 1024);
    r.owner.user = fields.text("user", 0, 1024);
    r.owner.boot_id = fields.text("boot_id", 0, 1024);
    r.nonce = read_nonce(fields, "nonce");
    r.sequence = fields.number("sequence");
    r.mode = fields.choice("mode", k_modes);
    r.since = fields.text("since", 0, 1024);
    if (fields.has("closing")) r.closing = fields.boolean("closing");
    if (fields.has("cache")) r.cache = read_nonce(fields, "cache");
}

void read_disk(JsonFields& fields, DiskIdentity& disk) {
    disk.name = fields.text("name", 1, 255);
    disk.fileid = fields.number("fileid");
    disk.size = fields.number("size");
    disk.mtime_ns = fields.number<int64_t>("mtime_ns");
    disk.ctime_ns = fields.number<int64_t>("ctime_ns");
}

}  // namespace

std::string format_lock_record(const LockRecord& record) {
    return padded(dump_json(record_json(record)));
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
    return padded(dump_json(object));
}

Result<LastUsed> parse_last_used(std::string_view text) {
    // One line. Behind it may be the rest of a longer one: a copy of an old renewal's WRITE can come after
    // the disks' identity was written.
    LastUsed last;
    BERTH_TRY(read_json(text.substr(0, text.find('\n')), k_format, [&](JsonFields& fields) {
        read_record(fields, last.record);
        if (fields.has("disks"))
            fields.objects("disks", 0, k_most_disks,
                           [&](JsonFields& disk) { read_disk(disk, last.disks.emplace_back()); });
        last.record.others = fields.others();
    }));
    return last;
}

Result<LockRecord> parse_lock_record(std::string_view text) {
    // A holder that crashed within its release leaves the disks' identity in a lock.
    return BERTH_TRY(parse_last_used(text)).record;
}

}  // namespace berth::lock
