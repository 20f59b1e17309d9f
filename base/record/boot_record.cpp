// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/boot_record.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strict_json.h"

namespace berth {
namespace {

using nlohmann::json;

constexpr const char* k_place = "boot.json";
constexpr size_t k_longest = 1024;
constexpr std::array k_clocks = {ClockState::waiting, ClockState::synchronised, ClockState::unsynchronised};

}  // namespace

std::string_view clock_state_name(ClockState state) {
    switch (state) {
        case ClockState::waiting:
            return "waiting";
        case ClockState::synchronised:
            return "synchronised";
        case ClockState::unsynchronised:
            return "unsynchronised";
    }
    return "unsynchronised";
}

std::string format_boot_record(const BootRecord& r) {
    json value = json::object();
    if (r.persistent) value["data"] = *r.persistent ? "persistent" : "memory";
    if (r.clock) value["clock"] = clock_state_name(*r.clock);
    if (r.kvm) value["kvm"] = {{"usable", r.kvm->usable}, {"why", r.kvm->why}};
    if (r.network) value["network"] = *r.network;
    value["missing_firmware"] = r.missing_firmware;
    value["client"] = {{"id", r.client_id}, {"host", r.host}};
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<BootRecord> parse_boot_record(std::string_view text) {
    auto value = parse_json_object(text, ErrorCode::I04);
    if (!value) return fail(value.error().with_prefix(k_place));
    JsonFields fields(*value, ErrorCode::I04, k_place);
    BootRecord r;
    if (fields.has("data")) {
        const std::string data = fields.text("data", 0, k_longest);
        r.persistent = data == "persistent";
        if (data != "persistent" && data != "memory")
            fields.fault("data", "must be \"persistent\" or \"memory\"");
    }
    if (fields.has("clock")) {
        const auto known = std::ranges::find(k_clocks, fields.text("clock", 0, k_longest), clock_state_name);
        if (known == k_clocks.end())
            fields.fault("clock", "must be \"waiting\", \"synchronised\" or \"unsynchronised\"");
        else
            r.clock = *known;
    }
    if (fields.has("kvm"))
        if (const json* kvm = fields.object("kvm")) {
            JsonFields inner(*kvm, ErrorCode::I04, fmt::format("{}: kvm", k_place));
            r.kvm = KvmFacts{.usable = inner.boolean("usable"), .why = {}};
            if (inner.has("why")) r.kvm->why = inner.text("why", 0, k_longest);
            BERTH_TRY(inner.done());
        }
    if (fields.has("network")) r.network = fields.boolean("network");
    if (fields.has("missing_firmware"))
        if (const json* files = fields.array("missing_firmware", 0, k_most_firmware))
            for (const auto& file : *files) {
                if (file.is_string())
                    r.missing_firmware.push_back(file.get<std::string>());
                else
                    fields.fault("missing_firmware", "must be a list of texts");
            }
    if (fields.has("client"))
        if (const json* client = fields.object("client")) {
            JsonFields inner(*client, ErrorCode::I04, fmt::format("{}: client", k_place));
            if (inner.has("id")) r.client_id = inner.text("id", 0, k_longest);
            if (inner.has("host")) r.host = inner.text("host", 0, k_longest);
            BERTH_TRY(inner.done());
        }
    BERTH_TRY(fields.done());
    return r;
}

}  // namespace berth
