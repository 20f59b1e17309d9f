// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/volume_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strict_json.h"
#include "base/text.h"

namespace berth::volume {
namespace {

using nlohmann::json;

constexpr std::array k_modes = {std::pair{DiskMode::direct, "direct"}, std::pair{DiskMode::shared, "shared"},
                                std::pair{DiskMode::local, "local"}};

std::string_view mode_name(DiskMode mode) {
    return std::ranges::find(k_modes, mode, &std::pair<DiskMode, const char*>::first)->second;
}

json location_json(const NfsLocation& l) {
    return {{"server", l.server},
            {"directory", l.directory},
            {"nfs_port", l.nfs_port},
            {"mount_port", l.mount_port}};
}

const JsonFormat k_format{.name = "volume.json",
                          .code = ErrorCode::V01,
                          .unknown = JsonFormat::refuse,
                          .why = "programs of one image write and read it, and no boot keeps it"};

std::string read_path(JsonFields& f, std::string_view name) {
    std::string path = f.text(name, 1, 4096);
    if (!path.starts_with('/')) f.fault(name, "must be an absolute path");
    return path;
}

NfsLocation read_location(JsonFields& f) {
    NfsLocation l;
    l.server = f.text("server", 1, 255);
    l.directory = read_path(f, "directory");
    if (f.has("nfs_port")) l.nfs_port = f.number<uint16_t>("nfs_port");
    if (f.has("mount_port")) l.mount_port = f.number<uint16_t>("mount_port");
    return l;
}

NfsCredentials read_credentials(JsonFields& f) {
    NfsCredentials c;
    c.uid = f.number<uint32_t>("uid");
    c.gid = f.number<uint32_t>("gid");
    c.groups = f.numbers<uint32_t>("groups", k_max_groups);
    return c;
}

VolumeDisk read_disk(JsonFields& f) {
    VolumeDisk disk;
    disk.name = f.text("name", 1, 32);
    if (!is_disk_name(disk.name)) f.fault("name", "must be 1 to 32 of a-z, 0-9 and '-'");
    disk.mode = f.choice("mode", k_modes);
    disk.path = f.text("path", 1, 4096);
    if (disk.path.starts_with('/') != (disk.mode == DiskMode::local))
        f.fault("path", "must be absolute for mode local and relative for the others");
    disk.read_only = f.boolean("read_only");
    if (disk.mode == DiskMode::shared && !disk.read_only)
        f.fault("read_only", "must be true for mode shared");
    return disk;
}

void read_config(JsonFields& f, VolumeConfig& c) {
    c.run_dir = read_path(f, "run_dir");
    c.vm = f.text("vm", 1, 255);
    if (!is_plain_name(c.vm)) f.fault("vm", "must be the name of a directory");
    c.request_timeout = std::chrono::milliseconds(f.number("request_timeout_ms", 10, 3'600'000));
    c.notice = std::chrono::milliseconds(f.number("notice_ms", 10, 3'600'000));
    f.object("nfs", [&](JsonFields& nfs) {
        c.nfs = read_location(nfs);
        c.credentials = read_credentials(nfs);
    });
    if (f.has("shared")) f.object("shared", [&](JsonFields& shared) { c.shared = read_location(shared); });
    f.object("lock", [&](JsonFields& lock) {
        c.epoch = lock.number("epoch", 1, INT64_MAX);
        c.nonce = lock.any_text("nonce", 0, 32);
        if (!is_nonce(c.nonce)) lock.fault("nonce", "must be 32 hex digits");
        c.owner = lock.text("owner", 1, 255);
    });
    f.object("lease", [&](JsonFields& lease) {
        c.renew = std::chrono::milliseconds(lease.number("renew_ms", 10, 600'000));
        c.hold = std::chrono::milliseconds(lease.number("hold_ms", 20, 3'600'000));
        if (c.hold <= c.renew) lease.fault("hold_ms", "must be more than renew_ms");
    });
    std::set<std::string> names;
    f.objects("disks", 1, 64, [&](JsonFields& disk) {
        c.disks.push_back(read_disk(disk));
        if (!names.insert(c.disks.back().name).second)
            disk.fault("name", "must not be the name of an earlier disk");
    });
}

}  // namespace

std::string format_volume_config(const VolumeConfig& c) {
    json nfs = location_json(c.nfs);
    nfs["uid"] = c.credentials.uid;
    nfs["gid"] = c.credentials.gid;
    nfs["groups"] = c.credentials.groups;
    json disks = json::array();
    for (const auto& d : c.disks)
        disks.push_back(
            {{"name", d.name}, {"mode", mode_name(d.mode)}, {"path", d.path}, {"read_only", d.read_only}});
    json text = {{"run_dir", c.run_dir},
                 {"nfs", nfs},
                 {"vm", c.vm},
                 {"lock", {{"epoch", c.epoch}, {"nonce", c.nonce}, {"owner", c.owner}}},
                 {"disks", disks},
                 {"lease", {{"renew_ms", c.renew.count()}, {"hold_ms", c.hold.count()}}},
                 {"request_timeout_ms", c.request_timeout.count()},
                 {"notice_ms", c.notice.count()}};
    if (c.shared) text["shared"] = location_json(*c.shared);
    return dump_json(text, 1) + "\n";
}

Result<VolumeConfig> parse_volume_config(std::string_view text) {
    VolumeConfig c;
    BERTH_TRY(read_json(text, k_format, [&](JsonFields& f) { read_config(f, c); }));
    return c;
}

}  // namespace berth::volume
