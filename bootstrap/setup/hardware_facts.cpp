// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/hardware_facts.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/fd.h"
#include "base/plain_text.h"
#include "base/strict_json.h"
#include "base/text.h"
#include "bootstrap/initramfs/kernel_log.h"

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

/// Builds facts and notes what they cannot say.
class FactWriter {
  public:
    explicit FactWriter(std::vector<std::string> left_out) {
        for (const auto& text : left_out) note(text);
    }

    std::string text(std::string_view where, std::string_view value, size_t longest) {
        while (value.ends_with('\n') || value.ends_with(' ')) value.remove_suffix(1);
        std::string out = printable(value, longest);
        if (out != value) note(fmt::format("{}: longer than {} bytes, or not plain text", where, longest));
        return out;
    }
    /// A member `name` of `to`, when it is known.
    void number(json& to, const char* name, uint64_t value) {
        if (value != 0)
            to[name] = value;
        else
            note(fmt::format("{}: not known", name));
    }
    void note(std::string_view text) {
        if (left_out_.size() < k_most_listed) left_out_.push_back(printable(text, 256));
    }
    void note_more(const char* what, size_t count) {
        if (count > k_most_listed) note(fmt::format("{}: {} more", what, count - k_most_listed));
    }
    json left_out() const { return left_out_; }

  private:
    std::vector<std::string> left_out_;
};

json nics(const std::string& root, FactWriter& facts) {
    std::vector<fs::path> cards;
    std::error_code error;
    // VLANs, bonds, bridges and tunnels have no device.
    for (const auto& entry : fs::directory_iterator(root + "/sys/class/net", error))
        if (fs::exists(entry.path() / "device", error)) cards.push_back(entry.path());
    std::ranges::sort(cards);
    facts.note_more("nics", cards.size());
    if (cards.size() > k_most_listed) cards.resize(k_most_listed);
    json list = json::array();
    for (const auto& card : cards) {
        const std::string name = card.filename().string();
        auto address = read_file((card / "address").string(), 4096);
        const std::string text = address ? address->substr(0, address->find('\n')) : "";
        error.clear();
        const auto driver = fs::read_symlink(card / "device/driver", error);
        json nic = {{"driver", error ? "" : facts.text("nics: " + name, driver.filename().string(), 64)}};
        // InfiniBand's is longer, a modem or a point-to-point link has none.
        if (auto mac = station_mac(text); !mac.empty())
            nic["mac"] = std::move(mac);
        else
            facts.note(fmt::format("nics: {}: \"{}\" is not a MAC address", name, text));
        list.push_back(std::move(nic));
    }
    return list;
}

}  // namespace

KvmFacts parse_kvm_probe(std::string_view text) {
    static const JsonFormat format{.name = "berth-kvm-probe",
                                   .code = ErrorCode::I02,
                                   .unknown = JsonFormat::refuse,
                                   .why = "a program of the same image"};
    KvmFacts kvm;
    const Status read = read_json(text, format, [&](JsonFields& fields) {
        kvm.usable = fields.boolean("usable");
        if (fields.has("why")) kvm.why = fields.text("why", 0, 1024);
    });
    return read ? kvm : KvmFacts{.usable = false, .why = "the probe gave no answer"};
}

CpuFacts parse_cpuinfo(std::string_view text) {
    CpuFacts cpu;
    each_line(text, [&](std::string_view line) {
        if (line.starts_with("processor")) ++cpu.cores;
        if (const auto model = value_of(line, "model name"); cpu.model.empty() && !model.empty())
            cpu.model = model;
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

json hardware_facts(const std::vector<DiskFacts>& disks, const KvmFacts& kvm, const std::string& root,
                    std::vector<std::string> left_out) {
    const auto cpuinfo = read_file(root + "/proc/cpuinfo", 16 << 20);
    const auto meminfo = read_file(root + "/proc/meminfo");
    const CpuFacts cpu = parse_cpuinfo(cpuinfo ? *cpuinfo : "");
    FactWriter facts(std::move(left_out));
    json value = {{"cpu", facts.text("cpu", cpu.model, 128)}};
    facts.number(value, "cores", cpu.cores);
    facts.number(value, "memory_mib", parse_memory_mib(meminfo ? *meminfo : ""));
    facts.note_more("disks", disks.size());
    json& list = value["disks"] = json::array();
    for (size_t i = 0; i < std::min(disks.size(), k_most_listed); ++i)
        list.push_back(
            {{"name",
              facts.text("disks", std::string_view(disks[i].path).substr(disks[i].path.rfind('/') + 1), 64)},
             {"bytes", std::min<uint64_t>(disks[i].bytes, 1ULL << 62)}});
    value["nics"] = nics(root, facts);
    value["kvm"] = {{"usable", kvm.usable}, {"why", facts.text("kvm", kvm.why, 256)}};
    if (const json told = facts.left_out(); !told.empty()) value["left_out"] = told;
    return value;
}

json data_facts(const DataPlace& place) {
    json value = {{"kind", place.persistent ? "persistent" : "memory"}};
    if (!place.why.empty()) value["why"] = printable(place.why, 256);
    if (!place.remade.empty()) value["remade"] = place.remade;
    return value;
}

}  // namespace berth::boot
