// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/volume_config.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

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

/// One JSON object, whose keys are taken one after the other; what is left over is unknown. The first error
/// stays.
class Reader {
  public:
    Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {
        if (!object_.is_object()) error_ = where_ + ": must be an object";
    }

    const json* member(const char* key, bool required = true) {
        known_.insert(key);
        if (error_.empty() && object_.contains(key)) return &object_[key];
        if (required) complain(key, "is missing");
        return nullptr;
    }
    std::string text(const char* key, size_t longest = 4096) {
        const json* value = member(key);
        if (!value) return {};
        if (!value->is_string() || value->get_ref<const std::string&>().empty() ||
            value->get_ref<const std::string&>().size() > longest ||
            value->get_ref<const std::string&>().find('\0') != std::string::npos) {
            complain(key, fmt::format("must be a text of 1 to {} bytes", longest));
            return {};
        }
        return value->get<std::string>();
    }
    std::string absolute_path(const char* key) {
        std::string path = text(key);
        if (error_.empty() && path[0] != '/') complain(key, "must be an absolute path");
        return path;
    }
    uint64_t number(const char* key, uint64_t low, uint64_t high,
                    std::optional<uint64_t> fallback = std::nullopt) {
        const json* value = member(key, !fallback);
        if (!value) return fallback.value_or(low);
        return check(*value, key, low, high);
    }
    std::vector<uint32_t> ids(const char* key) {
        std::vector<uint32_t> found;
        const json* value = member(key);
        if (!value) return found;
        if (!value->is_array() || value->size() > k_max_groups) {
            complain(key, fmt::format("must be a list of at most {} numbers", k_max_groups));
            return found;
        }
        for (const json& id : *value) found.push_back(check(id, key, 0, UINT32_MAX));
        return found;
    }
    bool flag(const char* key) {
        const json* value = member(key);
        if (value && !value->is_boolean()) complain(key, "must be true or false");
        return value && value->is_boolean() && value->get<bool>();
    }
    void complain(std::string_view key, std::string_view what) {
        if (error_.empty()) error_ = fmt::format("{}{}{} {}", where_, where_.empty() ? "" : ".", key, what);
    }
    std::string finish() {
        for (auto it = object_.begin(); error_.empty() && it != object_.end(); ++it)
            if (!known_.contains(it.key())) complain(it.key(), "is not a known key");
        return error_;
    }

  private:
    uint64_t check(const json& value, const char* key, uint64_t low, uint64_t high) {
        if (value.is_number_unsigned()) {
            auto n = value.get<uint64_t>();
            if (n >= low && n <= high) return n;
        }
        complain(key, fmt::format("must be a number from {} to {}", low, high));
        return low;
    }

    const json& object_;
    std::string where_;
    std::string error_;
    std::set<std::string, std::less<>> known_;
};

NfsLocation read_location(Reader& r) {
    NfsLocation l;
    l.server = r.text("server", 255);
    l.directory = r.absolute_path("directory");
    l.nfs_port = r.number("nfs_port", 0, 65535, 0);
    l.mount_port = r.number("mount_port", 0, 65535, 0);
    return l;
}

bool is_disk_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

VolumeDisk read_disk(Reader& r) {
    VolumeDisk disk;
    disk.name = r.text("name");
    if (!is_disk_name(disk.name)) r.complain("name", "must be 1 to 32 of a-z, 0-9 and '-'");
    std::string mode = r.text("mode");
    if (mode == "shared")
        disk.mode = DiskMode::shared;
    else if (mode == "local")
        disk.mode = DiskMode::local;
    else if (mode != "direct")
        r.complain("mode", "must be direct, shared or local");
    disk.path = r.text("path");
    bool absolute = disk.path.starts_with('/');
    if (absolute != (disk.mode == DiskMode::local))
        r.complain("path", "must be absolute for mode local and relative for the others");
    disk.read_only = r.flag("read_only");
    if (disk.mode == DiskMode::shared && !disk.read_only)
        r.complain("read_only", "must be true for mode shared");
    return disk;
}

bool is_nonce(std::string_view text) {
    return text.size() == 32 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<VolumeConfig> read_config(const json& object) {
    VolumeConfig c;
    auto bad = [](const std::string& text) { return fail(ErrorCode::V01, "{}", text); };
    Reader top(object, "");
    c.run_dir = top.absolute_path("run_dir");
    c.vm = top.text("vm");
    if (!is_plain_name(c.vm)) top.complain("vm", "must be the name of a directory");
    c.request_timeout = std::chrono::milliseconds(top.number("request_timeout_ms", 10, 3'600'000));
    c.notice = std::chrono::milliseconds(top.number("notice_ms", 10, 3'600'000));
    if (const json* nfs = top.member("nfs")) {
        Reader r(*nfs, "nfs");
        c.nfs = read_location(r);
        c.credentials.uid = r.number("uid", 0, UINT32_MAX);
        c.credentials.gid = r.number("gid", 0, UINT32_MAX);
        c.credentials.groups = r.ids("groups");
        if (auto error = r.finish(); !error.empty()) return bad(error);
    }
    if (const json* shared = top.member("shared", false); shared && !shared->is_null()) {
        Reader r(*shared, "shared");
        c.shared = read_location(r);
        if (auto error = r.finish(); !error.empty()) return bad(error);
    }
    if (const json* lock = top.member("lock")) {
        Reader r(*lock, "lock");
        c.epoch = r.number("epoch", 1, INT64_MAX);
        c.nonce = r.text("nonce");
        if (!is_nonce(c.nonce)) r.complain("nonce", "must be 32 hex digits");
        c.owner = r.text("owner", 255);
        if (auto error = r.finish(); !error.empty()) return bad(error);
    }
    if (const json* lease = top.member("lease")) {
        Reader r(*lease, "lease");
        c.renew = std::chrono::milliseconds(r.number("renew_ms", 10, 600'000));
        c.hold = std::chrono::milliseconds(r.number("hold_ms", 20, 3'600'000));
        if (c.hold <= c.renew) r.complain("hold_ms", "must be more than renew_ms");
        if (auto error = r.finish(); !error.empty()) return bad(error);
    }
    if (const json* disks = top.member("disks")) {
        if (!disks->is_array() || disks->empty() || disks->size() > 64)
            return bad("disks must be a list of 1 to 64 disks");
        std::set<std::string> names;
        for (size_t i = 0; i < disks->size(); i++) {
            Reader r((*disks)[i], fmt::format("disks[{}]", i));
            c.disks.push_back(read_disk(r));
            if (!names.insert(c.disks.back().name).second) r.complain("name", "is there twice");
            if (auto error = r.finish(); !error.empty()) return bad(error);
        }
    }
    if (auto error = top.finish(); !error.empty()) return bad(error);
    return c;
}

}  // namespace

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
           name.find('/') == name.npos && name.find('\0') == name.npos;
}

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
    json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return fail(ErrorCode::V01, "volume.json is not JSON");
    return read_config(object);
}

}  // namespace berth::volume
