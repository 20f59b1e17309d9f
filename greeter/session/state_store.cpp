// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/state_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace berth::session {
namespace {

using nlohmann::json;

json location_json(const NfsLocation& l) {
    return {{"server", l.server},
            {"nfs_port", l.nfs_port},
            {"mount_port", l.mount_port},
            {"directory", l.directory}};
}

bool good_path(const std::string& s) {
    return s.starts_with('/') && s.size() <= 4096 && !("/" + s + "/").contains("/../") && !s.contains('\0');
}

/// The library would take -1 and 1.5 too, and make something of them.
template <typename T>
T whole(const json& value) {
    if (!value.is_number_unsigned() ||
        value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<T>::max()))
        throw std::out_of_range("must be a whole number of its size");
    return value.get<T>();
}

// The json library throws on a wrong type or a missing key; parse_state catches it all in one place.
NfsLocation location_from(const json& j) {
    NfsLocation l{.server = j.at("server"),
                  .directory = j.at("directory"),
                  .nfs_port = whole<uint16_t>(j.at("nfs_port")),
                  .mount_port = whole<uint16_t>(j.at("mount_port"))};
    if (l.server.empty() || l.server.size() > 255 || !good_path(l.directory))
        throw std::out_of_range("nfs: bad server or directory");
    return l;
}

SessionState state_from(const json& j) {
    if (j.at("schema") != 1) throw std::out_of_range("schema: must be 1");
    SessionState s;
    s.session = j.at("session");
    s.user = j.at("user");
    s.vm = j.at("vm");
    const json& nfs = j.at("nfs");
    s.location = location_from(nfs);
    if (j.contains("shared") && !j["shared"].is_null()) s.shared = location_from(j["shared"]);
    s.credentials.uid = whole<uint32_t>(nfs.at("uid"));
    s.credentials.gid = whole<uint32_t>(nfs.at("gid"));
    if (!nfs.at("groups").is_array()) throw std::out_of_range("groups: must be a list");
    for (const json& group : nfs["groups"]) s.credentials.groups.push_back(whole<uint32_t>(group));
    if (!j.at("lock").is_null())
        s.lock = LockState{.epoch = whole<uint64_t>(j["lock"].at("epoch")), .nonce = j["lock"].at("nonce")};
    if (!j.at("domain").is_null()) s.domain = j["domain"].get<std::string>();
    if (!j.at("volume_pid").is_null()) s.volume_pid = whole<int64_t>(j["volume_pid"]);
    if (!j.at("volume_start").is_null()) s.volume_start = whole<uint64_t>(j["volume_start"]);
    s.run_dir = j.at("run_dir");
    s.swap = j.at("swap").get<std::vector<std::string>>();
    s.boot_id = j.at("boot_id");
    s.began = j.at("began").get<std::vector<std::string>>();

    if (!is_session_name(s.session)) throw std::out_of_range("session: must be [A-Za-z0-9-]{1,32}");
    if (!good_path(s.run_dir)) throw std::out_of_range("run_dir: must be an absolute path");
    for (const auto& path : s.swap)
        if (!good_path(path)) throw std::out_of_range("swap: must be absolute paths");
    if (s.vm.contains('/') || s.vm == ".." || s.vm == ".")
        throw std::out_of_range("vm: must be a folder's name");
    if (s.volume_pid && *s.volume_pid <= 1) throw std::out_of_range("volume_pid: must be above 1");
    return s;
}

}  // namespace

bool is_session_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 &&
           std::ranges::all_of(name, [](unsigned char c) { return isalnum(c) != 0 || c == '-'; });
}

std::string format_state(const SessionState& s) {
    json nfs = location_json(s.location);
    nfs["uid"] = s.credentials.uid;
    nfs["gid"] = s.credentials.gid;
    nfs["groups"] = s.credentials.groups;
    const auto or_null = [](const auto& value) { return value ? json(*value) : json(nullptr); };
    return json{{"schema", 1},
                {"session", s.session},
                {"user", s.user},
                {"uid", s.credentials.uid},
                {"vm", s.vm},
                {"nfs", nfs},
                {"shared", s.shared ? location_json(*s.shared) : json(nullptr)},
                {"lock", s.lock ? json{{"epoch", s.lock->epoch}, {"nonce", s.lock->nonce}} : json(nullptr)},
                {"domain", or_null(s.domain)},
                {"volume_pid", or_null(s.volume_pid)},
                {"volume_start", or_null(s.volume_start)},
                {"run_dir", s.run_dir},
                {"swap", s.swap},
                {"boot_id", s.boot_id},
                {"began", s.began}}
        .dump(1, ' ', false, json::error_handler_t::replace);
}

Result<SessionState> parse_state(std::string_view text) {
    if (text.size() > k_max_state)
        return fail(ErrorCode::I04, "session state of {} bytes: must be at most {}", text.size(),
                    k_max_state);
    int deepest = 0;
    const auto limit = [&deepest](int depth, json::parse_event_t, json&) {
        deepest = std::max(deepest, depth);
        return true;
    };
    try {
        const json body = json::parse(text, limit);
        if (!body.is_object() || deepest > 8)
            return fail(ErrorCode::I04, "session state: must be a JSON object of at most 8 levels");
        return state_from(body);
    } catch (const std::exception& e) {
        return fail(ErrorCode::I04, "session state: {}", e.what());
    }
}

