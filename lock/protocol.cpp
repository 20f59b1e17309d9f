// SPDX-License-Identifier: GPL-3.0-or-later
#include "lock/protocol.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "files/path_resolver.h"

namespace berth::lock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int k_attempts = 8;
constexpr uint32_t k_lock_file_mode =
    0644;  // Whoever wants the VM reads who has it; the directory decides who may.

std::string utc(std::chrono::system_clock::time_point t) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(t)));
}

}  // namespace

void remove_left_behind(files::FileOps& ops, const files::FileHandle& directory,
                        const std::vector<std::string>& names, int64_t now_ns) {
    constexpr size_t k_most = 64;
    constexpr int64_t k_age_ns = std::chrono::nanoseconds(k_left_behind).count();
    for (size_t i = 0; i < std::min(names.size(), k_most); i++) {
        auto found = ops.lookup(directory, names[i]);
        if (!found && !failed_as(found, Condition::absent)) return;
        if (!found || found->attributes.type != files::FileType::regular) continue;
        // Not by addition: a file's time may be anything.
        if (found->attributes.mtime_ns > now_ns - k_age_ns) continue;
        if (auto removed = ops.remove(directory, names[i]);
            !removed && !failed_as(removed, Condition::absent))
            return;
    }
}

LockProtocol::LockProtocol(files::FileOps& ops, files::FileHandle directory, LockTimes times, Clock& clock,
                           Report& report)
    : ops_(ops), directory_(std::move(directory)), times_(times), clock_(clock), report_(report) {}

/// For operations that may be asked again: as long as no answer comes, up to `hold`.
template <typename F>
auto LockProtocol::answered(F&& operation) -> decltype(operation()) {
    const BootTime deadline = clock_.now() + times_.hold;
    while (true) {
        auto result = operation();
        if (!failed_as(result, Condition::no_answer) || clock_.now() >= deadline || ops_.out_of_time())
            return result;
        clock_.sleep(std::min<Duration>(seconds(1), times_.renew));
    }
}

Result<LockNames> LockProtocol::names() {
    const auto entries = BERTH_TRY(answered([&] { return ops_.list(directory_); }));
    return lock_names(entries);
}

Result<std::optional<LockProtocol::Standing>> LockProtocol::standing(const std::string& name) {
    using Answer = Result<std::optional<Standing>>;
    return answered([&]() -> Answer {
        auto found = ops_.lookup(directory_, name);
        if (failed_as(found, Condition::absent)) return std::nullopt;
        if (!found) return fail(found.error());
        auto text = ops_.read(found->handle, 0, k_longest_lock_record);
        // Renamed or removed since the LOOKUP.
        if (failed_as(text, Condition::stale)) return std::nullopt;
        if (!text) return fail(text.error());
        auto contents = parse_last_used(*text);
        if (!contents) return fail(contents.error().with_prefix(name));
        return Standing{found->handle, found->attributes, std::move(*contents)};
    });
}

Result<std::optional<LockHolder>> LockProtocol::holder() {
    return holder_among(0, UINT64_MAX);
}

Result<std::optional<LockHolder>> LockProtocol::holder_below(uint64_t epoch) {
    return holder_among(0, epoch);
}

Result<std::optional<LockRecord>> LockProtocol::claim_above(uint64_t epoch) {
    auto claim = BERTH_TRY(holder_among(epoch, UINT64_MAX));
    if (!claim) return std::nullopt;
    return std::move(claim->record);
}

Result<std::optional<LockHolder>> LockProtocol::holder_among(uint64_t above, uint64_t below) {
    // A lock that is released between listing and reading does not count: look again.
    for (int i = 0; i < k_attempts; i++) {
        auto standing_names = BERTH_TRY(names());
        std::erase_if(standing_names.locks, [&](uint64_t n) { return n <= above || n >= below; });
        if (standing_names.locks.empty()) return std::nullopt;
        const uint64_t epoch = standing_names.highest_lock();
        auto lock = BERTH_TRY(standing(lock_name(epoch)));
        if (!lock) continue;
        auto age = clock_.wall().time_since_epoch() - std::chrono::nanoseconds(lock->attributes.mtime_ns);
        return LockHolder{lock->contents.record, epoch,
                          std::max(seconds(0), std::chrono::duration_cast<seconds>(age))};
    }
    return std::nullopt;
}

