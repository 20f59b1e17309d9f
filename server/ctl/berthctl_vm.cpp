// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl vm: users' virtual machines, in a directory of this machine or on an NFS server.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "base/output.h"
#include "guest/machine_text.h"
#include "guest/toml_table.h"
#include "guest/vm_check.h"
#include "server/ctl/berthctl.h"
#include "server/vmtools/ovf.h"
#include "server/vmtools/tar_index.h"
#include "server/vmtools/vm_make.h"

namespace berth::server {
namespace {

using nlohmann::json;

constexpr size_t k_max_users_file = 1 << 20, k_batch = 64;
constexpr size_t k_max_disks = 32;
constexpr unsigned k_nobody = 65534;

struct VmArguments {
    PlaceOptions place;
    std::vector<int64_t> lock_times_ms;
    std::string name, source, target;  ///< USER/VM
    std::string users_file, user;
    std::vector<std::string> files, disks;
    std::string memory, swap, firmware, bus, network, iso, iso_link, format;
    unsigned cpus = 0;
    bool tpm = false, yes = false, progress = false, may_break = false, running = false;
    JournalReport report{"berthctl"};
    std::string files_program = files::installed_files_program();
    std::shared_ptr<files::FilesHelper> helper;

    PlaceOptions options() const {
        PlaceOptions o = place;
        o.files = helper;
        if (lock_times_ms.size() == 4)
            o.times = {
                std::chrono::milliseconds(lock_times_ms[0]), std::chrono::milliseconds(lock_times_ms[1]),
                std::chrono::milliseconds(lock_times_ms[2]), std::chrono::milliseconds(lock_times_ms[3])};
        return o;
    }
};

/// On a terminal one line that is written over; with --progress lines, one for each whole percent.
volatile std::sig_atomic_t g_interrupted = 0;

/// SIGINT, SIGTERM and SIGHUP end the work at its next step, so that the lock of a VM is given back and a
/// copy can be gone on with. The second one ends the process.
void heed_signals() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action{};
        if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
        action.sa_handler = [](int) { g_interrupted = 1; };
        action.sa_flags = SA_RESETHAND | SA_RESTART;
        sigaction(number, &action, nullptr);
    }
}

Status not_interrupted(const std::string& vm) {
    if (g_interrupted == 0) return {};
    return fail(ErrorCode::P30, "{}", vm);
}

class ProgressLine {
  public:
    ProgressLine(bool lines, bool quiet) : lines_(lines), terminal_(!quiet && is_terminal(Stream::error)) {}
    ~ProgressLine() {
        if (shown_ && terminal_ && !lines_) end_progress();
    }
    Status operator()(const std::string& vm, const std::string& file, uint64_t done, uint64_t size) {
        BERTH_TRY(not_interrupted(vm));
        const auto percent = size == 0 ? 100 : static_cast<int>(done * 100.0 / static_cast<double>(size));
        if ((!lines_ && !terminal_) || (percent == percent_ && file == file_ && vm == vm_)) return {};
        percent_ = percent, file_ = file, vm_ = vm, shown_ = true;
        const std::string text =
            fmt::format("{}: {}: {} % of {} MiB", vm, file, percent, (size + (1 << 20) - 1) >> 20);
        if (lines_)
            complain("{}\n", text);
        else
            show_progress(text);
        return {};
    }

  private:
    bool lines_, terminal_, shown_ = false;
    int percent_ = -1;
    std::string file_, vm_;
};

Result<uint64_t> size_argument(std::string_view option, const std::string& text, uint64_t low,
                               uint64_t high) {
    // "4GiB" as well as machine.toml's "4 GiB".
    std::string spaced;
    for (const char c : text) {
        if (!spaced.empty() && std::isalpha(static_cast<unsigned char>(c)) != 0 &&
            std::isdigit(static_cast<unsigned char>(spaced.back())) != 0)
            spaced += ' ';
        spaced += c;
    }
    const auto bytes = guest::parse_size(spaced);
    if (!bytes || *bytes < low || *bytes > high || *bytes % (1 << 20) != 0)
        return fail(ErrorCode::P06, "{} \"{}\": must be {} to {} in whole MiB, as \"4 GiB\"", option, text,
                    guest::size_text(low), guest::size_text(high));
    return *bytes;
}

