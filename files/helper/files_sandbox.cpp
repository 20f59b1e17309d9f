// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <initializer_list>
#include <memory>

#include "files/helper/files_server.h"

namespace berth::files {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool k_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool k_sanitized = true;
#else
constexpr bool k_sanitized = false;
#endif
#else
constexpr bool k_sanitized = false;
#endif

/// Adds rules until one fails.
class Filter {
  public:
    Filter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release) {
        if (!filter_) wrong_ = -ENOMEM;
    }
    template <typename... Arguments>
    void allow(int call, Arguments... arguments) {
        if (wrong_ == 0)
            wrong_ =
                seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, sizeof...(arguments), arguments...);
    }
    void refuse(int call, int error) {
        if (wrong_ == 0) wrong_ = seccomp_rule_add(filter_.get(), SCMP_ACT_ERRNO(error), call, 0);
    }
    Status load() {
        if (wrong_ == 0) wrong_ = seccomp_load(filter_.get());
        return wrong_ == 0 ? Status{} : fail_errno(-wrong_, "seccomp");
    }

  private:
    std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter_;
    int wrong_ = 0;
};

Status limit(int what, rlim_t most) {
    const rlimit value{.rlim_cur = most, .rlim_max = most};
    return setrlimit(static_cast<__rlimit_resource>(what), &value) == 0 ? Status{} : fail_errno("setrlimit");
}

}  // namespace

Status enter_files_sandbox() {
    if (!k_sanitized) BERTH_TRY(limit(RLIMIT_AS, 512 << 20));  // a sanitizer maps terabytes
    BERTH_TRY(limit(RLIMIT_FSIZE, 0));
    BERTH_TRY(limit(RLIMIT_CORE, 0));
    BERTH_TRY(limit(RLIMIT_NOFILE, 64));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("not dumpable");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no new privileges");

    Filter filter;
    for (int call :
         {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvfrom),
          SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(poll), SCMP_SYS(ppoll),
          SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
          SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(eventfd2), SCMP_SYS(fstat), SCMP_SYS(brk),
          SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(set_robust_list),
          SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
          SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
          SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
          SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid),
          // libnfs asks who it runs as when it makes a context, and takes our credentials instead.
          SCMP_SYS(getuid), SCMP_SYS(getgid), SCMP_SYS(geteuid), SCMP_SYS(getegid), SCMP_SYS(uname),
          SCMP_SYS(getrandom)})
        filter.allow(call);
    // TCP only: no sockets of this host's services, no raw packets, no netlink, no other protocol's
    // module.
    for (const unsigned family : {AF_INET, AF_INET6})
        for (const unsigned protocol : {0U, static_cast<unsigned>(IPPROTO_TCP)})
            filter.allow(SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, family),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xfU, static_cast<unsigned>(SOCK_STREAM)),
                         SCMP_A2(SCMP_CMP_EQ, protocol));
    // Not on the inherited sockets, which are of the Unix family and could make files; nothing renumbers one.
    // Neither call may be in the list above: libseccomp 2.6 ignores a condition on a call it allows anyway.
    for (const int call : {SCMP_SYS(connect), SCMP_SYS(bind)})
        filter.allow(call, SCMP_A0(SCMP_CMP_GT, static_cast<unsigned>(k_files_addresses_fd)));
    for (const int command : {F_GETFL, F_SETFL, F_GETFD, F_SETFD})
        filter.allow(SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, static_cast<unsigned>(command)));
    for (const unsigned long request :
         {static_cast<unsigned long>(FIONREAD), static_cast<unsigned long>(FIONBIO)})
        filter.allow(SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, request));
    // No code comes into being.
    filter.allow(SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, static_cast<unsigned>(PROT_EXEC), 0U),
                 SCMP_A3(SCMP_CMP_MASKED_EQ, static_cast<unsigned>(MAP_ANONYMOUS),
                         static_cast<unsigned>(MAP_ANONYMOUS)));
    filter.allow(SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, static_cast<unsigned>(PROT_EXEC), 0U));
    // Threads, no processes. The arguments of clone3 cannot be looked at: glibc then takes clone.
    filter.allow(SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, static_cast<unsigned>(CLONE_THREAD),
                                          static_cast<unsigned>(CLONE_THREAD)));
    filter.refuse(SCMP_SYS(clone3), ENOSYS);
    // What a sanitizer does of its own, in a build that nobody installs.
    if (k_sanitized)
        for (const int call :
             {SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity), SCMP_SYS(readlink),
              SCMP_SYS(openat), SCMP_SYS(tgkill), SCMP_SYS(pipe), SCMP_SYS(pipe2)})
            filter.allow(call);
    filter.allow(SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, static_cast<unsigned>(PR_SET_NAME)));
    return filter.load();
}

}  // namespace berth::files
