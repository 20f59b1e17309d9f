// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/sandbox.h"

#include <linux/kd.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <initializer_list>
#include <memory>

namespace berth::ui {

Status enter_sandbox() {
    const rlimit memory{.rlim_cur = 256 << 20, .rlim_max = 256 << 20}, one{.rlim_cur = 1, .rlim_max = 1};
    if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_FSIZE, &one) != 0)
        return fail_errno("setrlimit");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no new privileges");
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                  seccomp_release);
    int wrong = filter == nullptr ? -ENOMEM : 0;
    const auto allow = [&](int call) {
        if (wrong == 0) wrong = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    };
    for (int call : {SCMP_SYS(read),
                     SCMP_SYS(write),
                     SCMP_SYS(writev),
                     SCMP_SYS(poll),
                     SCMP_SYS(ppoll),
                     SCMP_SYS(recvmsg),
                     SCMP_SYS(sendmsg),
                     SCMP_SYS(close),
                     SCMP_SYS(fstat),
                     SCMP_SYS(newfstatat),
                     SCMP_SYS(brk),
                     SCMP_SYS(mmap),
                     SCMP_SYS(munmap),
                     SCMP_SYS(mremap),
                     SCMP_SYS(madvise),
                     SCMP_SYS(rt_sigaction),
                     SCMP_SYS(rt_sigprocmask),
                     SCMP_SYS(rt_sigreturn),
                     SCMP_SYS(restart_syscall),
                     SCMP_SYS(exit),
                     SCMP_SYS(exit_group),
                     SCMP_SYS(clock_gettime),
                     SCMP_SYS(clock_nanosleep),
                     SCMP_SYS(nanosleep),
                     SCMP_SYS(gettimeofday),
                     SCMP_SYS(futex),
                     SCMP_SYS(getpid),
                     SCMP_SYS(gettid),
                     SCMP_SYS(getrandom)})
        allow(call);
    for (unsigned long request : {static_cast<unsigned long>(TCGETS), static_cast<unsigned long>(TCSETS),
                                  static_cast<unsigned long>(TCSETSW), static_cast<unsigned long>(TCSETSF),
                                  static_cast<unsigned long>(TIOCGWINSZ), static_cast<unsigned long>(TCFLSH),
                                  static_cast<unsigned long>(KDGKBLED)})
        if (wrong == 0)
            wrong = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_EQ, request));
    if (wrong == 0) wrong = seccomp_load(filter.get());
    if (wrong != 0) return fail_errno(-wrong, "seccomp");
    return {};
}

}  // namespace berth::ui