guest::DiskBus bus_argument(const std::string& word, guest::DiskBus otherwise) {
    return word == "virtio" ? guest::DiskBus::virtio
           : word == "sata" ? guest::DiskBus::sata
           : word == "scsi" ? guest::DiskBus::scsi
                            : otherwise;
}

/// What the options say of the machine itself; what they do not say stays.
Status apply(const VmArguments& a, guest::MachineConfig& config) {
    if (!a.memory.empty()) {
        auto memory = size_argument("--memory", a.memory, 16ULL << 20, 4ULL << 40);
        if (!memory) return fail(memory.error());
        config.memory = *memory;
    }
    if (a.cpus != 0) config.cpus = a.cpus;
    if (!a.firmware.empty())
        config.firmware = a.firmware == "uefi" ? guest::Firmware::uefi : guest::Firmware::bios;
    config.nvram = config.firmware == guest::Firmware::uefi ? "nvram" : "";
    if (a.tpm) config.tpm = true;
    if (a.network == "none") config.network.mode = guest::NetworkMode::none;
    if (a.network == "nat") config.network.mode = guest::NetworkMode::nat;
    if (a.network == "bridge") config.network.mode = guest::NetworkMode::bridge;
    if (!a.swap.empty()) {
        auto size = size_argument("--swap", a.swap, guest::k_min_swap, guest::k_max_swap);
        if (!size) return fail(size.error());
        guest::Disk swap{.name = "swap",
                         .role = guest::DiskRole::swap,
                         .bus = bus_argument(a.bus, guest::DiskBus::virtio)};
        swap.swap = guest::SwapSpec{.size = *size, .uuid = guest::fresh_uuid(), .label = "swap"};
        config.disks.push_back(std::move(swap));
    }
    return {};
}

/// The first disk is the one with the system, the second the user's files, more are data.
guest::Disk disk_number(size_t n, guest::DiskBus bus) {
    const std::string name = n == 0 ? "software" : n == 1 ? "files" : fmt::format("data-{}", n - 1);
    return {.name = name,
            .role = n == 0   ? guest::DiskRole::software
                    : n == 1 ? guest::DiskRole::files
                             : guest::DiskRole::data,
            .bus = bus,
            .path = name + ".raw"};
}

/// An installation medium: copied into the VM's folder, or a link into the shared tree.
Status add_medium(const VmArguments& a, guest::MachineConfig& config, std::vector<DiskToMake>& disks,
                  std::string& origin) {
    if (a.iso.empty() && a.iso_link.empty()) return {};
    config.disks.push_back({.name = "installer",
                            .role = guest::DiskRole::cdrom,
                            .bus = guest::DiskBus::sata,
                            .path = "installer.iso",
                            .read_only = true});
    DiskToMake medium{.path = "installer.iso", .size = 0, .image = std::nullopt, .link = a.iso_link};
    if (!a.iso.empty()) {
        auto image = open_image(a.iso, ImageFormat::raw);
        if (!image) return fail(image.error());
        origin += fmt::format(" iso {} {} {}", a.iso, image->size, image->mtime_ns);
        medium.image = std::move(*image);
    }
    disks.push_back(std::move(medium));
    return {};
}

json machine_facts(const VmName& name, const guest::MachineConfig& config) {
    json disks = json::array();
    for (const auto& d : config.disks) disks.push_back({{"name", d.name}, {"path", d.path}});
    return {{"user", name.user},
            {"vm", name.vm},
            {"uuid", config.uuid},
            {"cpus", config.cpus},
            {"memory", config.memory},
            {"disks", disks},
            {"firmware", config.firmware == guest::Firmware::uefi ? "uefi" : "bios"},
            {"mac", config.network.mac}};
}

