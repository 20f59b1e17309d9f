// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace berth {
namespace {

constexpr size_t k_max_output = 1 << 20;

/// Everything between fork and exec; async-signal-safe but for the capability calls, which only allocate
/// (single-threaded child). Returns only on failure, with errno set.
void become(const SpawnOptions& o, pid_t parent, char* const* argv, char* const* envp,
            std::vector<std::pair<int, int>>& wanted, int error_fd) noexcept {
    if (o.new_session) setsid();
    // Move every wanted descriptor out of the way first, so that no dup2 below overwrites one still needed.
    int top = error_fd;
    for (auto& [child, ours] : wanted) top = std::max({top, child, ours});
    const int error_high = fcntl(error_fd, F_DUPFD_CLOEXEC, top + 1);
    if (error_high < 0) return;
    for (auto& [child, ours] : wanted) {
        ours = fcntl(ours, F_DUPFD_CLOEXEC, top + 1);
        if (ours < 0) return;
    }
    int last = 2;
    for (auto& [child, ours] : wanted) {
        if (dup2(ours, child) < 0) return;
        last = std::max(last, child);
    }
    for (int fd = 3; fd <= last; ++fd) {
        bool keep = false;
        for (auto& [child, ours] : wanted) keep = keep || child == fd;
        if (!keep && fd != error_high) close(fd);
    }
    syscall(SYS_close_range, static_cast<unsigned>(last + 1), ~0U, CLOSE_RANGE_CLOEXEC);
    for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    if (o.uid) {
        if (!o.ambient_capabilities.empty() && prctl(PR_SET_KEEPCAPS, 1) != 0) return;
        if (setgroups(o.groups.size(), o.groups.data()) != 0) return;
        if (setresgid(o.gid.value_or(*o.uid), o.gid.value_or(*o.uid), o.gid.value_or(*o.uid)) != 0) return;
        if (setresuid(*o.uid, *o.uid, *o.uid) != 0) return;
        if (!o.ambient_capabilities.empty()) {
            cap_t caps = cap_init();
            std::vector<cap_value_t> list(o.ambient_capabilities.begin(), o.ambient_capabilities.end());
            const int count = static_cast<int>(list.size());
            if (caps == nullptr || cap_set_flag(caps, CAP_PERMITTED, count, list.data(), CAP_SET) != 0 ||
                cap_set_flag(caps, CAP_EFFECTIVE, count, list.data(), CAP_SET) != 0 ||
                cap_set_flag(caps, CAP_INHERITABLE, count, list.data(), CAP_SET) != 0 ||
                cap_set_proc(caps) != 0)
                return;
            cap_free(caps);
            for (int c : o.ambient_capabilities)
                if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0) return;
        }
    }
    // Only now: a change of user clears it (prctl(2)). A parent that died meanwhile sends nothing any more.
    if (o.die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
        if (getppid() != parent) _exit(127);
    }
    execvpe(argv[0], argv, envp);
}

struct Pipe {
    UniqueFd read, write;
};

/// Writes `input` to the first pipe and reads the two others until they are closed. False: not until `end`.
bool exchange(Pipe (&pipes)[3], std::string_view input, BootTime end, Output& output) {
    SystemClock clock;
    // A write to a child that closed its input must be EPIPE, not a signal for this process.
    struct sigaction ignore{}, before{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before);
    bool timed_out = false;
    while (pipes[1].read || pipes[2].read) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
        pollfd p[3] = {{.fd = pipes[0].write.get(), .events = POLLOUT, .revents = 0},
                       {.fd = pipes[1].read.get(), .events = POLLIN, .revents = 0},
                       {.fd = pipes[2].read.get(), .events = POLLIN, .revents = 0}};
        if (left <= 0 || poll(p, 3, static_cast<int>(left)) == 0) {
            timed_out = true;
            break;
        }
        if (p[0].revents != 0) {
            const ssize_t n = write(pipes[0].write.get(), input.data(), input.size());
            if (n > 0) input.remove_prefix(static_cast<size_t>(n));
            if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) pipes[0].write.reset();
        }
        for (int i : {1, 2}) {
            if (p[i].revents == 0) continue;
            char buffer[8192];
            const ssize_t n = read(pipes[i].read.get(), buffer, sizeof buffer);
            if (n == 0) pipes[i].read.reset();
            std::string& text = i == 1 ? output.out : output.err;
            if (n > 0)
                text.append(buffer, std::min(static_cast<size_t>(n),
                                             k_max_output - std::min(k_max_output, text.size())));
        }
    }
    sigaction(SIGPIPE, &before, nullptr);
    return !timed_out;
}

}  // namespace

