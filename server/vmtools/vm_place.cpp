// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/vm_place.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/client_identity.h"
#include "base/plain_text.h"
#include "base/text.h"
#include "files/helper/files_helper.h"
#include "guest/vm_check.h"

namespace berth::server {
namespace {

constexpr Duration k_call_timeout = std::chrono::seconds(15);

Result<NfsLocation> location_of(const PlaceOptions& options, const std::string& text) {
    return nfs_location(text, options.nfs_port, options.mount_port);
}

/// As root: only root makes folders there. Not through a link.
Status make_user_folder(const std::string& directory, const std::string& user,
                        const NfsCredentials& credentials) {
    UniqueFd parent(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent) return files::fail_file(errno, directory);
    if (mkdirat(parent.get(), user.c_str(), 0700) != 0) {
        if (errno == EEXIST) return {};
        return files::fail_file(errno, directory + "/" + user);
    }
    UniqueFd made(openat(parent.get(), user.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made || fchown(made.get(), credentials.uid, credentials.gid) != 0)
        return files::fail_file(errno, directory + "/" + user);
    return {};
}

}  // namespace

Result<NfsLocation> nfs_location(const std::string& text, uint16_t nfs_port, uint16_t mount_port) {
    auto location = parse_location(text);
    if (!location)
        return fail(ErrorCode::P06, "\"{}\": must be server:/absolute/path, an IPv6 address in brackets",
                    printable(text, 300));
    location->nfs_port = nfs_port;
    location->mount_port = mount_port;
    return std::move(*location);
}

Result<VmName> parse_vm_name(const std::string& text) {
    const size_t slash = text.find('/');
    if (slash == std::string::npos || slash == 0)
        return fail(ErrorCode::M36, "\"{}\": must be USER/VM", text.substr(0, 300));
    VmName name{text.substr(0, slash), text.substr(slash + 1)};
    BERTH_TRY(guest::check_vm_name(name.user));
    BERTH_TRY(guest::check_vm_name(name.vm));
    return name;
}

Result<lock::LockOwner> this_host() {
    auto identity = BERTH_TRY(read_client_identity());
    auto boot_id = BERTH_TRY(read_file("/proc/sys/kernel/random/boot_id", 128));
    const passwd* me = getpwuid(getuid());
    return lock::LockOwner{identity.id, identity.host, me != nullptr ? me->pw_name : "root",
                           boot_id.substr(0, boot_id.find('\n'))};
}

Result<NfsCredentials> RealPlaces::credentials_of(const std::string& user) {
    const passwd* found = getpwnam(user.c_str());
    if (found == nullptr) return fail(ErrorCode::P29, "\"{}\"", user);
    NfsCredentials credentials{found->pw_uid, found->pw_gid, {}};
    std::vector<gid_t> groups(256);
    int count = static_cast<int>(groups.size());
    if (getgrouplist(user.c_str(), found->pw_gid, groups.data(), &count) < 0)
        return fail(ErrorCode::M12, "user {}: {} groups", user, count);
    groups.resize(static_cast<size_t>(count));
    for (const gid_t group : groups)
        if (group != credentials.gid) credentials.groups.push_back(group);
    // What would stop the login stops the tool: it works as the user.
    if (credentials.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "user {}: {} groups besides the own: must be at most {}", user,
                    credentials.groups.size(), k_max_groups);
    return credentials;
}

Result<UserPlace> RealPlaces::open(const PlaceOptions& options, const std::string& user, bool make,
                                   Clock& clock, Report& report) {
    BERTH_TRY(guest::check_vm_name(user));
    if (options.directory.empty() == options.server.empty())
        return fail(ErrorCode::P06, "give one of --directory and --server");
    auto credentials = BERTH_TRY(credentials_of(user));
    UserPlace place;
    place.user = user;
    place.files = options.files;
    place.times = options.times;
    if (!options.directory.empty()) {
        place.where = options.directory + "/" + user;
        auto ops = files::LocalOps::open(options.directory, user, credentials);
        if (failed_as(ops, Condition::absent) && make && geteuid() == 0) {
            BERTH_TRY(make_user_folder(options.directory, user, credentials));
            ops = files::LocalOps::open(options.directory, user, credentials);
        }
        if (!ops) return fail(ops.error());
        place.ops = std::move(*ops);
    } else {
        auto location = BERTH_TRY(location_of(options, options.server));
        location.directory += "/" + user;
        place.where = format_location(location);
        place.ops = BERTH_TRY(options.files->mount(location, credentials, k_call_timeout));
    }
    if (options.shared.starts_with('/')) {
        auto shared = files::LocalOps::open(options.shared, "", credentials);
        if (!shared) return fail(shared.error().with_prefix("shared files"));
        place.shared = std::move(*shared);
        place.shared_directory = options.shared;
    } else if (!options.shared.empty()) {
        auto location = BERTH_TRY(location_of(options, options.shared));
        auto shared = options.files->mount(location, credentials, k_call_timeout);
        if (!shared) return fail(shared.error().with_prefix("shared files"));
        place.shared = std::move(*shared);
        place.shared_directory = location.directory;
    }
    place.directory = guest::user_directory_on(place.ops, place.shared, place.shared_directory, options.times,
                                               clock, report);
    return place;
}

Result<std::vector<std::string>> RealPlaces::users(const PlaceOptions& options) {
    std::unique_ptr<files::FileOps> ops;
    const NfsCredentials self{geteuid(), getegid(), {}};
    if (!options.directory.empty()) {
        ops = BERTH_TRY(files::LocalOps::open(options.directory, "", self));
    } else {
        auto location = BERTH_TRY(location_of(options, options.server));
        ops = BERTH_TRY(options.files->mount(location, self, k_call_timeout));
    }
    auto entries = BERTH_TRY(ops->list(ops->root()));
    std::vector<std::string> users;
    for (const auto& entry : entries) {
        if (entry.name.starts_with('.')) continue;
        auto found = ops->lookup(ops->root(), entry.name);
        if (found && found->attributes.type == files::FileType::directory) users.push_back(entry.name);
    }
    std::ranges::sort(users);
    return users;
}

Result<files::FileHandle> find_vm(UserPlace& place, const std::string& vm) {
    auto folder = place.ops->lookup(place.ops->root(), vm);
    if (folder && folder->attributes.type == files::FileType::directory) {
        auto toml = place.ops->lookup(folder->handle, "machine.toml");
        if (toml) return folder->handle;
        if (!failed_as(toml, Condition::absent)) return fail(toml.error());
    } else if (!folder && !failed_as(folder, Condition::absent)) {
        return fail(folder.error());
    }
    return fail(ErrorCode::P27, "\"{}\" in {}", vm, place.where);
}

void UserPlace::wait_for_lost_writes(Clock& clock) const {
    if (files && local() == nullptr) files->wait_for_lost_writes(times.sweep_wait, clock);
}

Result<HeldLock> HeldLock::take(UserPlace& place, const std::string& vm, bool may_break,
                                const guest::UserDirectory::Waiting& waiting, Clock& clock) {
    auto me = BERTH_TRY(place.owner());
    HeldLock held;
    auto taken = place.directory->lock(
        vm, me, may_break, [](uint64_t, const std::string&) { return Status{}; }, waiting);
    if (!taken) return fail(taken.error().with_prefix(place.user + "/" + vm));
    held.place_ = &place;
    held.vm_ = vm;
    held.taken_ = std::move(*taken);
    held.times_ = place.times;
    held.clock_ = &clock;
    held.renewed_ = BootTime{clock.now().since_boot - place.times.renew};  // the first tick renews
    return held;
}

HeldLock::HeldLock(HeldLock&& other) noexcept
    : place_(std::exchange(other.place_, nullptr)),
      vm_(std::move(other.vm_)),
      taken_(std::move(other.taken_)),
      times_(other.times_),
      clock_(other.clock_),
      renewed_(other.renewed_) {}

HeldLock::~HeldLock() {
    (void)release();
}

Status HeldLock::tick() {
    if (place_ == nullptr || clock_->now() - renewed_ < times_.renew) return {};
    const auto renewed = place_->directory->renew(vm_, taken_.epoch, taken_.nonce);
    const auto good = lock::good_since(renewed);
    if (good) {
        renewed_ = *good;
        return {};
    }
    // No answer decides nothing, as long as the lease lasts.
    const bool lost = renewed && std::holds_alternative<lock::Lost>(*renewed);
    if (!lost && clock_->now() - renewed_ < times_.hold) return {};
    return fail(lost ? good.error() : Error(ErrorCode::K05, good.error().to_log()));
}

Status HeldLock::release() {
    UserPlace* place = std::exchange(place_, nullptr);
    if (place == nullptr) return {};
    place->wait_for_lost_writes(*clock_);
    std::string text;
    const auto config = guest::read_machine_config(*place->directory, vm_, text);
    return place->directory->release(
        vm_, taken_.epoch, taken_.nonce,
        config ? guest::recorded_disks(*config) : std::vector<lock::ConfiguredDisk>{});
}

}  // namespace berth::server