void say_made(const Ctl& ctl, const VmName& name, const guest::MachineConfig& config) {
    if (ctl.json)
        say_json(machine_facts(name, config));
    else
        say("{}: made, uuid {}\n", name.text(), config.uuid);
}

guest::MachineConfig plain_machine() {
    guest::MachineConfig config;
    config.uuid = guest::fresh_uuid();
    config.cpus = 2;
    config.memory = 2ULL << 30;
    config.devices = {"rng"};
    config.network = {.mode = guest::NetworkMode::nat, .mac = guest::fresh_mac(), .model = "virtio"};
    return config;
}

Status make_and_say(Ctl& ctl, VmArguments& a, const VmName& name, const guest::MachineConfig& config,
                    const std::vector<DiskToMake>& disks, const std::string& origin) {
    heed_signals();
    auto place = open_place(a.options(), name.user, true, ctl.clock, a.report);
    if (!place) return fail(place.error());
    ProgressLine line(a.progress, ctl.json);
    BERTH_TRY(make_vm(*place, name.vm, config, disks, origin, std::ref(line), ctl.clock));
    say_made(ctl, name, config);
    return {};
}

Status create(Ctl& ctl, VmArguments& a) {
    const auto name = parse_vm_name(a.name);
    if (!name) return fail(name.error());
    guest::MachineConfig config = plain_machine();
    std::vector<DiskToMake> disks;
    std::string origin = "create";
    const auto sizes = a.disks.empty() ? std::vector<std::string>{"32 GiB"} : a.disks;
    for (const auto& text : sizes) {
        auto size = size_argument("--disk", text, 1 << 20, 64ULL << 40);
        if (!size) return fail(size.error());
        config.disks.push_back(disk_number(disks.size(), bus_argument(a.bus, guest::DiskBus::virtio)));
        disks.push_back({.path = config.disks.back().path, .size = *size, .image = std::nullopt, .link = ""});
        origin += " " + text;
    }
    BERTH_TRY(apply(a, config));
    BERTH_TRY(add_medium(a, config, disks, origin));
    return make_and_say(ctl, a, *name, config, disks, origin);
}

/// The description and the disks of an OVA, which stay where they are in it.
Status read_appliance(const std::string& path, guest::MachineConfig& config, std::vector<DiskToMake>& disks,
                      const VmArguments& a) {
    auto whole = open_image(path, ImageFormat::raw);
    if (!whole) return fail(whole.error());
    const TarRead read = [&](uint64_t offset, size_t length) -> Result<std::string> {
        std::string bytes(length, '\0');
        const ssize_t n = pread(whole->fd.get(), bytes.data(), length, static_cast<off_t>(offset));
        if (n < 0) return fail_errno("read " + path);
        bytes.resize(static_cast<size_t>(n));
        return bytes;
    };
    // open_image rounds up to sectors; what is behind the file's end reads as nothing.
    auto members = read_tar_index(read, whole->size, path);
    if (!members) return fail(members.error());
    const auto description =
        std::ranges::find_if(*members, [](const TarMember& m) { return m.name.ends_with(".ovf"); });
    if (description == members->end()) return fail(ErrorCode::P25, "{}: holds no .ovf file", path);
    if (description->size > k_max_ovf)
        return fail(ErrorCode::P25, "{}: {}: {} bytes: must be at most {}", path, description->name,
                    description->size, k_max_ovf);
    auto text = read(description->offset, description->size);
    if (!text) return fail(text.error());
    auto machine = parse_ovf(*text, path + ": " + description->name);
    if (!machine) return fail(machine.error());
    config.cpus = machine->cpus;
    config.memory = machine->memory;
    config.firmware = machine->firmware;
    if (machine->cards.empty())
        config.network = {.mode = guest::NetworkMode::none, .mac = "", .model = "virtio"};
    else
        config.network.model = machine->cards.front();
    for (const OvfDisk& disk : machine->disks) {
        const auto member = std::ranges::find(*members, disk.file, &TarMember::name);
        if (member == members->end())
            return fail(ErrorCode::P25, "{}: the description names \"{}\", which is not in it", path,
                        disk.file);
        if (member->size == 0) return fail(ErrorCode::P25, "{}: \"{}\" is empty", path, disk.file);
        auto image = open_image(path, ImageFormat::vmdk, member->offset, member->size);
        if (!image) return fail(image.error().with_prefix(disk.file));
        image->name = path + ": " + disk.file;
        config.disks.push_back(disk_number(disks.size(), bus_argument(a.bus, disk.bus)));
        disks.push_back(
            {.path = config.disks.back().path, .size = 0, .image = std::move(*image), .link = ""});
    }
    return {};
}