Result<files::FileHandle> LockProtocol::write_private(const std::string& name, const LockRecord& record) {
    auto made = answered([&]() -> Result<files::FileHandle> {
        auto file = ops_.create(directory_, name, k_lock_file_mode);
        // The name holds our nonce: if it is there, an earlier CREATE of ours made it.
        if (failed_as(file, Condition::exists)) return BERTH_TRY(ops_.lookup(directory_, name)).handle;
        return file;
    });
    if (!made) return made;
    BERTH_TRY(answered([&] { return ops_.write_sync(*made, 0, format_lock_record(record)); }));
    return made;
}

Result<std::optional<LockProtocol::Standing>> LockProtocol::link(const files::FileHandle& file,
                                                                 uint64_t epoch, const std::string& nonce) {
    const BootTime deadline = clock_.now() + times_.hold;
    while (true) {
        auto linked = ops_.link(file, directory_, lock_name(epoch));
        auto lock = BERTH_TRY(standing(lock_name(epoch)));
        if (lock && lock->contents.record.nonce == nonce) return lock;
        if (lock) return std::nullopt;
        // Nothing there: not executed, or already taken over and removed. The same LINK again can only do the
        // same.
        if (!linked && !failed_as(linked, Condition::no_answer) && !failed_as(linked, Condition::exists))
            return fail(linked.error());
        if (clock_.now() >= deadline) return fail(ErrorCode::M04, "{} could not be made", lock_name(epoch));
        clock_.sleep(std::min<Duration>(seconds(1), times_.renew));
        auto now = BERTH_TRY(names());
        if (now.highest() > epoch) return std::nullopt;
    }
}

Status LockProtocol::remove(const std::string& name) {
    auto removed = answered([&] { return ops_.remove(directory_, name); });
    if (failed_as(removed, Condition::absent)) return {};
    return removed;
}

Status LockProtocol::remove_all(const std::vector<uint64_t>& epochs, uint64_t below,
                                std::string (*name)(uint64_t)) {
    for (uint64_t epoch : epochs)
        if (epoch < below) BERTH_TRY(remove(name(epoch)));
    return {};
}

Result<LockNames> LockProtocol::wait_for_lower(uint64_t epoch, BootTime linked, const LockWaiting& waiting) {
    const BootTime over = linked + times_.take_over;
    while (true) {
        auto now = BERTH_TRY(names());
        if (now.highest_last_used() >= epoch || now.highest_lock() > epoch)
            return fail(ErrorCode::K02, "lock {} was passed while we waited", epoch);
        const bool alone = now.locks.empty() || now.locks.front() >= epoch;
        const Duration left = over - clock_.now();
        if (alone || left <= Duration(0)) break;
        if (waiting && !waiting(std::chrono::ceil<seconds>(left)))
            return fail(ErrorCode::K03, "claim {} is left behind", epoch);
        clock_.sleep(std::min<Duration>(left, seconds(1)));
    }
    auto last = names();
    if (!last) return last;
    if (last->highest_lock() != epoch || last->highest_last_used() >= epoch)
        return fail(ErrorCode::K02, "lock {} was passed", epoch);
    return last;
}

Result<TakenLock> LockProtocol::take(const LockOwner& owner, bool may_break, const LockIntent& intent,
                                     const LockWaiting& waiting) {
    // Who loses the race for a number looks again: then there is a lock, or the VM is free.
    for (int i = 0; i < k_attempts; i++) {
        auto taken = BERTH_TRY(attempt(owner, may_break, intent, waiting));
        if (taken) return *taken;
    }
    return fail(ErrorCode::K02, "{} attempts", k_attempts);
}

