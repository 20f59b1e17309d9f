// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/boot_record.h"

#include <array>
#include <utility>

#include "base/strict_json.h"

namespace berth {
namespace {

using nlohmann::json;

const JsonFormat k_format{.name = "boot.json",
                          .code = ErrorCode::I04,
                          .unknown = JsonFormat::refuse,
                          .why = "programs of one image write and read it, and no boot keeps it"};
constexpr size_t k_longest = 1024;

constexpr std::array k_data = {std::pair{true, "persistent"}, std::pair{false, "memory"}};
constexpr std::array k_clocks = {std::pair{ClockState::waiting, "waiting"},
                                 std::pair{ClockState::synchronised, "synchronised"},
                                 std::pair{ClockState::unsynchronised, "unsynchronised"}};

}  // namespace

std::string_view clock_state_name(ClockState state) {
    for (const auto& [value, name] : k_clocks)
        if (value == state) return name;
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
    return dump_json(value) + "\n";
}

Result<BootRecord> parse_boot_record(std::string_view text) {
    BootRecord r;
    BERTH_TRY(read_json(text, k_format, [&](JsonFields& f) {
        if (f.has("data")) r.persistent = f.choice("data", k_data);
        if (f.has("clock")) r.clock = f.choice("clock", k_clocks);
        if (f.has("kvm"))
            f.object("kvm", [&](JsonFields& kvm) {
                r.kvm = KvmFacts{.usable = kvm.boolean("usable")};
                if (kvm.has("why")) r.kvm->why = kvm.text("why", 0, k_longest);
            });
        if (f.has("network")) r.network = f.boolean("network");
        if (f.has("missing_firmware"))
            r.missing_firmware = f.texts("missing_firmware", k_most_firmware, k_longest);
        if (f.has("client"))
            f.object("client", [&](JsonFields& client) {
                if (client.has("id")) r.client_id = client.text("id", 0, k_longest);
                if (client.has("host")) r.host = client.text("host", 0, k_longest);
            });
    }));
    return r;
}

}  // namespace berth
