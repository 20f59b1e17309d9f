// SPDX-License-Identifier: GPL-3.0-or-later
// The lock of one VM's directory, step by step, over any FileOps (docs/rules.md "Lock", "Taking over", "Lease";
// tests/model/lock.pml is the same protocol). A reply may be lost and a call may execute late: no answer
// EXIST or NOENT is believed, the file of that name is read. One thread; every wait goes through the
// Clock.
//
// Private files (is_private_name) go with the call that their maker makes last. One that stays, because a
// reply was lost, a CREATE came late or a client died, is removed by a later holder of the lock, behind its
// first good renewal, when it is k_left_behind older than that holder's own lock by the server's time. No
// living client needs one so long: CREATE, WRITE and LINK (or RENAME) have at most `hold` each. Safety does
// not rest on that: a claimer whose private file is gone cannot LINK, which is a LINK that is never executed
// (tests/model/lock.pml).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/report.h"
#include "files/file_ops.h"
#include "lock/names.h"
#include "lock/record.h"

namespace berth::lock {

/// A lock that somebody holds, for the break dialogue.
struct LockHolder {
    LockRecord record;
    uint64_t epoch = 0;
    /// Server's age of the lock's last renewal; a hint for people only (docs/rules.md "Taking over").
    std::chrono::seconds last_sign_of_life{0};
};

/// The lock as taken: epoch and nonce identify it for ever.
struct TakenLock {
    uint64_t epoch = 0;
    std::string nonce;
    bool broke = false;  ///< There was a lower lock when ours was linked.
    /// last-used.<epoch - 1>, if that is who used the VM before us.
    std::optional<LastUsed> predecessor;
};

/// Called with the number and the nonce of a claim before it is made; its error is returned, and none is.
using LockIntent = std::function<Status(uint64_t epoch, const std::string& nonce)>;
/// Called about every second with what is left of the wait for a lower lock; false ends the wait.
using LockWaiting = std::function<bool(std::chrono::seconds left)>;

inline constexpr std::chrono::minutes k_left_behind{15};

/// Removes the private files among `names` that are k_left_behind older than `now_ns`, a moment of the
/// server's own time; as far as the server lets us, and no more than a few dozen at a time.
void remove_left_behind(files::FileOps& ops, const files::FileHandle& directory,
                        const std::vector<std::string>& names, int64_t now_ns);

/// What one try to renew found; an answer that did not come is an error instead.
struct GoodRenewal {
    BootTime since;  ///< The moment before its WRITE was sent, from which the right to send counts.
};
/// Ours stands, with a claim (or what one left) above it: no renewal can be good any more.
struct Claimed {
    std::string why;
};
/// Somebody else's for good.
struct Lost {
    std::string why;
};
using Renewal = std::variant<GoodRenewal, Claimed, Lost>;
/// For whom only a good one will do, and K06 or K05 is said otherwise.
Result<BootTime> good_since(const Result<Renewal>& renewed);

class LockProtocol {
  public:
    LockProtocol(files::FileOps& ops, files::FileHandle directory, LockTimes times, Clock& clock,
                 Report& report);

    Result<LockNames> names();
    Result<std::optional<LockHolder>> holder();
    Result<TakenLock> take(const LockOwner& owner, bool may_break, const LockIntent& intent,
                           const LockWaiting& waiting);
    /// `disks` are the configured ones; last-used.<n> gets the identity of those that are files of this directory, and
    /// one that is not found is missing there. Works on a server without room too: the name is what releases, and
    /// what could not be written of the disks is missing.
    Status release(uint64_t epoch, const std::string& nonce, const std::vector<ConfiguredDisk>& disks);

    /// One good renewal: WRITE of a raised sequence number, a listing in which ours is the highest of all,
    /// lock.<n> read by name with our nonce. A WRITE that fails for lack of room does not spoil it: safety
    /// rests on the listing behind the moment before it (tests/model/lock.pml). Any other failed WRITE does.
    /// An error: not renewed, try again.
    Result<Renewal> renew(uint64_t epoch, const std::string& nonce);

    /// The highest lock above `epoch`, as its owner made it; nullopt: none.
    Result<std::optional<LockRecord>> claim_above(uint64_t epoch);
    /// Says in our own lock that its holder is closing the VM (docs/architecture.md "Moving a session"). No renewal, and not needed
    /// for safety. K05 when the lock is not ours.
    Status say_closing(uint64_t epoch, const std::string& nonce);
    /// The highest lock below `epoch`: whom a claim waits for; nullopt: none any more.
    Result<std::optional<LockHolder>> holder_below(uint64_t epoch);

  private:
    struct Standing {
        files::FileHandle handle;
        files::Attributes attributes;
        LastUsed contents;
    };
    /// The lock file `name`; nullopt: there is none. Asks again while no answer comes, for as long as `hold`.
    Result<std::optional<Standing>> standing(const std::string& name);
    Result<std::optional<LockHolder>> holder_among(uint64_t above, uint64_t below);
    Result<std::optional<TakenLock>> attempt(const LockOwner& owner, bool may_break, const LockIntent& intent,
                                             const LockWaiting& waiting);
    Result<files::FileHandle> write_private(const std::string& name, const LockRecord& record);
    /// LINKs until `lock.<epoch>` is read back: it as it stands with our nonce; nullopt: another's, or
    /// passed.
    Result<std::optional<Standing>> link(const files::FileHandle& file, uint64_t epoch,
                                         const std::string& nonce);
    /// A renewal of a lock whose record, as it stands in `lock`, nobody but us can have changed since.
    Result<Renewal> renew_known(uint64_t epoch, const Standing& lock);
    /// Until no lock below ours is left or the time of the take-over has passed; then the names as they
    /// are.
    Result<LockNames> wait_for_lower(uint64_t epoch, BootTime linked, const LockWaiting& waiting);
    Status remove_all(const std::vector<uint64_t>& epochs, uint64_t below, std::string (*name)(uint64_t));
    Status remove(const std::string& name);
    Result<std::vector<DiskIdentity>> identities(const std::vector<ConfiguredDisk>& disks);
    template <typename F>
    auto answered(F&& operation) -> decltype(operation());

    files::FileOps& ops_;
    files::FileHandle directory_;
    LockTimes times_;
    Clock& clock_;
    Report& report_;
};

}  // namespace berth::lock
