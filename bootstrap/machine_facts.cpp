// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/machine_facts.h"

#include <charconv>
#include <filesystem>

#include "base/fd.h"
#include "base/strict_json.h"
#include "bootstrap/kernel_log.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The value behind "name<blanks>:<blanks>" at `line`'s start, or nothing.
std::string_view value_of(std::string_view line, std::string_view name) {
    if (!line.starts_with(name)) return {};
    line.remove_prefix(name.size());
    const size_t at = line.find_first_not_of(" \t:");
    return at == std::string_view::npos ? std::string_view() : line.substr(at);
}

template <typename F>
void each_line(std::string_view text, F&& use) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        use(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

std::string plain(std::string_view text, size_t limit) {
    std::string out;
    for (char c : text.substr(0, limit)) out += c < ' ' || c > '~' ? ' ' : c;
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

json nics(const std::string& root) {
    json list = json::array();
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root + "/sys/class/net", error)) {
        if (!fs::exists(entry.path() / "device", error)) continue;
        auto mac = read_file((entry.path() / "address").string(), 4096);
        const auto driver = fs::read_symlink(entry.path() / "device/driver", error);
        list.push_back({{"mac", mac ? plain(*mac, 32) : ""},
                        {"driver", error ? "" : plain(driver.filename().string(), 64)}});
        error.clear();
    }
    return list;
}

}  // namespace

KvmFacts parse_kvm_probe(std::string_view text) {
    const KvmFacts unknown{.usable = false, .why = "the probe gave no answer"};
    auto value = parse_json_object(text.substr(0, 65536), ErrorCode::I02);
    if (!value) return unknown;
    JsonFields fields(*value, ErrorCode::I02, "berth-kvm-probe");
    KvmFacts kvm{.usable = fields.boolean("usable"), .why = {}};
    if (fields.has("why")) kvm.why = fields.text("why", 0, 1024);
    return fields.done() ? kvm : unknown;
}

CpuFacts parse_cpuinfo(std::string_view text) {
    CpuFacts cpu;
    each_line(text, [&](std::string_view line) {
        if (line.starts_with("processor")) ++cpu.cores;
        if (const auto model = value_of(line, "model name"); cpu.model.empty() && !model.empty())
            cpu.model = plain(model, 128);
    });
    return cpu;
}

uint64_t parse_memory_mib(std::string_view text) {
    uint64_t kib = 0;
    each_line(text, [&](std::string_view line) {
        if (const auto value = value_of(line, "MemTotal"); !value.empty())
            std::from_chars(value.data(), value.data() + value.size(), kib);
    });
    return kib / 1024;
}

json machine_facts(const std::vector<DiskFacts>& disks, const KvmFacts& kvm, const std::string& root) {
    const auto cpuinfo = read_file(root + "/proc/cpuinfo", 16 << 20);
    const auto meminfo = read_file(root + "/proc/meminfo");
    const CpuFacts cpu = parse_cpuinfo(cpuinfo ? *cpuinfo : "");
    json disk_list = json::array();
    for (const auto& d : disks)
        disk_list.push_back({{"name", d.path.substr(d.path.rfind('/') + 1)}, {"bytes", d.bytes}});
    return {
        {"cpu", cpu.model},   {"cores", cpu.cores}, {"memory_mib", parse_memory_mib(meminfo ? *meminfo : "")},
        {"disks", disk_list}, {"nics", nics(root)}, {"kvm", {{"usable", kvm.usable}, {"why", kvm.why}}}};
}

std::string format_boot_state(const BootState& s) {
    const json value = {{"data", s.persistent ? "persistent" : "memory"},
                        {"clock", clock_state_name(s.clock)},
                        {"kvm", {{"usable", s.kvm.usable}, {"why", s.kvm.why}}},
                        {"network", s.network},
                        {"missing_firmware", s.missing_firmware},
                        {"client", {{"id", s.client_id}, {"host", s.host}}}};
    return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

BootState parse_boot_state(std::string_view text) {
    auto value = parse_json_object(text, ErrorCode::I04);
    if (!value) return {};
    JsonFields fields(*value, ErrorCode::I04, "boot.json");
    BootState s;
    s.persistent = fields.text("data", 1, 16) == "persistent";
    const std::string clock = fields.text("clock", 1, 16);
    s.clock = clock == "synchronised" ? ClockState::synchronised
              : clock == "waiting"    ? ClockState::waiting
                                      : ClockState::unsynchronised;
    s.network = fields.boolean("network");
    if (const json* files = fields.array("missing_firmware", 0, KernelLog::k_most_files))
        for (const auto& file : *files)
            if (file.is_string()) s.missing_firmware.push_back(file.get<std::string>());
    if (const json* kvm = fields.object("kvm")) s.kvm = parse_kvm_probe(kvm->dump());
    if (const json* client = fields.object("client")) {
        JsonFields inner(*client, ErrorCode::I04, "boot.json: client");
        s.client_id = inner.text("id", 0, 256);
        s.host = inner.text("host", 0, 256);
        if (!inner.done()) return {};
    }
    return fields.done() ? s : BootState{};
}

}  // namespace berth::boot