Status StateStore::save(const SessionState& state) {
    const std::string text = format_state(state);
    // Written in place of the old file's name, while flock stays on the lock file beside it: a rename changes
    // the inode.
    BERTH_TRY(write_file_durably(path(state.session), text));
    if (remote_ != nullptr)
        if (Status s = remote_->put(state.session, text); !s)
            report_.error("session state not kept at the provisioner", s.error());
    return {};
}

Status StateStore::remove(const std::string& session) {
    if (remote_ != nullptr)
        if (Status s = remote_->remove(session); !s)
            report_.error("session state not removed at the provisioner", s.error());
    BERTH_TRY(remove_file_durably(path(session)));
    unlink(claim_path(session).c_str());
    return {};
}

Result<std::vector<StateStore::Stored>> StateStore::list() {
    std::map<std::string, std::string> texts;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (entry.path().extension() != ".json") continue;
        auto text = read_file(entry.path(), k_max_state);
        texts[entry.path().stem()] = text ? *text : std::string{};
    }
    if (error && error != std::errc::no_such_file_or_directory)
        return fail(ErrorCode::I01, "list {}: {}", folder_, error.message());
    std::vector<Stored> result;
    for (const auto& [name, text] : texts) {
        if (!is_session_name(name)) continue;
        auto state = parse_state(text);
        if (state && state->session != name)
            state = fail(ErrorCode::I04, "session state {} calls itself {}", name, state->session);
        // Root deletes what it names.
        if (state && state->run_dir != run_root_ + "/" + name)
            state = fail(ErrorCode::I04, "session state {}: run_dir must be {}/{}", name, run_root_, name);
        for (const std::string& swap : state ? state->swap : std::vector<std::string>{})
            if (state && (!swap.starts_with(fmt::format("{}/{}-", swap_dir_, name)) ||
                          swap.substr(swap_dir_.size() + 1).contains('/')))
                state = fail(ErrorCode::I04, "session state {}: swap must be {}/{}-*", name, swap_dir_, name);
        result.push_back({name, std::move(state)});
    }
    return result;
}

void StateStore::forget_below(const SessionState& ours) {
    if (remote_ == nullptr || !ours.lock) return;
    auto kept = remote_->all();
    if (!kept) return report_.error("session states at the provisioner are unknown", kept.error());
    for (const auto& [name, text] : *kept) {
        if (!is_session_name(name) || access(path(name).c_str(), F_OK) == 0) continue;
        const auto state = parse_state(text);
        if (!state || state->vm != ours.vm || state->location.server != ours.location.server ||
            state->location.directory != ours.location.directory)
            continue;
        if (state->lock && state->lock->epoch >= ours.lock->epoch) continue;
        if (Status s = remote_->remove(name); !s)
            report_.error("session state not removed at the provisioner", s.error());
    }
}

void StateStore::forget_empty_claims() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error))
        if (entry.path().extension() == ".claim") names.push_back(entry.path().stem());
    for (const std::string& name : names) {
        if (!is_session_name(name)) continue;
        auto held = claim(name);
        // Asked only now: until it died its session may have saved one.
        if (held && *held && access(path(name).c_str(), F_OK) != 0 && errno == ENOENT)
            unlink(claim_path(name).c_str());
    }
}

Result<std::optional<StateStore::Stored>> StateStore::load(const std::string& session) {
    auto stored = list();
    if (!stored) return fail(stored.error());
    for (auto& entry : *stored)
        if (entry.session == session) return std::optional<Stored>(std::move(entry));
    return std::optional<Stored>{};
}

Status StateClaim::sign() const {
    const std::string pid = std::to_string(getpid());
    if (pwrite(fd_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return fail_errno("write a session's claim");
    return {};
}

std::optional<pid_t> StateStore::session_pid(const std::string& session) const {
    UniqueFd fd(open(claim_path(session).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    char text[16]{};
    if (!fd || pread(fd.get(), text, sizeof text - 1, 0) <= 0) return std::nullopt;
    const long pid = std::strtol(text, nullptr, 10);
    return pid > 0 ? std::optional(static_cast<pid_t>(pid)) : std::nullopt;
}

Result<std::optional<StateClaim>> StateStore::claim(const std::string& session) {
    const std::string name = claim_path(session);
    while (true) {
        UniqueFd fd(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd) return fail_errno("open " + name);
        if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return std::optional<StateClaim>{};
            return fail_errno("flock " + name);
        }
        // The one who held it before may have removed the name between our open and flock: then this lock
        // excludes nobody.
        struct stat ours{}, named{};
        if (fstat(fd.get(), &ours) == 0 && stat(name.c_str(), &named) == 0 && ours.st_ino == named.st_ino) {
            // An earlier holder's pid.
            if (ftruncate(fd.get(), 0) != 0) return fail_errno("truncate " + name);
            return std::optional<StateClaim>(StateClaim(std::move(fd)));
        }
    }
}

}  // namespace berth::session