Status import(Ctl& ctl, VmArguments& a) {
    const auto name = parse_vm_name(a.name);
    if (!name) return fail(name.error());
    if (a.files.size() > k_max_disks)
        return fail(ErrorCode::P06, "{} images: must be 1 to {}", a.files.size(), k_max_disks);
    guest::MachineConfig config = plain_machine();
    std::vector<DiskToMake> disks;
    const bool appliance = a.format == "ova" || (a.format.empty() && a.files.front().ends_with(".ova"));
    if (appliance && a.files.size() != 1)
        return fail(ErrorCode::P06, "{} images: an OVA is imported alone", a.files.size());
    if (appliance) {
        BERTH_TRY(read_appliance(a.files.front(), config, disks, a));
    } else {
        for (const auto& path : a.files) {
            auto image = open_image(path, a.format.empty() ? std::nullopt : parse_format(a.format));
            if (!image) return fail(image.error());
            // Images of KVM's world have virtio drivers in them; of others at least AHCI's.
            const bool ours = image->format == ImageFormat::qcow2 || image->format == ImageFormat::raw;
            const guest::DiskBus bus =
                bus_argument(a.bus, ours ? guest::DiskBus::virtio : guest::DiskBus::sata);
            if (!ours && disks.empty()) config.network.model = "e1000e";
            config.disks.push_back(disk_number(disks.size(), bus));
            disks.push_back(
                {.path = config.disks.back().path, .size = 0, .image = std::move(*image), .link = ""});
        }
    }
    std::string origin = "import";
    for (const auto& d : disks)
        origin += fmt::format(" {} {} {}", d.image->name, d.image->size, d.image->mtime_ns);
    BERTH_TRY(apply(a, config));
    BERTH_TRY(add_medium(a, config, disks, origin));
    return make_and_say(ctl, a, *name, config, disks, origin);
}

Result<HeldLock> take_lock(Ctl& ctl, VmArguments& a, UserPlace& place, const std::string& vm) {
    const auto waiting = [&](std::chrono::seconds left) {
        if (!ctl.json) complain("waiting for the other workstation to stop: {} s\n", left.count());
        return g_interrupted == 0;
    };
    return HeldLock::take(place, vm, a.options().times, a.may_break, waiting, ctl.clock);
}

/// One name a line; empty lines and what follows "#" do not count.
Result<std::vector<std::string>> read_users(const std::string& path) {
    auto text = read_file(path, k_max_users_file);
    if (!text) return fail(text.error());
    std::vector<std::string> users;
    std::istringstream lines(*text);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line = line.substr(0, line.find('#'));
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.pop_back();
        if (line.empty()) continue;
        if (Status s = guest::check_vm_name(line); !s)
            return fail(s.error().with_prefix(fmt::format("{}, line {}", path, number)));
        if (std::ranges::find(users, line) != users.end())
            return fail(ErrorCode::M36, "{}, line {}: \"{}\" appears twice", path, number, line);
        users.push_back(line);
    }
    if (users.empty()) return fail(ErrorCode::P06, "{}: must name a user on each line", path);
    return users;
}

