// SPDX-License-Identifier: GPL-3.0-or-later
// Starting other programs: never through a shell, with a clean environment, every descriptor closed but the
// named ones.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace berth {

struct SpawnOptions {
    std::vector<std::string> arguments;  ///< arguments[0] is the program, an absolute path or found by PATH.
    std::map<std::string, std::string> environment;  ///< All of it; PATH is added when missing.
    std::map<int, int>
        descriptors;           ///< Child's number -> ours. 0, 1, 2 default to /dev/null, /dev/null, inherit.
    std::optional<uid_t> uid;  ///< With gid and groups, set in the child before exec.
    std::optional<gid_t> gid;
    std::vector<gid_t> groups;
    std::vector<int>
        ambient_capabilities;      ///< Kept over exec for `uid` (capabilities(7)), e.g. CAP_NET_BIND_SERVICE.
    bool new_session = false;      ///< setsid(2).
    bool die_with_parent = false;  ///< PR_SET_PDEATHSIG SIGKILL.
};

/// A child process. Destroying one that was not waited for or released kills it (SIGKILL) and reaps it. One
/// thread.
class Child {
  public:
    Child() = default;
    Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
    Child& operator=(Child&& other) noexcept;
    ~Child();

    pid_t pid() const { return pid_; }
    /// Readable (poll) once the child is gone (pidfd_open(2)).
    int pidfd() const { return pidfd_.get(); }
    bool running() const { return pid_ > 0; }
    void signal(int number) const;
    /// Waits at most `timeout` (none: for ever) and returns the wait status (waitpid(2)); nullopt: still
    /// running.
    std::optional<int> wait(std::optional<Duration> timeout = std::nullopt);
    /// Lets it live on without us; its pid.
    pid_t release();

  private:
    pid_t pid_ = -1;
    UniqueFd pidfd_;
};

/// Starts it. An exec that fails is reported here (I02), not by a child's exit code.
Result<Child> spawn(const SpawnOptions& options);

struct Output {
    int exit_code;  ///< 128 + signal when killed.
    std::string out, err;
};

/// Runs to the end with bounded time (I05) and output (1 MiB each, the rest is dropped).
Result<Output> run(SpawnOptions options, Duration timeout, std::string_view input = {});
/// The same, and any exit code but 0 is I02 naming the program, the code and the last line of its error
/// output.
Result<std::string> run_checked(SpawnOptions options, Duration timeout, std::string_view input = {});

}  // namespace berth
