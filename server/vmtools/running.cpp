// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/running.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "base/strict_json.h"
#include "files/local/local_ops.h"
#include "lock/record.h"

namespace berth::server {
namespace {

using files::FileType;
using lock::LockNames;
using std::chrono::seconds;

constexpr seconds k_posts_stale = std::chrono::minutes(15);  // Sessions post every five.
constexpr seconds k_call_timeout(15);

int64_t age(WallTime now, int64_t nanoseconds) {
    const auto then = std::chrono::nanoseconds(nanoseconds);
    return std::max<int64_t>(0, std::chrono::duration_cast<seconds>(now.time_since_epoch() - then).count());
}

std::string shown(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string shown_age(int64_t s) {
    if (s < 120) return fmt::format("{} s", s);
    if (s < 120 * 60) return fmt::format("{} min", s / 60);
    if (s < 48 * 3600) return fmt::format("{} h", s / 3600);
    return fmt::format("{} days", s / (24 * 3600));
}

void add(RunningList& list, RunningList more) {
    std::ranges::move(more.vms, std::back_inserter(list.vms));
    std::ranges::move(more.errors, std::back_inserter(list.errors));
}

bool visible(const std::string& name) {
    return !name.starts_with(".");
}

}  // namespace

RunningList running_by_posts(const std::vector<Machine>& machines, WallTime now) {
    RunningList list;
    for (const auto& machine : machines) {
        const auto& session = machine.status.session;
        if (!session.is_object()) continue;
        RunningVm vm{member_text(session, "user", "?"), member_text(session, "vm", "?"), machine.name,
                     machine.id, member_text(session, "since", "")};
        vm.last_sign = age(now, machine.status.seen * 1'000'000'000);
        vm.state = vm.last_sign > k_posts_stale.count() ? "silent" : "running";
        list.vms.push_back(std::move(vm));
    }
    std::ranges::sort(list.vms, {}, [](const RunningVm& v) { return std::tie(v.user, v.vm, v.host); });
    return list;
}

std::vector<RunningVm> standing_locks(const std::string& user, const std::string& vm, const LockNames& names,
                                      const std::function<Result<LockFile>(const std::string&)>& read,
                                      WallTime now) {
    const int64_t hold = std::chrono::ceil<seconds>(lock::LockTimes().hold).count();
    std::vector<RunningVm> found;
    for (uint64_t epoch : names.locks) {
        auto file = read(lock::lock_name(epoch));
        if (failed_as(file, Condition::absent)) continue;  // released since it was listed
        auto record = file ? lock::parse_lock_record(file->text) : fail(file.error());
        RunningVm row{user, vm};
        if (file) row.last_sign = age(now, file->mtime_ns);
        if (!record) {
            row.state = "unreadable";
            found.push_back(std::move(row));
            continue;
        }
        row.host = record->owner.host;
        row.client = record->owner.client;
        row.since = record->since;
        row.state = record->mode == lock::LockMode::declared ? "checked-out"
                    : !found.empty()                         ? "waiting"
                    : row.last_sign > hold                   ? "silent"
                    : record->closing                        ? "closing"
                                                             : "running";
        found.push_back(std::move(row));
    }
    return found;
}

RunningList running_of_user(files::FileOps& ops, const files::FileHandle& directory, const std::string& user,
                            WallTime now) {
    RunningList list;
    auto entries = ops.list(directory);
    if (!entries) {
        list.errors.push_back(entries.error().with_prefix(user));
        return list;
    }
    std::ranges::sort(*entries, {}, &files::DirectoryEntry::name);
    for (const auto& entry : *entries) {
        if (!visible(entry.name)) continue;
        auto vm = ops.lookup(directory, entry.name);
        if (failed_as(vm, Condition::absent)) continue;
        if (vm && vm->attributes.type != FileType::directory) continue;
        auto names = vm ? ops.list(vm->handle) : fail(vm.error());
        if (!names) {
            list.errors.push_back(names.error().with_prefix(user + "/" + entry.name));
            continue;
        }
        const auto read = [&](const std::string& name) -> Result<LockFile> {
            auto file = BERTH_TRY(ops.lookup(vm->handle, name));
            if (file.attributes.type != FileType::regular)
                return fail(ErrorCode::K04, "{} is not a regular file", name);
            auto text = ops.read(file.handle, 0, lock::k_longest_lock_record);
            // Renamed or removed since the LOOKUP.
            if (failed_as(text, Condition::stale)) return fail(ErrorCode::M09, "{}", name);
            if (!text) return fail(text.error());
            return LockFile{std::move(*text), file.attributes.mtime_ns};
        };
        std::ranges::move(standing_locks(user, entry.name, lock::lock_names(*names), read, now),
                          std::back_inserter(list.vms));
    }
    return list;
}

namespace {

/// Of each user's folder in `root`, which `open` opens as its owner.
template <typename Open>
Result<RunningList> running_of_all(files::FileOps& root, WallTime now, Open open) {
    auto users = BERTH_TRY(root.list(root.root()));
    std::ranges::sort(users, {}, &files::DirectoryEntry::name);
    RunningList list;
    for (const auto& user : users) {
        if (!visible(user.name)) continue;
        auto found = root.lookup(root.root(), user.name);
        if (found && found->attributes.type != FileType::directory) continue;
        if (!found) {
            if (!failed_as(found, Condition::absent))
                list.errors.push_back(found.error().with_prefix(user.name));
            continue;
        }
        auto ops = open(user.name, {found->attributes.uid, found->attributes.gid, {}});
        if (ops)
            add(list, running_of_user(**ops, (*ops)->root(), user.name, now));
        else
            list.errors.push_back(ops.error().with_prefix(user.name));
    }
    return list;
}

}  // namespace

Result<RunningList> running_on_server(const NfsLocation& location, files::FilesHelper& files, WallTime now) {
    auto root = BERTH_TRY(files.mount(location, {}, k_call_timeout));
    return running_of_all(*root, now, [&](const std::string& user, const NfsCredentials& owner) {
        NfsLocation place = location;
        place.directory += "/" + user;
        return files.mount(place, owner, k_call_timeout);
    });
}

Result<RunningList> running_in_folder(const std::string& folder, WallTime now) {
    const NfsCredentials self{geteuid(), getegid(), {}};
    auto root = files::LocalOps::open(folder, "", self);
    if (!root) return fail(ErrorCode::P02, "{}: {}", folder, root.error().detail());
    return running_of_all(**root, now, [&](const std::string& user, const NfsCredentials& owner) {
        // As its owner, who may swap what is in it while we look.
        return files::LocalOps::open(folder, user, geteuid() == 0 ? owner : self);
    });
}

std::vector<std::vector<std::string>> running_rows(const RunningList& list) {
    std::vector<std::vector<std::string>> rows{
        {"USER", "VM", "HOST", "CLIENT", "SINCE", "LAST SIGN", "STATE"}};
    for (const auto& v : list.vms)
        rows.push_back({shown(v.user), shown(v.vm), shown(v.host), shown(v.client), shown(v.since),
                        shown_age(v.last_sign), v.state});
    return rows;
}

nlohmann::json running_json(const RunningList& list) {
    auto rows = nlohmann::json::array();
    for (const auto& v : list.vms)
        rows.push_back({{"user", v.user},
                        {"vm", v.vm},
                        {"host", v.host},
                        {"client", v.client},
                        {"since", v.since},
                        {"last_sign_seconds", v.last_sign},
                        {"state", v.state}});
    return rows;
}

}  // namespace berth::server
