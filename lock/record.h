// SPDX-License-Identifier: GPL-3.0-or-later
// The contents of lock.<n> and last-used.<n> (docs/rules.md "A VM's directory"), and the lock's times: these
// values are here only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berth::lock {

/// Who takes a lock.
struct LockOwner {
    std::string client;  ///< Record id at the provisioner, else SMBIOS UUID and first MAC.
    std::string host;    ///< For people.
    std::string user;
    std::string boot_id;  ///< /proc/sys/kernel/random/boot_id
};

enum class LockMode { lease, declared };

/// JSON, one object, padded with spaces to k_lock_record_size so that a renewal is one WRITE of constant
/// size. It outlives versions: a change that a reader must understand raises `schema`, and a reader that does not
/// know it refuses the record; any other new member is ignored by whoever does not know it, and kept when the
/// record is written again (docs/decisions/0017-what-a-lock-record-may-gain.md).
struct LockRecord {
    LockOwner owner;
    std::string nonce;  ///< 32 hex digits, fresh for each attempt.
    uint64_t sequence = 0;
    LockMode mode = LockMode::lease;
    std::string since;  ///< RFC 3339, the client's clock; for people.
    /// The holder saw the claim above it and is closing the VM; for the people who wait.
    bool closing = false;
    /// 32 hex digits: which cache of this client belongs to what the disks hold now. A late copy of an earlier
    /// renewal can bring an earlier value back, until the next renewal.
    std::optional<std::string> cache;
    /// Members of another version: name, and value as JSON. Those that do not fit any more are left out.
    std::map<std::string, std::string> others;
};
/// Every record fits, whatever is in it: long texts are cut, and `others` go first.
inline constexpr size_t k_lock_record_size = 1024;

/// A disk of a VM's configuration whose bytes are in the VM's directory.
struct ConfiguredDisk {
    std::string name;  ///< As machine.toml names it.
    std::string path;  ///< Relative to the VM's directory.
    friend bool operator==(const ConfiguredDisk&, const ConfiguredDisk&) = default;
};

struct DiskIdentity {
    std::string name;  ///< ConfiguredDisk's. Releases of before had the file's name here.
    uint64_t fileid = 0, size = 0;
    int64_t mtime_ns = 0, ctime_ns = 0;
};

/// A released lock: its record, and the identity of each disk when the disks were released. Of one that is missing
/// nothing is known.
struct LastUsed {
    LockRecord record;
    uint64_t epoch = 0;
    std::vector<DiskIdentity> disks;
};

std::string format_lock_record(const LockRecord& record);
/// Untrusted input (fuzzed): K-error naming the field and its valid range.
Result<LockRecord> parse_lock_record(std::string_view text);

/// The same record with "disks" added: what lock.<n> holds from just before it is renamed, and last-used.<n>
/// after. At most 64 disks.
std::string format_last_used(const LastUsed& last);
/// `epoch` is the file name's and is left 0.
Result<LastUsed> parse_last_used(std::string_view text);
/// No lock record is larger; a longer file is not one.
inline constexpr size_t k_longest_lock_record = 64 * 1024;

struct LockTimes {
    std::chrono::milliseconds renew{10'000};  ///< Interval of renewals.
    std::chrono::milliseconds hold{
        60'000};  ///< The right to send ends so long after the moment before a good renewal's WRITE.
    std::chrono::milliseconds take_over{
        90'000};  ///< A taker above an existing lock writes nothing for so long after its LINK was answered.
    std::chrono::milliseconds sweep_wait{30'000};  ///< A client releases its own stale lock no earlier after
                                                   ///< its QEMU and berth-volume are gone.
};

}  // namespace berth::lock
