// SPDX-License-Identifier: GPL-3.0-or-later
// What a session has made, written down before it is made (docs/architecture.md "Session state file"), so
// that a sweeper can finish the undo after a crash or a power cut.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/nfs_types.h"
#include "base/report.h"
#include "base/result.h"
#include "lock/record.h"

namespace berth::session {

struct LockState {
    uint64_t epoch = 0;
    std::string nonce;
    friend bool operator==(const LockState&, const LockState&) = default;
};

struct SessionState {
    std::string session, user, vm;
    NfsLocation location;
    std::optional<NfsLocation> shared;
    NfsCredentials credentials;
    std::optional<LockState> lock;
    std::vector<lock::ConfiguredDisk>
        disks;                          ///< For the lock's release; what came before this member has none.
    std::optional<std::string> domain;  ///< libvirt's UUID.
    std::optional<int64_t> volume_pid;
    std::optional<uint64_t> volume_start;  ///< Its starttime (proc(5) stat): the pid may be another's by now.
    std::string run_dir;
    std::vector<std::string> swap;
    std::string boot_id;
    std::vector<std::string> began;
    friend bool operator==(const SessionState&, const SessionState&) = default;
};

inline constexpr size_t k_max_state = 64 * 1024;

std::string format_state(const SessionState& state);
/// Untrusted when it comes from the provisioner (fuzzed): I04 names the field. Paths must be absolute and
/// free of "..".
Result<SessionState> parse_state(std::string_view text);

/// Holds flock(2) on one session's state: a live session, a sweeper, or a login that finishes it holds it,
/// never two.
class StateClaim {
  public:
    explicit StateClaim(UniqueFd fd) : fd_(std::move(fd)) {}
    /// For the session itself: StateStore::session_pid() tells our pid while this lives.
    Status sign() const;

  private:
    UniqueFd fd_;
};

/// The second place for a diskless client (docs/architecture.md "Provisioner: HTTP"). What comes from there is a
/// hint and not a right ("Session state file").
class RemoteState {
  public:
    virtual ~RemoteState() = default;
    virtual Status put(const std::string& name, std::string_view text) = 0;
    virtual Status remove(const std::string& name) = 0;
    virtual Result<std::map<std::string, std::string>> all() = 0;
};

/// The files in `folder`, with a copy of each at `remote` when it is not null. Whoever finishes a session finds the
/// files and no others: a state that only the provisioner tells of never releases, renews or kills anything. One
/// thread.
class StateStore {
  public:
    StateStore(std::string folder, RemoteState* remote, Report& report,
               std::string run_root = "/run/berth/vm", std::string swap_dir = "/var/lib/berth/swap")
        : folder_(std::move(folder)),
          remote_(remote),
          report_(report),
          run_root_(std::move(run_root)),
          swap_dir_(std::move(swap_dir)) {}

    /// Durable when it returns. A remote copy that fails is only reported: the lock is then broken like anyone's.
    Status save(const SessionState& state);
    Status remove(const std::string& session);

    struct Stored {
        std::string session;
        Result<SessionState> state;  ///< An unreadable file, or one that names what is not its session's, is
                                     ///< kept and told, never deleted.
    };
    /// Those in the folder, by session name.
    Result<std::vector<Stored>> list();
    /// After `ours` has taken its lock: removes from the provisioner what earlier boots of this client left there of
    /// the same VM below that lock. What fails is reported; a later session tries again.
    void forget_below(const SessionState& ours);

    /// As it is now; nullopt: it is gone. Read it after claiming: its session may have written on until
    /// it died.
    Result<std::optional<Stored>> load(const std::string& session);

    /// When claim() said that another holds it: the living session that signed it; nullopt for a sweeper.
    std::optional<pid_t> session_pid(const std::string& session) const;

    /// nullopt: another process holds it.
    Result<std::optional<StateClaim>> claim(const std::string& session);

    /// Deletes the claims that nobody holds and that have no state: of sessions that died before they made anything.
    void forget_empty_claims();

  private:
    std::string path(const std::string& session) const { return folder_ + "/" + session + ".json"; }
    std::string claim_path(const std::string& session) const { return folder_ + "/" + session + ".claim"; }

    std::string folder_;
    RemoteState* remote_;
    Report& report_;
    std::string run_root_, swap_dir_;
};

/// [A-Za-z0-9-]{1,32}: a name from outside must not leave the folder.
bool is_session_name(std::string_view name);

}  // namespace berth::session
