// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/state_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/strict_json.h"

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

/// What the sweeper of one version wrote another reads, before and after an update.
const JsonFormat k_format{
    .name = "session state",
    .code = ErrorCode::I04,
    .unknown = JsonFormat::ignore,
    .why = "outlives versions: what another one began is undone as far as it is known here",
    .longest = k_max_state};
constexpr size_t k_most = 65536;  // Groups, paths and steps; the text's size is the real bound.

std::string read_path(JsonFields& f, std::string_view name) {
    std::string path = f.any_text(name, 1, 4096);
    if (!good_path(path)) f.fault(name, "must be an absolute path without \"..\"");
    return path;
}

NfsLocation read_location(JsonFields& f) {
    return {.server = f.any_text("server", 1, 255),
            .directory = read_path(f, "directory"),
            .nfs_port = f.number<uint16_t>("nfs_port"),
            .mount_port = f.number<uint16_t>("mount_port")};
}

SessionState read_state(JsonFields& f) {
    SessionState s;
    f.number("schema", 1, 1);
    s.session = f.any_text("session", 1, 32);
    if (!is_session_name(s.session)) f.fault("session", "must be 1 to 32 of letters, digits, '-'");
    s.user = f.any_text("user", 0, k_max_state);
    s.vm = f.any_text("vm", 0, k_max_state);
    if (s.vm.contains('/') || s.vm == ".." || s.vm == ".") f.fault("vm", "must be a folder's name");
    f.object("nfs", [&](JsonFields& nfs) {
        s.location = read_location(nfs);
        s.credentials.uid = nfs.number<uint32_t>("uid");
        s.credentials.gid = nfs.number<uint32_t>("gid");
        s.credentials.groups = nfs.numbers<uint32_t>("groups", k_most);
    });
    if (f.has("shared") && !f.is_null("shared"))
        f.object("shared", [&](JsonFields& shared) { s.shared = read_location(shared); });
    if (!f.is_null("lock"))
        f.object("lock", [&](JsonFields& lock) {
            s.lock =
                LockState{.epoch = lock.number("epoch"), .nonce = lock.any_text("nonce", 0, k_max_state)};
        });
    if (f.has("disks"))
        f.objects("disks", 0, k_most, [&](JsonFields& disk) {
            s.disks.push_back({disk.any_text("name", 0, k_max_state), disk.any_text("path", 0, k_max_state)});
        });
    if (!f.is_null("domain")) s.domain = f.any_text("domain", 0, k_max_state);
    if (!f.is_null("volume_pid")) s.volume_pid = f.number<int64_t>("volume_pid", 2);
    if (!f.is_null("volume_start")) s.volume_start = f.number("volume_start");
    s.run_dir = read_path(f, "run_dir");
    s.swap = f.texts("swap", k_most, 4096);
    if (!std::ranges::all_of(s.swap, good_path)) f.fault("swap", "must be absolute paths without \"..\"");
    s.boot_id = f.any_text("boot_id", 0, k_max_state);
    s.began = f.texts("began", k_most, k_max_state);
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
    json disks = json::array();
    for (const auto& disk : s.disks) disks.push_back({{"name", disk.name}, {"path", disk.path}});
    const auto or_null = [](const auto& value) { return value ? json(*value) : json(nullptr); };
    return dump_json(
        {{"schema", 1},
         {"session", s.session},
         {"user", s.user},
         {"uid", s.credentials.uid},
         {"vm", s.vm},
         {"nfs", nfs},
         {"shared", s.shared ? location_json(*s.shared) : json(nullptr)},
         {"lock", s.lock ? json{{"epoch", s.lock->epoch}, {"nonce", s.lock->nonce}} : json(nullptr)},
         {"disks", disks},
         {"domain", or_null(s.domain)},
         {"volume_pid", or_null(s.volume_pid)},
         {"volume_start", or_null(s.volume_start)},
         {"run_dir", s.run_dir},
         {"swap", s.swap},
         {"boot_id", s.boot_id},
         {"began", s.began}},
        1);
}

Result<SessionState> parse_state(std::string_view text) {
    SessionState state;
    BERTH_TRY(read_json(text, k_format, [&](JsonFields& f) { state = read_state(f); }));
    return state;
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
    auto stored = BERTH_TRY(list());
    for (auto& entry : stored)
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