/// nullopt: lost the race for the number without a claim left, try anew.
Result<std::optional<TakenLock>> LockProtocol::attempt(const LockOwner& owner, bool may_break,
                                                       const LockIntent& intent, const LockWaiting& waiting) {
    auto before = BERTH_TRY(names());
    if (!may_break && !before.locks.empty()) {
        auto other = BERTH_TRY(holder());
        if (!other) return std::nullopt;  // released meanwhile
        return fail(ErrorCode::K01, "held by {} ({}) since {}", other->record.owner.host,
                    other->record.owner.user, other->record.since);
    }
    const uint64_t epoch = before.highest() + 1;
    LockRecord record{owner, make_nonce(), 0, LockMode::lease, utc(clock_.wall())};
    if (intent) BERTH_TRY(intent(epoch, record.nonce));

    const std::string private_name = ".lock-" + record.nonce;
    auto file = write_private(private_name, record);
    if (!file) {
        (void)remove(private_name);
        return fail(file.error());
    }
    auto ours = link(*file, epoch, record.nonce);
    // From here the wait counts: later than the answer to LINK, never earlier.
    const BootTime linked = clock_.now();
    BERTH_TRY(remove(private_name));
    if (!ours) return fail(ours.error());
    if (!*ours) return std::nullopt;

    auto standing_names = BERTH_TRY(names());
    if (standing_names.highest_last_used() >= epoch) {
        // The number was used up before our LINK executed. The last-used keeps the highest number, so ours
        // may go.
        BERTH_TRY(remove(lock_name(epoch)));
        return std::nullopt;
    }
    if (standing_names.highest_lock() > epoch)
        return fail(ErrorCode::K02, "lock {} is above our {}", standing_names.highest_lock(), epoch);
    if (standing_names.highest_lock() != epoch) return fail(ErrorCode::K05, "lock {} is gone", epoch);
    const bool broke = standing_names.locks.front() < epoch;
    if (broke && !may_break) {
        // It came late and below us; its owner loses by its own check. Waiting for it is what a taker does.
        report_.event(Level::warning, "a lower lock appeared", {{"epoch", std::to_string(epoch)}});
    }
    if (broke) standing_names = BERTH_TRY(wait_for_lower(epoch, linked, waiting));
    TakenLock taken{epoch, record.nonce, broke, std::nullopt};
    if (standing_names.highest_last_used() == epoch - 1 && epoch > 1) {
        auto predecessor = standing(last_used_name(epoch - 1));
        // One that cannot be read only means that nothing is known of who used the VM last.
        if (predecessor && *predecessor) {
            taken.predecessor = std::move((*predecessor)->contents);
            taken.predecessor->epoch = epoch - 1;
        }
    }
    BERTH_TRY(remove_all(standing_names.locks, epoch, lock_name));
    const BootTime deadline = clock_.now() + times_.hold;
    // Just read back behind our LINK, and only we write it: then the first try needs no other look at it.
    auto renewed = broke ? renew(epoch, record.nonce) : renew_known(epoch, **ours);
    if (!broke && failed_as(renewed, Condition::stale)) renewed = renew(epoch, record.nonce);
    while (true) {
        const auto good = good_since(renewed);
        if (good && clock_.now() - *good < times_.hold) {
            remove_left_behind(ops_, directory_, standing_names.private_files, (*ours)->attributes.mtime_ns);
            return taken;
        }
        if (const auto* claimed = renewed ? std::get_if<Claimed>(&*renewed) : nullptr)
            return fail(ErrorCode::K02, "{}", claimed->why);
        if (!good && !failed_as(good, Condition::no_answer)) return fail(good.error());
        if (clock_.now() >= deadline || ops_.out_of_time())
            return fail(ErrorCode::M04, "lock {} could not be renewed", epoch);
        clock_.sleep(std::min<Duration>(seconds(1), times_.renew));
        renewed = renew(epoch, record.nonce);
    }
}

Result<BootTime> good_since(const Result<Renewal>& renewed) {
    if (!renewed) return fail(renewed.error());
    if (const auto* good = std::get_if<GoodRenewal>(&*renewed)) return good->since;
    if (const auto* claimed = std::get_if<Claimed>(&*renewed))
        return fail(ErrorCode::K06, "{}", claimed->why);
    return fail(ErrorCode::K05, "{}", std::get<Lost>(*renewed).why);
}

Result<Renewal> LockProtocol::renew(uint64_t epoch, const std::string& nonce) {
    auto lock = ops_.lookup(directory_, lock_name(epoch));
    if (failed_as(lock, Condition::absent)) return Lost{fmt::format("lock {} is gone", epoch)};
    if (!lock) return fail(lock.error());
    auto text = BERTH_TRY(ops_.read(lock->handle, 0, k_longest_lock_record));
    auto contents = BERTH_TRY(parse_last_used(text));
    if (contents.record.nonce != nonce)
        return Lost{fmt::format("lock {} is {}'s", epoch, contents.record.owner.host)};
    return renew_known(epoch, {lock->handle, lock->attributes, std::move(contents)});
}

