// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/volume_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strict_json.h"
#include "base/text.h"

namespace berth::volume {
namespace {

using nlohmann::json;

std::string_view mode_name(DiskMode mode) {
    switch (mode) {
        case DiskMode::direct:
            return "direct";
        case DiskMode::shared:
            return "shared";
        case DiskMode::local:
            return "local";
    }
    return "";
}

json location_json(const NfsLocation& l) {
    return {{"server", l.server},
            {"directory", l.directory},
            {"nfs_port", l.nfs_port},
            {"mount_port", l.mount_port}};
}

constexpr std::string_view k_file = "volume.json";

std::string read_path(JsonFields& f, std::string_view name) {
    std::string path = f.text(name, 1, 4096);
    if (!path.starts_with('/')) f.fault(name, "must be an absolute path");
    return path;
}

NfsLocation read_location(JsonFields& f) {
    NfsLocation l;
    l.server = f.text("server", 1, 255);
    l.directory = read_path(f, "directory");
    if (f.has("nfs_port")) l.nfs_port = f.number("nfs_port", 0, 65535);
    if (f.has("mount_port")) l.mount_port = f.number("mount_port", 0, 65535);
    return l;
}

NfsCredentials read_credentials(JsonFields& f) {
    NfsCredentials c;
    c.uid = f.number("uid", 0, UINT32_MAX);
    c.gid = f.number("gid", 0, UINT32_MAX);
    if (const json* groups = f.array("groups", 0, k_max_groups))
        for (const json& id : *groups) {
            if (id.is_number_unsigned() && id.get<uint64_t>() <= UINT32_MAX)
                c.groups.push_back(id.get<uint32_t>());
            else
                f.fault("groups", fmt::format("must be numbers from 0 to {}", UINT32_MAX));
        }
    return c;
}

bool is_disk_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

VolumeDisk read_disk(JsonFields& f) {
    VolumeDisk disk;
    disk.name = f.text("name", 1, 32);
    if (!is_disk_name(disk.name)) f.fault("name", "must be 1 to 32 of a-z, 0-9 and '-'");
    const std::string mode = f.text("mode", 1, 16);
    if (mode == "shared")
        disk.mode = DiskMode::shared;
    else if (mode == "local")
        disk.mode = DiskMode::local;
    else if (mode != "direct")
        f.fault("mode", "must be direct, shared or local");
    disk.path = f.text("path", 1, 4096);
    if (disk.path.starts_with('/') != (disk.mode == DiskMode::local))
        f.fault("path", "must be absolute for mode local and relative for the others");
    disk.read_only = f.boolean("read_only");
    if (disk.mode == DiskMode::shared && !disk.read_only)
        f.fault("read_only", "must be true for mode shared");
    return disk;
}

/// `read` takes the object `name` of `from` apart; its own first fault counts.
template <typename F>
Status read_object(JsonFields& from, const char* name, F read) {
    const json* object = from.object(name);
    if (!object) return from.done();
    JsonFields fields(*object, ErrorCode::V01, fmt::format("{}: {}", k_file, name));
    read(fields);
    return fields.done();
}

Status read_disks(const json& list, std::vector<VolumeDisk>& disks) {
    std::set<std::string> names;
    for (size_t i = 0; i < list.size(); i++) {
        JsonFields fields(list[i], ErrorCode::V01, fmt::format("{}: disks[{}]", k_file, i));
        disks.push_back(read_disk(fields));
        if (!names.insert(disks.back().name).second) fields.fault("name", "is there twice");
        BERTH_TRY(fields.done());
    }
    return {};
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
    return text.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<VolumeConfig> parse_volume_config(std::string_view text) {
    auto object = parse_json_object(text, ErrorCode::V01);
    if (!object) return fail(object.error().with_prefix(std::string(k_file)));
    VolumeConfig c;
    JsonFields top(*object, ErrorCode::V01, std::string(k_file));
    c.run_dir = read_path(top, "run_dir");
    c.vm = top.text("vm", 1, 255);
    if (!is_plain_name(c.vm)) top.fault("vm", "must be the name of a directory");
    c.request_timeout = std::chrono::milliseconds(top.number("request_timeout_ms", 10, 3'600'000));
    c.notice = std::chrono::milliseconds(top.number("notice_ms", 10, 3'600'000));
    BERTH_TRY(read_object(top, "nfs", [&](JsonFields& f) {
        c.nfs = read_location(f);
        c.credentials = read_credentials(f);
    }));
    if (top.has("shared"))
        BERTH_TRY(read_object(top, "shared", [&](JsonFields& f) { c.shared = read_location(f); }));
    BERTH_TRY(read_object(top, "lock", [&](JsonFields& f) {
        c.epoch = f.number("epoch", 1, INT64_MAX);
        c.nonce = f.text("nonce", 1, 32);
        if (!is_nonce(c.nonce)) f.fault("nonce", "must be 32 hex digits");
        c.owner = f.text("owner", 1, 255);
    }));
    BERTH_TRY(read_object(top, "lease", [&](JsonFields& f) {
        c.renew = std::chrono::milliseconds(f.number("renew_ms", 10, 600'000));
        c.hold = std::chrono::milliseconds(f.number("hold_ms", 20, 3'600'000));
        if (c.hold <= c.renew) f.fault("hold_ms", "must be more than renew_ms");
    }));
    if (const json* disks = top.array("disks", 1, 64)) BERTH_TRY(read_disks(*disks, c.disks));
    BERTH_TRY(top.done());
    return c;
}

}  // namespace berth::volume
