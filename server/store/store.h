// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's database: SQLite through SOCI, in WAL mode. berth-provisioner and berthctl open the same
// file at once; every change is one IMMEDIATE transaction, and waits for others' changes no longer than the
// patience that open() was given. Reads have a connection of their own and wait for no change, so they work
// while another process holds the write lock and while the disk is full. The schema's number is SQLite's
// user_version; an older file is brought forward step by step when it is opened, a newer one is refused.
// Errors: P02 no such machine, P07 taken, P08 too many, P04 all else.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "server/model/machine.h"
#include "server/model/machine_identity.h"
#include "server/model/status.h"

namespace soci {
class session;
}

namespace berth::server {

inline constexpr size_t k_max_state_files = 32;         ///< Per machine.
inline constexpr size_t k_max_state_bytes = 64 * 1024;  ///< Each.
/// So many of a machine's boot tokens stay good, for a second /v1/boot must not cut off a client that runs.
inline constexpr size_t k_kept_tokens = 4;
/// Discover and enrol stop here: an unknown MAC costs its sender nothing.
inline constexpr size_t k_max_machines = 100'000;
/// So many conflicts are kept for a record, the latest.
inline constexpr int k_max_conflicts = 16;

/// Any thread; one reads and one writes at a time (a request's statements take well under a millisecond).
class Store {
  public:
    /// Opens or makes the file (mode 0600).
    static Result<std::unique_ptr<Store>> open(const std::string& file, Clock& clock,
                                               std::chrono::milliseconds patience = std::chrono::seconds(5));
    ~Store();

    Result<Policy> policy();
    Status set_policy(const Policy& policy);

    Result<std::vector<Machine>> machines();
    /// Who asks at boot (server/model/machine_identity.h), and the record if it is one's own. A read.
    struct Identified {
        Identification who;
        std::optional<Machine> machine;
    };
    Result<Identified> identify(const Hardware& seen);
    /// The same once more under the write lock, then the record learns what it lacks. Of two machines that
    /// ask at once with one MAC, the second finds here what the first has left.
    Result<Identified> learn(const Hardware& seen);
    /// Another machine than this record's asked with something of it.
    Status note_conflict(const std::string& id, const Hardware& seen);
    /// The latest first.
    Result<std::vector<Conflict>> conflicts();
    /// Moves the record to other hardware: MACs, UUID and serial are those that `hardware` gives; tokens,
    /// facts and conflicts of the old go. With `from` they are that record's, which is removed. `check` sees
    /// the record and that other one (or null) first, in the same transaction.
    Status replace(const std::string& id, const Machine& hardware, const std::string& from,
                   const std::function<Status(const Machine&, const Machine*)>& check);
    /// By id, name or MAC, as an admin types it. P02.
    Result<Machine> find(std::string_view word);

    /// Adds it under a fresh id, which is returned in the machine. An empty name becomes "berth-" and the
    /// first MAC's digits (or the UUID's first ones).
    Result<Machine> add(Machine machine);
    /// Reads the machine, lets `change` alter it, writes what an admin owns (name, MACs, UUID, serial,
    /// enabled, marked, settings) in the same transaction. `change` may run under the database's write lock
    /// only briefly.
    Status update(const std::string& id, const std::function<Status(Machine&)>& change);
    Status remove(const std::string& id);

    /// A client was told to run: its token becomes good, the oldest beyond k_kept_tokens go. `image` and
    /// `site`: the builds that it was told ("NAME/BUILD"; empty: none), which stay as long as the token.
    Status add_token(const std::string& id, const std::string& token, const std::string& image = {},
                     const std::string& site = {});
    /// Calls `remove` for each of `builds` that no token refers to, in one transaction: a token that is added
    /// meanwhile is seen, or is added when `remove` has been called. `remove` must be brief.
    Status release_builds(const std::vector<std::string>& builds,
                          const std::function<Status(const std::string& build)>& remove);
    /// P03 unless the token is the machine's.
    Status check_token(const std::string& id, std::string_view token);
    /// /v1/boot was asked: last seen, platform, stage "ipxe".
    Status seen_at_boot(const std::string& id, Platform platform);
    /// Stage "again" counts a further boot of this machine (server/boot/decision.h), stage "prompt" ends the
    /// count. Facts that say that the machine's request to make its data partition anew was carried out
    /// (`data.remade`) turn that setting into "auto".
    Status post_status(const std::string& id, const StatusPost& post);
    Status forget_again(const std::string& id);

    Result<std::vector<std::string>> state_names(const std::string& id);
    Result<std::optional<std::string>> state(const std::string& id, const std::string& name);
    Status put_state(const std::string& id, const std::string& name, const std::string& body);
    Status remove_state(const std::string& id, const std::string& name);

  private:
    Store(std::unique_ptr<soci::session> writing, std::unique_ptr<soci::session> reading, Clock& clock,
          std::chrono::milliseconds patience);
    template <typename F>
    auto read(F&& work);
    template <typename F>
    auto write(F&& work) -> decltype(work(std::declval<soci::session&>()));

    std::mutex reading_;
    std::timed_mutex writing_;
    std::unique_ptr<soci::session> reads_, writes_;
    Clock& clock_;
    std::chrono::milliseconds patience_;
};

}  // namespace berth::server