Result<Renewal> LockProtocol::renew_known(uint64_t epoch, const Standing& lock) {
    LockRecord raised = lock.contents.record;
    raised.sequence++;
    const BootTime before_write = clock_.now();
    // Nothing rests on the number: who looks at it sees a sign of life that is older than it could be. A server
    // that copies on write needs room also for bytes that replace others.
    if (auto written = ops_.write_sync(lock.handle, 0, format_lock_record(raised));
        !written && !failed_as(written, Condition::full))
        return fail(written.error());
    auto entries = BERTH_TRY(ops_.list(directory_));
    const LockNames standing_names = lock_names(entries);
    if (standing_names.highest_last_used() == epoch) return Lost{fmt::format("lock {} is used up", epoch)};
    // A claim, or one that was left or passed meanwhile: whoever owned a higher number had removed ours
    // first.
    const bool claimed = standing_names.highest() > epoch;
    auto again = ops_.lookup(directory_, lock_name(epoch));
    if (failed_as(again, Condition::absent)) return Lost{fmt::format("lock {} is gone", epoch)};
    if (!again) return fail(again.error());
    auto read_back = BERTH_TRY(ops_.read(again->handle, 0, k_longest_lock_record));
    auto record = BERTH_TRY(parse_lock_record(read_back));
    if (record.nonce != raised.nonce) return Lost{fmt::format("lock {} is {}'s", epoch, record.owner.host)};
    // What ours says is only worth a word to its user: the numbers in the directory never fall.
    if (claimed) return Claimed{fmt::format("number {} above our {}", standing_names.highest(), epoch)};
    return GoodRenewal{before_write};
}

Status LockProtocol::say_closing(uint64_t epoch, const std::string& nonce) {
    auto lock = BERTH_TRY(standing(lock_name(epoch)));
    if (!lock || lock->contents.record.nonce != nonce)
        return fail(ErrorCode::K05, "lock {} is not ours", epoch);
    LockRecord record = lock->contents.record;
    record.sequence++;
    record.closing = true;
    return ops_.write_sync(lock->handle, 0, format_lock_record(record));
}

Result<std::vector<DiskIdentity>> LockProtocol::identities(const std::vector<ConfiguredDisk>& disks) {
    std::vector<DiskIdentity> found;
    for (const ConfiguredDisk& disk : disks) {
        const auto file = answered([&] { return files::resolve_path(ops_, directory_, {}, disk.path); });
        // What a user did to a disk's file must not keep the lock.
        if (failed_as(file, Condition::no_answer) || failed_as(file, Condition::unreachable) ||
            failed_as(file, Condition::cancelled))
            return fail(file.error());
        if (!file || file->attributes.type != files::FileType::regular) continue;
        const files::Attributes& a = file->attributes;
        found.push_back({disk.name, a.fileid, a.size, std::max<int64_t>(a.mtime_ns, 0),
                         std::max<int64_t>(a.ctime_ns, 0)});
    }
    return found;
}

Status LockProtocol::release(uint64_t epoch, const std::string& nonce,
                             const std::vector<ConfiguredDisk>& disks) {
    const Fields fields = {{"epoch", std::to_string(epoch)}};
    const BootTime deadline = clock_.now() + times_.hold;
    const auto is_ours = [&](const std::optional<Standing>& s) {
        return s && s->contents.record.nonce == nonce;
    };
    // No answer to RENAME is believed: whose nonce is where says what was done.
    bool renamed = false;
    while (true) {
        auto lock = BERTH_TRY(standing(lock_name(epoch)));
        if (!is_ours(lock) || renamed) {
            auto last = BERTH_TRY(standing(last_used_name(epoch)));
            if (!is_ours(lock) && is_ours(last)) break;
            if (!is_ours(lock)) {
                report_.event(Level::warning, "lock was taken over", fields);
                return {};
            }
            // Both names are one file, by a late copy of our LINK: RENAME does nothing (RFC 1813 3.3.14). The
            // last-used keeps the number.
            if (is_ours(last)) {
                BERTH_TRY(remove(lock_name(epoch)));
                continue;
            }
        }
        if (clock_.now() >= deadline) return fail(ErrorCode::M04, "lock {} could not be released", epoch);
        auto found = BERTH_TRY(identities(disks));
        LastUsed last = lock->contents;
        last.disks = std::move(found);
        last.record.closing = false;
        // Without room it keeps what the lock says, and the next holder knows nothing of the disks.
        auto written = answered([&] { return ops_.write_sync(lock->handle, 0, format_last_used(last)); });
        if (!written && !failed_as(written, Condition::full)) return fail(written.error());
        auto answer = ops_.rename(directory_, lock_name(epoch), last_used_name(epoch));
        renamed = true;
        if (!answer && !failed_as(answer, Condition::no_answer) && !failed_as(answer, Condition::absent))
            return answer;
    }
    auto now = BERTH_TRY(names());
    BERTH_TRY(remove_all(now.last_used, epoch, last_used_name));
    report_.event(Level::info, "lock released", fields);
    return {};
}

}  // namespace berth::lock
