// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/vm/kvm_probe.h"

#include <cpuid.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/fd.h"

namespace berth::vm {
namespace {

constexpr uint16_t k_port = 0x3f8;
constexpr char k_byte = 'B';
constexpr uint64_t k_start = 0x1000;
// mov dx, 0x3f8; mov al, 'B'; out dx, al; hlt
constexpr unsigned char k_code[] = {0xba, k_port & 0xff, k_port >> 8, 0xb0, k_byte, 0xee, 0xf4};
constexpr size_t k_page = 4096;

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

bool exists(const char* path) { return access(path, F_OK) == 0; }

KvmFacts facts_of_this_machine() {
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
        case KvmStage::machine:
            if (facts.error == EBUSY) return "another hypervisor uses this CPU's virtualisation";
            return "KVM is there, but makes no guest" + reason;
        case KvmStage::run:
            return "KVM is there, but a test guest does not run" + reason;
        case KvmStage::open:
            break;
    }
    if (facts.error == EACCES || facts.error == EPERM) return "no permission to use KVM" + reason;
    if (!facts.cpu_has) return fmt::format("this CPU has no virtualisation ({}), or a hypervisor hides it", feature);
    if (!facts.kernel_sees) return fmt::format("virtualisation ({}) is switched off in this computer's firmware setup", feature);
    if (!facts.module_loaded)
        return fmt::format("the kernel module {} is not loaded; if it cannot be, virtualisation ({}) is switched off in the firmware setup",
                           module, feature);
    return "KVM does not open" + reason;
}

KvmRun run_probe_guest(const char* device) {
    const auto stop = [](KvmStage stage) { return KvmRun{stage, errno}; };
    const int kvm = open(device, O_RDWR | O_CLOEXEC);
    if (kvm < 0) return stop(KvmStage::open);
    const int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
    if (version < 0) return stop(KvmStage::open);
    if (version != KVM_API_VERSION) return {KvmStage::version, 0};

    const int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    if (machine < 0) return stop(KvmStage::machine);
    void* memory = mmap(nullptr, k_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return stop(KvmStage::machine);
    memcpy(memory, k_code, sizeof k_code);
    kvm_userspace_memory_region region{};
    region.guest_phys_addr = k_start;
    region.memory_size = k_page;
    region.userspace_addr = reinterpret_cast<uint64_t>(memory);
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0) return stop(KvmStage::machine);
    const int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
    if (cpu < 0) return stop(KvmStage::machine);
    const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < static_cast<int>(sizeof(kvm_run))) return stop(KvmStage::machine);
    auto* exit = static_cast<kvm_run*>(mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0));
    if (exit == MAP_FAILED) return stop(KvmStage::machine);

    // Real mode with flat zero-based code.
    kvm_sregs system{};
    if (ioctl(cpu, KVM_GET_SREGS, &system) < 0) return stop(KvmStage::run);
    system.cs.base = 0;
    system.cs.selector = 0;
    if (ioctl(cpu, KVM_SET_SREGS, &system) < 0) return stop(KvmStage::run);
    kvm_regs registers{};
    registers.rip = k_start;
    registers.rflags = 2;
    if (ioctl(cpu, KVM_SET_REGS, &registers) < 0) return stop(KvmStage::run);

    bool byte_came = false;
    while (true) {
        if (ioctl(cpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            return stop(KvmStage::run);
        }
        if (exit->exit_reason == KVM_EXIT_IO && exit->io.direction == KVM_EXIT_IO_OUT && exit->io.port == k_port) {
            byte_came = *(reinterpret_cast<const char*>(exit) + exit->io.data_offset) == k_byte;
            continue;
        }
        return {exit->exit_reason == KVM_EXIT_HLT && byte_came ? KvmStage::done : KvmStage::run, 0};
    }
}

Status probe_kvm(const std::string& device, Duration timeout) {
    KvmFacts facts = facts_of_this_machine();
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
        if (n > 0 && read(read_end.get(), &result, sizeof result) != sizeof result) result = {KvmStage::run, 0};
        break;
    }
    // The kernel may be stuck inside the guest's first instruction: kill, but do not wait for ever for a process that cannot die.
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

}  // namespace berth::vm
