// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/kvm/kvm_probe.h"

#include <cpuid.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "base/fd.h"

namespace berth::guest {
namespace {

/// A hypervisor that runs us shows the CPU it wants to; CPUID is the truth as far as this kernel can have it.
bool cpu_has_virtualisation(bool intel) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (intel) return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 5 & 1) != 0;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c >> 2 & 1) != 0;
}

bool cpu_is_intel() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0, &a, &b, &c, &d) != 0 && b == signature_INTEL_ebx;
}

bool kernel_sees_virtualisation() {
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line)) {
        if (!line.starts_with("flags")) continue;
        line += ' ';
        return line.find(" vmx ") != std::string::npos || line.find(" svm ") != std::string::npos;
    }
    return false;
}

bool exists(const char* path) {
    return access(path, F_OK) == 0;
}

KvmFacts facts_of_this_workstation() {
    KvmFacts facts;
    facts.intel = cpu_is_intel();
    facts.cpu_has = cpu_has_virtualisation(facts.intel);
    facts.kernel_sees = kernel_sees_virtualisation();
    facts.module_loaded = exists("/sys/module/kvm_intel") || exists("/sys/module/kvm_amd");
    return facts;
}

}  // namespace

std::string explain_kvm(const KvmFacts& facts) {
    const std::string_view feature = facts.intel ? "VT-x" : "AMD-V";
    const std::string_view module = facts.intel ? "kvm_intel" : "kvm_amd";
    const std::string reason = facts.error != 0 ? ": " + std::generic_category().message(facts.error) : "";
    switch (facts.stage) {
        case KvmStage::done:
            return "";
        case KvmStage::hung:
            return fmt::format("KVM is there, but a test guest did not finish within {} s", facts.seconds);
        case KvmStage::version:
            return "KVM of this kernel speaks another version than 12";
        case KvmStage::vm:
            if (facts.error == EBUSY) return "another hypervisor uses this CPU's virtualisation";
            return "KVM is there, but makes no guest" + reason;
        case KvmStage::run:
            return "KVM is there, but a test guest does not run" + reason;
        case KvmStage::open:
            break;
    }
    if (facts.error == EACCES || facts.error == EPERM) return "no permission to use KVM" + reason;
    if (!facts.cpu_has)
        return fmt::format("this CPU has no virtualisation ({}), or a hypervisor hides it", feature);
    if (!facts.kernel_sees)
        return fmt::format("virtualisation ({}) is switched off in this computer's firmware setup", feature);
    if (!facts.module_loaded)
        return fmt::format(
            "the kernel module {} is not loaded; if it cannot be, virtualisation ({}) is switched off in the "
            "firmware setup",
            module, feature);
    return "KVM does not open" + reason;
}

Status probe_kvm(const std::string& device, Duration timeout) {
    KvmFacts facts = facts_of_this_workstation();
    facts.seconds = static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(timeout).count());
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return fail_errno("pipe");
    UniqueFd read_end(pipe_fds[0]), write_end(pipe_fds[1]);
    const char* path = device.c_str();
    const pid_t pid = fork();
    if (pid < 0) return fail_errno("fork");
    if (pid == 0) {
        const KvmRun result = run_probe_guest(path);
        [[maybe_unused]] const ssize_t n = write(write_end.get(), &result, sizeof result);
        _exit(0);
    }
    write_end.reset();
    SystemClock clock;
    const BootTime end = clock.now() + timeout;
    KvmRun result{KvmStage::hung, 0};
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
        pollfd p{.fd = read_end.get(), .events = POLLIN, .revents = 0};
        const int n = poll(&p, 1, left > 0 ? static_cast<int>(left) : 0);
        if (n < 0 && errno == EINTR) continue;
        // A child that died without a word ran into something worse than an error code.
        if (n > 0 && read(read_end.get(), &result, sizeof result) != sizeof result)
            result = {KvmStage::run, 0};
        break;
    }
    // The kernel may be stuck inside the guest's first instruction: kill, but do not wait for ever for a
    // process that cannot die.
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    kill(pid, SIGKILL);
    pollfd p{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    poll(&p, 1, 2000);
    waitpid(pid, nullptr, WNOHANG);

    facts.stage = result.stage;
    facts.error = result.error;
    const std::string why = explain_kvm(facts);
    if (why.empty()) return {};
    return fail(ErrorCode::H01, "{}", why);
}

}  // namespace berth::guest
