// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/guard.h"

#include <algorithm>
#include <utility>

#include "files/nfs/rpc_connection.h"
#include "files/path_resolver.h"

namespace berth::volume {
namespace {

using std::chrono::milliseconds;

constexpr Duration k_retry = std::chrono::seconds(1);
constexpr Duration k_patience = std::chrono::seconds(5);
constexpr milliseconds k_tell{5000};            // To read a claim, and to answer it.
constexpr Duration k_look = milliseconds(250);  // How soon the loss of an idle connection is noticed.

}  // namespace

Guard::Guard(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report,
             Connector& connector, Deliver deliver)
    : config_(config),
      lease_(lease),
      clock_(clock),
      report_(report),
      connector_(connector),
      deliver_(std::move(deliver)) {}

Result<std::vector<ServedFile>> Guard::find_files(Session& user, Session* shared) {
    auto directory = BERTH_TRY(user.ops().lookup(user.ops().root(), config_.vm));
    if (!vm_directory_.empty() && directory.handle != vm_directory_)
        return fail(ErrorCode::M10, "{} is another directory", config_.vm);
    vm_directory_ = directory.handle;
    files::SharedTree tree;
    if (shared) tree = {&shared->ops(), config_.shared->directory};
    std::vector<ServedFile> files;
    for (size_t i = 0; i < config_.disks.size(); i++) {
        const VolumeDisk& disk = config_.disks[i];
        if (disk.mode == DiskMode::local) continue;
        auto found = files::resolve_path(user.ops(), directory.handle, tree, disk.path);
        if (!found) return fail(found.error().with_prefix("disk " + disk.name));
        if (found->attributes.type != files::FileType::regular)
            return fail(ErrorCode::V02, "disk {}: \"{}\" is not a regular file", disk.name, disk.path);
        if (found->shared && !disk.read_only)
            return fail(ErrorCode::C04, "disk {}: a file of the shared tree must be read-only", disk.name);
        files.push_back({i, found->shared, found->handle, found->attributes});
    }
    return files;
}

/// What a crashed owner wrote and never committed is read like everything else, and would be gone after the
/// server's next restart. A COMMIT is for the whole file, whoever wrote it (RFC 1813 3.3.21). Its verifier does
/// not matter: what a restart took before, nobody here has read.
Status Guard::settle_files(Session& user) {
    for (const ServedFile& file : files_) {
        const VolumeDisk& disk = config_.disks[file.disk];
        if (disk.read_only) continue;
        if (auto committed = user.ops().commit(file.handle); !committed)
            return fail(committed.error().with_prefix("disk " + disk.name));
    }
    return {};
}

Status Guard::open() {
    // An answer to a renewal that comes later than the lease would hold is of no use.
    session_ = BERTH_TRY(connector_.mount(false, config_.hold));
    user_root_ = session_->ops().root();
    // The disks are looked for on the connections that will carry their blocks. That the lock's own leads to
    // the same directory, its renewal shows.
    opened_[false] = BERTH_TRY(session_->another());
    if (config_.shared) {
        auto mounted = connector_.mount(true, config_.hold);
        if (!mounted) return fail(mounted.error().with_prefix("shared files"));
        opened_[true] = std::move(*mounted);
        shared_root_ = opened_[true]->ops().root();
    }
    files_ = BERTH_TRY(find_files(*opened_[false], opened_[true].get()));
    BERTH_TRY(settle_files(*opened_[false]));
    lock_.emplace(session_->ops(), vm_directory_, lock::LockTimes{config_.renew, config_.hold}, clock_,
                  report_);
    BERTH_TRY(lock::good_since(renew()));
    next_renewal_ = clock_.now() + config_.renew;
    return {};
}

void Guard::want_line(bool shared) {
    std::lock_guard lock(mutex_);
    wanted_[shared]++;
}

std::optional<lock::LockOwner> Guard::claimant() const {
    std::lock_guard lock(mutex_);
    return claimant_;
}

std::optional<BootTime> Guard::silent_since() const {
    std::lock_guard lock(mutex_);
    return silent_since_;
}

/// A line that blocks may be sent on: to the same root, directory and files as ever.
Status Guard::connect(bool shared) {
    const Duration patience = std::min<Duration>(config_.hold, std::max<Duration>(config_.renew, k_patience));
    // The first one exists since open(). One that was made anew meanwhile was not seen to lead to every disk.
    if (auto opened = std::exchange(opened_[shared], nullptr)) {
        opened->notice_loss();
        opened->set_timeout(patience);
        if (opened->connected() && opened->connections() == 1) return deliver(shared, *opened);
    }
    auto made = BERTH_TRY(connector_.mount(shared, patience));
    if (made->ops().root() != (shared ? shared_root_ : user_root_))
        return fail(ErrorCode::M10, "the exported directory is another one");
    if (!shared) {
        auto directory = BERTH_TRY(made->ops().lookup(made->ops().root(), config_.vm));
        if (directory.handle != vm_directory_)
            return fail(ErrorCode::M10, "{} is another directory", config_.vm);
    }
    for (const auto& file : files_) {
        if (file.shared != shared) continue;
        auto now = BERTH_TRY(made->ops().attributes(file.handle));
        if (now.fileid != file.attributes.fileid)
            return fail(ErrorCode::M10, "disk {} is another file", config_.disks[file.disk].name);
    }
    return deliver(shared, *made);
}

Status Guard::deliver(bool shared, Session& session) {
    auto limits = BERTH_TRY(session.ops().limits());
    report_.event(Level::info, "connected", {{"to", session.place()}});
    deliver_(shared, session.take_line(limits));
    return {};
}

template <typename F>
auto Guard::on_lock(F&& calls) -> decltype(calls()) {
    const uint64_t lost = session_->lost_writes();
    try {
        auto result = calls();
        if (session_->lost_writes() != lost) lost_on_lock();
        last_call_ = clock_.now();
        return result;
    } catch (...) {
        lost_on_lock();  // It may have been.
        throw;
    }
}

void Guard::lost_on_lock() {
    lease_.connection_lost();
    tell();
}

/// Between renewals that are far apart, and under a claim.
void Guard::keep_lock_alive() {
    if (session_->connected() && clock_.now() - last_call_ >= files::k_longest_idle)
        (void)on_lock([&] { return session_->ping(); });
}

Result<lock::Renewal> Guard::renew() {
    {
        std::lock_guard lock(mutex_);
        if (!silent_since_) silent_since_ = clock_.now();
    }
    tell();
    const uint64_t begun = lease_.begin_renewal();
    // What is known later than that is of no use.
    session_->ops().set_deadline(clock_.now() + config_.hold);
    auto renewed = on_lock([&] { return lock_->renew(config_.epoch, config_.nonce); });
    session_->ops().set_deadline(std::nullopt);
    if (const auto since = lock::good_since(renewed)) {
        lease_.renewed(*since, begun);
        {
            std::lock_guard lock(mutex_);
            silent_since_.reset();
        }
        tell();
    }
    return renewed;
}

void Guard::renewal_failed(const Result<lock::Renewal>& renewed) {
    const Error error = lock::good_since(renewed).error();
    if (renewed && std::holds_alternative<lock::Claimed>(*renewed)) {
        claimed(error);
    } else if (renewed) {
        report_.error("lock lost", error);
        lease_.lose_for_good();
        tell();
    } else if (!failing_ && error.condition() != Condition::cancelled) {
        report_.error("lease not renewed", error);
    }
    failing_ = true;
}

/// No renewal can be good any more: from here on only what is left of the lease counts, and there is nothing
/// to keep.
void Guard::claimed(const Error& error) {
    lock::LockOwner owner;
    // The lease runs out meanwhile, and only people are told anything here.
    const milliseconds patience = std::min<milliseconds>(config_.hold, k_tell);
    session_->set_timeout(patience);
    lock_.emplace(session_->ops(), vm_directory_, lock::LockTimes{config_.renew, patience}, clock_, report_);
    auto claim = on_lock([&] { return lock_->claim_above(config_.epoch); });
    if (claim && *claim) owner = (*claim)->owner;
    {
        std::lock_guard lock(mutex_);
        claimant_ = owner;
        silent_since_.reset();
    }
    lease_.claimed();
    tell();
    report_.event(
        Level::warning, "lock claimed",
        {{"by", owner.host},
         {"what", error.to_log()},
         {"left_ms", std::to_string(std::chrono::duration_cast<milliseconds>(lease_.left()).count())}});
    if (auto said = on_lock([&] { return lock_->say_closing(config_.epoch, config_.nonce); }); !said)
        report_.error("the claimer is not told", said.error());
}

BootTime Guard::step() {
    if (lease_.lost_for_good()) return k_never;
    session_->notice_loss();
    // What a new connection leads to is looked at, though the lease need not wait for it.
    if (!session_->connected() || !lease_.may_send()) next_renewal_ = std::min(next_renewal_, clock_.now());
    // Under a claim no renewal counts.
    if (lease_.is_claimed()) {
        keep_lock_alive();
        return clock_.now() + k_look;
    }
    if (clock_.now() < next_renewal_) {
        keep_lock_alive();
        return std::min(clock_.now() + k_look, next_renewal_);
    }
    const auto renewed = renew();
    if (!lock::good_since(renewed)) {
        renewal_failed(renewed);
        return clock_.now() + k_retry;
    }
    if (failing_) report_.event(Level::info, "lease renewed again");
    failing_ = false;
    next_renewal_ = clock_.now() + config_.renew;
    return std::min(clock_.now() + k_look, next_renewal_);
}

BootTime Guard::step_lines(bool shared) {
    {
        std::lock_guard lock(mutex_);
        if (wanted_[shared] == 0 || lease_.lost_for_good()) return k_never;
    }
    // A server that takes connections and ends them at once is not asked more often either.
    if (clock_.now() < next_line_[shared]) return next_line_[shared];
    if (auto made = connect(shared)) {
        // Counted, not cleared: what we delivered may have broken already, and be wished for again.
        std::lock_guard lock(mutex_);
        wanted_[shared]--;
    } else if (made.error().condition() != Condition::cancelled) {
        report_.error("not connected", made.error());
    }
    return next_line_[shared] = clock_.now() + k_retry;
}

}  // namespace berth::volume