Status clone(Ctl& ctl, VmArguments& a) {
    const auto source = parse_vm_name(a.source);
    if (!source) return fail(source.error());
    std::vector<VmName> targets;
    if (a.target.empty() == a.users_file.empty())
        return fail(ErrorCode::P06, "give one of a target USER/VM and --users FILE");
    if (!a.users_file.empty()) {
        auto users = read_users(a.users_file);
        if (!users) return fail(users.error());
        for (const auto& user : *users) targets.push_back({user, a.name.empty() ? source->vm : a.name});
    } else {
        const auto target = parse_vm_name(a.target);
        if (!target) return fail(target.error());
        targets.push_back(*target);
    }
    // Every name is looked up before anything is made.
    for (const auto& target : targets) {
        BERTH_TRY(guest::check_vm_name(target.vm));
        if (auto known = credentials_of(target.user); !known) return fail(known.error());
    }
    auto from = open_place(a.options(), source->user, false, ctl.clock, a.report);
    if (!from) return fail(from.error());
    if (auto folder = find_vm(*from, source->vm); !folder) return fail(folder.error());
    heed_signals();
    auto lock = take_lock(ctl, a, *from, source->vm);
    if (!lock) return fail(lock.error());

    json made = json::array();
    ProgressLine line(a.progress, ctl.json);
    for (size_t at = 0; at < targets.size(); at += k_batch) {
        std::vector<CloneJob> jobs;
        std::vector<std::string> there;
        for (size_t i = at; i < std::min(at + k_batch, targets.size()); ++i) {
            auto place = open_place(a.options(), targets[i].user, true, ctl.clock, a.report);
            if (!place) return fail(place.error());
            // A class is cloned again when some pupils came late.
            if (!a.users_file.empty() && place->ops->lookup(place->ops->root(), targets[i].vm)) {
                there.push_back(targets[i].text());
                continue;
            }
            jobs.push_back({std::move(*place), targets[i].vm, guest::fresh_uuid(), guest::fresh_mac()});
        }
        for (const auto& name : there) {
            if (!ctl.json) say("{}: is there already\n", name);
        }
        BERTH_TRY(clone_vms(*from, source->vm, &*lock, jobs, std::ref(line), ctl.clock));
        for (const auto& job : jobs) {
            made.push_back({{"user", job.place.user}, {"vm", job.vm}, {"uuid", job.uuid}, {"mac", job.mac}});
            if (!ctl.json) say("{}/{}: made, uuid {}\n", job.place.user, job.vm, job.uuid);
        }
    }
    BERTH_TRY(lock->release());
    if (ctl.json) say_json(made);
    return {};
}

json holder_json(const lock::LockHolder& h) {
    return {{"host", h.record.owner.host},
            {"client", h.record.owner.client},
            {"user", h.record.owner.user},
            {"since", h.record.since},
            {"epoch", h.epoch},
            {"last_sign_of_life_seconds", h.last_sign_of_life.count()}};
}

