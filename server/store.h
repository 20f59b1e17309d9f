// SPDX-License-Identifier: GPL-3.0-or-later
// The provisioner's database: SQLite through SOCI, in WAL mode, with a 5 s busy timeout. berth-provisioner
// and berthctl open the same file at once; every change is one IMMEDIATE transaction. The schema's number is
// SQLite's user_version; an older file is brought forward step by step when it is opened, a newer one is
// refused. Errors: P02 no such machine, P07 taken, P08 too many, P04 all else.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "server/machine.h"
#include "server/status.h"

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

/// Any thread; a mutex lets one in at a time (a request's statements take well under a millisecond).
class Store {
  public:
    /// Opens or makes the file (mode 0600).
    static Result<std::unique_ptr<Store>> open(const std::string& file, Clock& clock);
    ~Store();

    Result<Policy> policy();
    Status set_policy(const Policy& policy);

    Result<std::vector<Machine>> machines();
    /// Who asks at boot: the machine with this MAC; else the one recorded with this UUID and without any MAC.
    Result<std::optional<Machine>> find_at_boot(const std::string& mac, const std::string& uuid);
    /// By id, name or MAC, as an admin types it. P02.
    Result<Machine> find(std::string_view word);

    /// Adds it under a fresh id, which is returned in the machine. An empty name becomes "berth-" and the
    /// first MAC's digits (or the UUID's first ones).
    Result<Machine> add(Machine machine);
    /// Reads the machine, lets `change` alter it, writes what an admin owns (name, MACs, UUID, enabled,
    /// marked, settings) in the same transaction. `change` may run under the database's write lock only
    /// briefly.
    Status update(const std::string& id, const std::function<Status(Machine&)>& change);
    Status remove(const std::string& id);

    /// A client was told to run: its token becomes good, the oldest beyond k_kept_tokens go.
    Status add_token(const std::string& id, const std::string& token);
    /// P03 unless the token is the machine's.
    Status check_token(const std::string& id, std::string_view token);
    /// /v1/boot was asked: last seen, platform, serial, stage "ipxe".
    Status seen_at_boot(const std::string& id, Platform platform, const std::string& serial);
    Status post_status(const std::string& id, const StatusPost& post);

    Result<std::vector<std::string>> state_names(const std::string& id);
    Result<std::optional<std::string>> state(const std::string& id, const std::string& name);
    Status put_state(const std::string& id, const std::string& name, const std::string& body);
    Status remove_state(const std::string& id, const std::string& name);

  private:
    Store(std::unique_ptr<soci::session> session, Clock& clock);
    template <typename F>
    auto with(F&& work, bool writes) -> decltype(work());

    std::mutex mutex_;
    std::unique_ptr<soci::session> session_;
    Clock& clock_;
};

}  // namespace berth::server
