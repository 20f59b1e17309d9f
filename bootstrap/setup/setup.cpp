// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/setup.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/client_identity.h"
#include "base/fd.h"
#include "base/plain_text.h"
#include "base/record/boot_record.h"
#include "base/spawn.h"
#include "base/strict_json.h"
#include "bootstrap/initramfs/kernel_log.h"
#include "bootstrap/initramfs/status_post.h"
#include "bootstrap/setup/bridge.h"
#include "bootstrap/setup/clock_state.h"
#include "bootstrap/setup/data_partition.h"
#include "bootstrap/setup/hardware_facts.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* k_boot_record = "/run/berth/boot.json";
constexpr const char* k_unsent_facts = "/run/berth/unsent-facts.json";
constexpr const char* k_data = "/var/lib/berth";
// Debian's chrony.conf reads every *.sources of this folder (chrony.conf(5) "sourcedir").
constexpr const char* k_sources_folder = "/run/chrony-dhcp";
constexpr const char* k_sources = "/run/chrony-dhcp/berth.sources";
constexpr auto k_wait_for_clock = 4s;
constexpr auto k_wait_for_bridge = 20s;
constexpr const char* k_networkd_folder = "/run/systemd/network";
constexpr const char* k_leases = "/run/systemd/netif/leases";

Result<std::string> tool(std::vector<std::string> arguments, Duration timeout) {
    return run_checked({.arguments = std::move(arguments)}, timeout);
}

MachineRecord read_record(Report& report) {
    std::error_code error;
    if (!fs::exists(k_machine_record_path, error)) return {};
    auto text = read_file(k_machine_record_path, k_max_machine_record);
    auto record = text ? parse_machine_record(*text) : Result<MachineRecord>(fail(text.error()));
    if (!record) {
        report.error("machine record not used", record.error());
        return {};
    }
    for (const auto& e : record->left_out) report.error("setting left out", e);
    return *record;
}

Status set_host_name(const std::string& name) {
    if (sethostname(name.data(), name.size()) != 0) return fail_errno("set the host name");
    return write_file_durably("/etc/hostname", name + "\n", 0644);
}

Status set_keymap(const std::string& name) {
    // Without a virtual terminal (serial only) there is nothing to map.
    if (access("/dev/tty1", F_OK) != 0) return {};
    auto loaded = tool({"loadkeys", "--quiet", "--console=/dev/tty1", name}, 20s);
    if (!loaded) return fail(ErrorCode::B12, "keymap {}: {}", name, loaded.error().detail());
    return {};
}

Status set_time_zone(const std::string& name) {
    const std::string zone = "/usr/share/zoneinfo/" + name;
    struct stat st{};
    if (stat(zone.c_str(), &st) != 0 || !S_ISREG(st.st_mode))
        return fail(ErrorCode::B12, "time_zone {}: no such zone", name);
    const char* temporary = "/etc/localtime.berth";
    unlink(temporary);
    if (symlink(zone.c_str(), temporary) != 0 || rename(temporary, "/etc/localtime") != 0)
        return fail_errno("set /etc/localtime");
    return write_file_durably("/etc/timezone", name + "\n", 0644);
}

void apply(const MachineRecord& record, Report& report) {
    const auto part = [&](const std::string& value, Status (*set)(const std::string&), const char* what) {
        if (value.empty()) return;
        if (Status s = set(value); !s) report.error(std::string(what) + " not set", s.error());
    };
    part(record.name, set_host_name, "host name");
    part(record.keymap, set_keymap, "keymap");
    part(record.time_zone, set_time_zone, "time zone");
}

std::vector<std::string> servers_of_leases() {
    std::vector<std::string> servers;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(k_leases, error))
        if (auto lease = read_file(entry.path().string()))
            for (auto& server : ntp_of_lease(*lease)) servers.push_back(std::move(server));
    return servers;
}

/// Writes chrony's source file when it changed, and tells chrony.
void set_time_servers(const MachineRecord& record, Report& report) {
    const std::string wanted = chrony_sources(record.ntp, servers_of_leases());
    const auto present = read_file(k_sources);
    if (wanted == (present ? *present : "")) return;
    std::error_code error;
    fs::create_directories(k_sources_folder, error);
    if (Status s = write_file_durably(k_sources, wanted, 0644); !s)
        return report.error("time servers not set", s.error());
    // Not running yet: it will read the file when it starts.
    if (auto told = tool({"chronyc", "reload", "sources"}, 5s); !told)
        report.error("chrony not told yet", told.error());
}

ClockState look_at_clock(const SetupContext& context, BootTime start) {
    // Answered at once by a chronyd that runs; without one chronyc itself would keep asking for many
    // seconds.
    auto tracking = tool({"chronyc", "-c", "tracking"}, 2s);
    return clock_state(tracking ? *tracking : std::string(), context.clock.now() - start);
}

/// The first interface with an IPv4 address that is not the loopback's; empty: none.
std::string addressed_interface() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return {};
    std::string found;
    for (const ifaddrs* a = list; a != nullptr && found.empty(); a = a->ifa_next)
        if (a->ifa_addr != nullptr && a->ifa_addr->sa_family == AF_INET &&
            (a->ifa_flags & IFF_LOOPBACK) == 0 && (a->ifa_flags & IFF_RUNNING) != 0)
            found = a->ifa_name;
    freeifaddrs(list);
    return found;
}

bool has_network() {
    return !addressed_interface().empty();
}