Status list(Ctl& ctl, VmArguments& a) {
    if (a.running)
        return list_running(
            ctl, {a.place.server, a.place.directory, a.place.nfs_port, a.place.mount_port, a.helper});
    std::vector<std::string> users{a.user};
    if (a.user.empty()) {
        auto all = list_users(a.options());
        if (!all) return fail(all.error());
        users = std::move(*all);
    }
    json found = json::array();
    std::vector<std::vector<std::string>> rows{{"VM", "CPUS", "MEMORY", "IN USE ON", "SINCE", "FAULT"}};
    for (const auto& user : users) {
        auto place = open_place(a.options(), user, false, ctl.clock, a.report);
        auto vms =
            place ? place->directory->list_vms() : Result<std::vector<std::string>>(fail(place.error()));
        if (!vms) {
            if (!a.user.empty()) return fail(vms.error());
            // One folder that is no user's must not hide the others.
            complain("berthctl: {}: {}\n", user, vms.error().to_user());
            continue;
        }
        for (const auto& name : *vms) {
            std::string text;
            auto config = guest::read_machine_config(*place->directory, name, text);
            auto holder = place->directory->holder(name);
            json one = {{"user", user}, {"vm", name}};
            std::vector<std::string> row{user + "/" + name, "?", "?", "", "", ""};
            if (config) {
                one = machine_facts({user, name}, *config);
                row[1] = std::to_string(config->cpus), row[2] = guest::size_text(config->memory);
            } else {
                one["error"] = config.error().to_log();
                row[5] = code_name(config.error().code());
            }
            one["holder"] = nullptr;
            if (holder && *holder) {
                one["holder"] = holder_json(**holder);
                row[3] = (*holder)->record.owner.host, row[4] = (*holder)->record.since;
            }
            found.push_back(std::move(one));
            rows.push_back(std::move(row));
        }
    }
    if (ctl.json)
        say_json(found);
    else
        print_text(Stream::out, table(rows));
    return {};
}

/// What `show` prints, and `remove` before it asks.
Result<std::vector<std::string>> facts_of(UserPlace& place, const std::string& vm, json& facts) {
    auto folder = find_vm(place, vm);
    if (!folder) return fail(folder.error());
    std::vector<std::string> lines{"vm: " + place.user + "/" + vm, "where: " + place.where};
    facts = {{"user", place.user}, {"vm", vm}, {"where", place.where}};
    std::string text;
    auto config = guest::read_machine_config(*place.directory, vm, text);
    if (config) {
        facts.update(machine_facts({place.user, vm}, *config));
        lines.push_back("uuid: " + config->uuid);
        lines.push_back(fmt::format("cpus: {}", config->cpus));
        lines.push_back("memory: " + guest::size_text(config->memory));
    } else {
        facts["error"] = config.error().to_log();
        lines.push_back("machine.toml: " + config.error().to_log());
    }
    auto holder = place.directory->holder(vm);
    if (!holder) return fail(holder.error());
    facts["holder"] = *holder ? holder_json(**holder) : json(nullptr);
    if (*holder)
        lines.push_back(
            fmt::format("in use on: {} since {}", (*holder)->record.owner.host, (*holder)->record.since));
    auto entries = place.ops->list(*folder);
    if (!entries) return fail(entries.error());
    std::ranges::sort(*entries, {}, &files::DirectoryEntry::name);
    facts["files"] = json::array();
    for (const auto& entry : *entries) {
        if (entry.name.starts_with('.')) continue;
        auto found = place.ops->lookup(*folder, entry.name);
        if (!found) continue;
        std::string link;
        if (found->attributes.type == files::FileType::symlink)
            if (auto target = place.ops->readlink(found->handle)) link = " -> " + *target;
        facts["files"].push_back({{"name", entry.name}, {"size", found->attributes.size}});
        lines.push_back(fmt::format("file: {}{} ({} bytes)", entry.name, link, found->attributes.size));
    }
    return lines;
}

Result<UserPlace> place_of(Ctl& ctl, VmArguments& a, const VmName& name) {
    return open_place(a.options(), name.user, false, ctl.clock, a.report);
}

Status show(Ctl& ctl, VmArguments& a) {
    const auto name = parse_vm_name(a.name);
    if (!name) return fail(name.error());
    auto place = place_of(ctl, a, *name);
    if (!place) return fail(place.error());
    json facts;
    auto lines = facts_of(*place, name->vm, facts);
    if (!lines) return fail(lines.error());
    if (ctl.json)
        say_json(facts);
    else
        say_lines(*lines);
    return {};
}