Child& Child::operator=(Child&& other) noexcept {
    if (this != &other) {
        if (running()) {
            signal(SIGKILL);
            wait();
        }
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
    }
    return *this;
}

Child::~Child() {
    if (!running()) return;
    signal(SIGKILL);
    wait();
}

void Child::signal(int number) const {
    if (pid_ > 0) kill(pid_, number);
}

std::optional<int> Child::wait(std::optional<Duration> timeout) {
    if (pid_ <= 0) return std::nullopt;
    if (timeout) {
        SystemClock clock;
        const BootTime end = clock.now() + *timeout;
        while (true) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
            pollfd p{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
            const int n = poll(&p, 1, left > 0 ? static_cast<int>(left) : 0);
            if (n > 0) break;
            if (n == 0) return std::nullopt;
        }
    }
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0) {
        if (errno == EINTR) continue;
        status = 0;  // ECHILD: somebody else reaped it; gone is gone.
        break;
    }
    pid_ = -1;
    pidfd_.reset();
    return status;
}

pid_t Child::release() {
    pidfd_.reset();
    return std::exchange(pid_, -1);
}

Result<Child> spawn(const SpawnOptions& options) {
    if (options.arguments.empty()) return fail(ErrorCode::I02, "no program named");
    std::vector<char*> argv;
    for (const auto& a : options.arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    std::vector<std::string> environment;
    if (!options.environment.contains("PATH"))
        environment.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
    std::vector<char*> envp;
    for (auto& e : environment) envp.push_back(e.data());
    envp.push_back(nullptr);

    UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return fail_errno("open /dev/null");
    std::vector<std::pair<int, int>> wanted(options.descriptors.begin(), options.descriptors.end());
    for (int fd : {0, 1})
        if (!options.descriptors.contains(fd)) wanted.emplace_back(fd, null.get());

    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return fail_errno("pipe");
    UniqueFd error_read(pipe_fds[0]), error_write(pipe_fds[1]);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) return fail_errno("fork");
    if (pid == 0) {
        become(options, parent, argv.data(), envp.data(), wanted, error_write.get());
        // The pipe's end was duplicated close-on-exec above every number in use; the highest copy is still
        // ours.
        const int e = errno;
        [[maybe_unused]] const ssize_t n = write(error_write.get(), &e, sizeof e);
        _exit(127);
    }
    error_write.reset();
    int child_errno = 0;
    ssize_t n = 0;
    do n = read(error_read.get(), &child_errno, sizeof child_errno);
    while (n < 0 && errno == EINTR);
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    Child child(pid, std::move(pidfd));
    if (n > 0) {
        child.wait();
        return fail(ErrorCode::I02, "{}: {}", options.arguments[0],
                    std::generic_category().message(child_errno));
    }
    return child;
}

Result<Output> run(SpawnOptions options, Duration timeout, std::string_view input) {
    Pipe pipes[3];
    for (auto& p : pipes) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) != 0) return fail_errno("pipe");
        p.read.reset(fds[0]);
        p.write.reset(fds[1]);
    }
    options.descriptors[0] = pipes[0].read.get();
    options.descriptors[1] = pipes[1].write.get();
    options.descriptors[2] = pipes[2].write.get();
    auto child = BERTH_TRY(spawn(options));
    pipes[0].read.reset();
    pipes[1].write.reset();
    pipes[2].write.reset();
    fcntl(pipes[0].write.get(), F_SETFL, O_NONBLOCK);
    if (input.empty()) pipes[0].write.reset();

    SystemClock clock;
    const BootTime end = clock.now() + timeout;
    Output output{};
    std::optional<int> status;
    if (exchange(pipes, input, end, output))
        status = child.wait(std::max(end - clock.now(), Duration::zero()));
    if (!status)
        return fail(ErrorCode::I05, "{}: not finished after {} s", options.arguments[0],
                    std::chrono::duration_cast<std::chrono::seconds>(timeout).count());
    output.exit_code = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
    return output;
}

Result<std::string> run_checked(SpawnOptions options, Duration timeout, std::string_view input) {
    const std::string program = options.arguments.empty() ? "" : options.arguments[0];
    auto output = BERTH_TRY(run(std::move(options), timeout, input));
    if (output.exit_code == 0) return std::move(output.out);
    std::string_view text = output.err;
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (const auto line = text.rfind('\n'); line != std::string_view::npos) text.remove_prefix(line + 1);
    return fail(ErrorCode::I02, "{} ended with code {}: {}", program, output.exit_code, text);
}

}  // namespace berth