/// Makes `bridge` over the card that has the address, unless the site's own configuration already did.
Status set_bridge(const std::string& bridge, Clock& clock) {
    if (bridge.empty() || if_nametoindex(bridge.c_str()) != 0) return {};
    const std::string card = addressed_interface();
    if (card.empty()) return fail(ErrorCode::B12, "network_bridge {}: no card has an address", bridge);
    const auto address = read_file("/sys/class/net/" + card + "/address");
    const std::string mac = address ? normal_mac(address->substr(0, address->find('\n'))) : std::string();
    if (mac.empty()) return fail(ErrorCode::B12, "network_bridge {}: {} has no MAC address", bridge, card);
    std::error_code error;
    fs::create_directories(k_networkd_folder, error);
    for (const auto& file : bridge_files(bridge, mac))
        BERTH_TRY(write_file_durably(std::string(k_networkd_folder) + "/" + file.name, file.text, 0644));
    BERTH_TRY(tool({"networkctl", "reload"}, 10s));
    for (const BootTime end = clock.now() + k_wait_for_bridge; clock.now() < end; clock.sleep(100ms))
        if (addressed_interface() == bridge) return {};
    return fail(ErrorCode::B12, "network_bridge {}: no address within {} s", bridge,
                k_wait_for_bridge.count());
}

KvmFacts probe_kvm() {
    auto output = run({.arguments = {"/usr/libexec/berth/berth-kvm-probe"}}, 60s);
    if (!output) return {.usable = false, .why = printable(output.error().detail(), 256)};
    return parse_kvm_probe(output->out);
}

const JsonFormat k_facts{.name = k_unsent_facts,
                         .code = ErrorCode::I04,
                         .unknown = JsonFormat::ignore,
                         .why = "goes on to the provisioner as it is"};

void post_facts(const SetupContext& context, bool with_stage) {
    auto text = read_file(k_unsent_facts);
    if (!text) return;
    auto facts = parse_json(*text, k_facts);
    if (!facts) return context.report.error("facts not posted", facts.error());
    nlohmann::json body = with_stage ? stage_status(read_boot_id(), "setup", -1, {})
                                     : nlohmann::json{{"boot_id", read_boot_id()}};
    body["facts"] = std::move(*facts);
    StatusPoster poster(context.parameters, context.http, context.clock);
    if (poster.post(body)) unlink(k_unsent_facts);
}

Status write_boot_record(const BootRecord& found) {
    const std::string text = format_boot_record(found);
    if (auto present = read_file(k_boot_record); present && *present == text) return {};
    return write_file_durably(k_boot_record, text, 0644);
}

}  // namespace

Status run_setup(const SetupContext& context) {
    const BootTime start = context.clock.now();
    Report& report = context.report;
    std::error_code error;
    fs::create_directories("/run/berth", error);
    const MachineRecord record = read_record(report);
    apply(record, report);
    if (Status s = set_bridge(record.network_bridge, context.clock); !s)
        report.error("bridge not made", s.error());
    set_time_servers(record, report);

    if (auto settled = tool({"udevadm", "settle", "--timeout=15"}, 20s); !settled)
        report.error("devices not settled", settled.error());
    const auto disks = read_disks();
    const auto data =
        prepare_data(disks, {.may_create = record.data_auto, .remake = record.remake}, k_data, report);
    if (!data) return fail(data.error());

    BootRecord state{.persistent = data->persistent, .kvm = probe_kvm(), .network = has_network()};
    if (auto identity = read_client_identity()) {
        state.client_id = identity->id;
        state.host = printable(identity->host, 256);
    } else {
        report.error("no identity", identity.error());
    }
    // Most servers answer chrony's first burst within this; the login screen tells the rest.
    const BootTime enough = context.clock.now() + k_wait_for_clock;
    while (true) {
        state.clock = look_at_clock(context, start);
        if (!*state.network || state.clock != ClockState::waiting || context.clock.now() >= enough) break;
        context.clock.sleep(500ms);
    }
    KernelLog().add_missing_firmware(state.missing_firmware);
    BERTH_TRY(write_boot_record(state));
    std::vector<std::string> left_out;
    for (const auto& e : record.left_out) left_out.push_back("record: " + e.detail());
    auto facts = hardware_facts(disks, *state.kvm, "", std::move(left_out));
    facts["data"] = data_facts(*data);
    BERTH_TRY(write_file_durably(k_unsent_facts, dump_json(facts)));
    post_facts(context, true);
    report.event(Level::info, "workstation set up",
                 {{"client", state.client_id},
                  {"data", data->persistent ? "persistent" : "memory"},
                  {"clock", std::string(clock_state_name(*state.clock))},
                  {"kvm", state.kvm->usable ? "usable" : state.kvm->why}});
    return {};
}

void watch(const SetupContext& context) {
    const BootTime start = context.clock.now();
    const MachineRecord record = read_record(context.report);
    KernelLog log;
    while (true) {
        set_time_servers(record, context.report);
        if (auto text = read_file(k_boot_record)) {
            auto found = parse_boot_record(*text);
            BootRecord state = found ? std::move(*found) : BootRecord{.persistent = false, .kvm = KvmFacts{}};
            state.clock = look_at_clock(context, start);
            state.network = has_network();
            log.add_missing_firmware(state.missing_firmware);
            if (Status s = write_boot_record(state); !s)
                context.report.error("boot state not written", s.error());
            if (*state.network && context.parameters.has_record()) post_facts(context, false);
            context.clock.sleep(state.clock == ClockState::synchronised && *state.network ? 30s : 3s);
        } else {
            context.clock.sleep(3s);
        }
    }
}

void post_prompt(const SetupContext& context) {
    StatusPoster poster(context.parameters, context.http, context.clock);
    poster.post(stage_status(read_boot_id(), "prompt", -1, {}));
}

}  // namespace berth::boot