Status check(Ctl& ctl, VmArguments& a) {
    const auto name = parse_vm_name(a.name);
    if (!name) return fail(name.error());
    std::vector<guest::Finding> found;
    auto place = place_of(ctl, a, *name);
    if (place) {
        auto folder = find_vm(*place, name->vm);
        if (!folder) return fail(folder.error());
        std::optional<guest::MachineConfig> config;
        found = guest::check_vm(*place->directory, name->vm, config);
    } else {
        // The session would come no further either.
        found.push_back({true, place.error()});
    }
    const auto stops = std::ranges::count_if(found, [](const guest::Finding& f) { return f.stops; });
    json list = json::array();
    for (const auto& f : found) {
        list.push_back({{"code", std::string(code_name(f.error.code()))},
                        {"stops", f.stops},
                        {"text", f.stops ? f.error.to_user() : f.error.detail()}});
        if (!ctl.json) say("{}\n", f.stops ? f.error.to_user() : "note: " + f.error.detail());
    }
    if (ctl.json)
        say_json({{"user", name->user}, {"vm", name->vm}, {"findings", list}});
    else if (found.empty())
        say("{}: nothing would stop a login\n", name->text());
    if (stops != 0) return fail(ErrorCode::P28, "{}: {} found", name->text(), stops);
    return {};
}

Status remove(Ctl& ctl, VmArguments& a) {
    const auto name = parse_vm_name(a.name);
    if (!name) return fail(name.error());
    if (!a.yes && isatty(STDIN_FILENO) == 0)
        return fail(ErrorCode::P06, "without a terminal to ask on, --yes must be given");
    auto place = place_of(ctl, a, *name);
    if (!place) return fail(place.error());
    // The lock first: what is shown and asked for is what will be removed.
    if (auto folder = find_vm(*place, name->vm); !folder) return fail(folder.error());
    heed_signals();
    auto lock = take_lock(ctl, a, *place, name->vm);
    if (!lock) return fail(lock.error());
    json facts;
    auto before = facts_of(*place, name->vm, facts);
    if (!before) return fail(before.error());
    std::erase_if(*before, [](const std::string& line) {
        return line.starts_with("in use on") || line.starts_with("file: lock.");
    });
    if (!confirm_diff(*before, {}, a.yes, ctl.json)) {
        say("{}: nothing changed\n", name->text());
        BERTH_TRY(lock->release());
        return not_interrupted(name->text());
    }
    BERTH_TRY(not_interrupted(name->text()));
    BERTH_TRY(lock->tick());  // the answer may have taken its time
    BERTH_TRY(guest::remove_vm(*place->ops, name->vm));
    lock->forget();
    if (ctl.json) say_json({{"removed", name->text()}}, -1);
    return {};
}

/// Handles are open files: a class has some hundred of them.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/// Root's runs as the image's user for it, or as one who owns nothing.
std::shared_ptr<files::FilesHelper> files_helper(VmArguments& a) {
    auto program = files::files_program(a.files_program, "_berth-files");
    if (!program) program = files::files_program(a.files_program, "nobody");
    if (!program) program = files::FilesProgram{a.files_program, k_nobody, k_nobody};
    return std::make_shared<files::FilesHelper>(*program, a.report);
}

void add_place_options(CLI::App& command, VmArguments& a) {
    auto* directory = command.add_option("--directory", a.place.directory,
                                         "directory of this machine that holds a folder for each user");
    command.add_option("--server", a.place.server, "the same by NFS: server:/path")->excludes(directory);
    command.add_option("--shared", a.place.shared, "the shared tree: a directory here, or server:/path");
    command.add_option("--nfs-port", a.place.nfs_port, "0: ask the port mapper");
    command.add_option("--mount-port", a.place.mount_port, "0: ask the port mapper");
    command.add_option("--files-program", a.files_program, "berth-files, which speaks to the server")
        ->envname("BERTH_FILES")
        ->capture_default_str();
    command
        .add_option("--lock-times-ms", a.lock_times_ms,
                    "renew,hold,take-over,sweep-wait in milliseconds (laboratories only)")
        ->delimiter(',')
        ->expected(4)
        ->group("");
}

void add_machine_options(CLI::App& command, VmArguments& a) {
    command.add_option("--cpus", a.cpus, "1 to 128; default 2")->check(CLI::Range(1, 128));
    command.add_option("--memory", a.memory, "default 2 GiB");
    command.add_option("--firmware", a.firmware, "bios or uefi")->check(CLI::IsMember({"bios", "uefi"}));
    command.add_flag("--tpm", a.tpm, "a TPM 2.0");
    command.add_option("--network", a.network, "nat, bridge or none")
        ->check(CLI::IsMember({"nat", "bridge", "none"}));
    command.add_option("--bus", a.bus, "of its disks: virtio, sata or scsi")
        ->check(CLI::IsMember({"virtio", "sata", "scsi"}));
    command.add_option("--swap", a.swap, "a swap disk of that size, made anew at each login");
    auto* iso = command.add_option("--iso", a.iso, "installation medium, copied into the VM's folder");
    command.add_option("--iso-link", a.iso_link, "the same as a link into the shared tree: its path there")
        ->excludes(iso);
}

}  // namespace

void add_vm_commands(CLI::App& app, Ctl& ctl) {
    auto* vm = app.add_subcommand("vm", "users' virtual machines");
    vm->require_subcommand(1);
    auto arguments = std::make_shared<VmArguments>();
    const auto command = [&](const char* name, const char* help, auto run) {
        auto* c = vm->add_subcommand(name, help);
        c->callback([&ctl, arguments, run] {
            ctl.run = [&ctl, arguments, run] {
                raise_file_limit();
                arguments->helper = files_helper(*arguments);
                return run(ctl, *arguments);
            };
        });
        add_place_options(*c, *arguments);
        return c;
    };
    auto* made = command("create", "make one from nothing, or to be installed from a medium", create);
    made->add_option("--disk", arguments->disks, "size of a disk; repeat for more; default 32 GiB")
        ->take_all();
    auto* imported = command("import", "make one from disk images or an OVA", import);
    imported->add_option("--format", arguments->format, "qcow2, vmdk, vdi, vhdx, raw or ova")
        ->check(CLI::IsMember({"qcow2", "vmdk", "vdi", "vhdx", "raw", "ova"}));
    auto* cloned = command("clone", "copy one, for one user or for many", clone);
    cloned->add_option("SOURCE", arguments->source, "USER/VM")->required();
    cloned->add_option("TARGET", arguments->target, "USER/VM");
    cloned->add_option("--users", arguments->users_file, "file with a user's name on each line");
    cloned->add_option("--name", arguments->name, "the copies' name with --users; default the source's");
    auto* listed = command("list", "all, with who uses them", list);
    auto* user = listed->add_option("USER", arguments->user, "one user's only");
    listed
        ->add_flag(
            "--running", arguments->running,
            "those in use only: by whom, where and since when; without --server and --directory as the "
            "workstations post it")
        ->excludes(user);
    auto* shown = command("show", "one in full", show);
    auto* checked = command("check", "all that would stop a login", check);
    auto* removed = command("remove", "remove one that nobody uses", remove);
    removed->add_flag("--yes", arguments->yes, "do not ask");
    for (auto* c : {made, imported, shown, checked, removed})
        c->add_option("VM", arguments->name, "USER/VM")->required();
    imported->add_option("IMAGE", arguments->files, "disk images, the one with the system first; or one OVA")
        ->required();
    for (auto* c : {cloned, removed})
        c->add_flag("--break", arguments->may_break,
                    "take the lock over from a workstation that is gone: waits 90 s");
    for (auto* c : {made, imported}) add_machine_options(*c, *arguments);
    for (auto* c : {made, imported, cloned})
        c->add_flag("--progress", arguments->progress, "a line for each percent, also without a terminal");
}

}  // namespace berth::server
