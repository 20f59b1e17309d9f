// SPDX-License-Identifier: GPL-3.0-or-later
// The probe's guest: it goes the way every kernel goes, from real mode to 64-bit paging, takes a trap there
// and halts, and sends a letter to a port at each stage. Real mode alone proves nothing: some hosts emulate
// it and hang in 64-bit code. The steps: AMD64 Architecture Programmer's Manual volume 2, 14.6; Linux
// Documentation/virt/kvm/api.rst.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "guest/kvm/kvm_probe.h"

// Physical = virtual addresses: code 0x1000, page tables 0x2000 to 0x4fff, interrupt table 0x5000, stack
// below 0x9000.
asm(R"(
    .pushsection .rodata
    .code16
berth_probe_begin:
    movw $0x3f8, %dx
    movb $'R', %al
    outb %al, %dx
    lgdtl %cs:0x1000 + (berth_probe_gdt_pointer - berth_probe_begin)
    movl $0x20, %eax
    movl %eax, %cr4
    movl $0x2000, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    ljmpl $8, $0x1000 + (berth_probe_long - berth_probe_begin)
    .code64
berth_probe_long:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x9000, %esp
    movw $0x3f8, %dx
    movb $'L', %al
    outb %al, %dx
    lidt 0x1000 + (berth_probe_idt_pointer - berth_probe_begin)
    movq %cr3, %rax
    movq %rax, %cr3
    xorl %eax, %eax
    cpuid
    int3
    hlt
berth_probe_trap:
    movw $0x3f8, %dx
    movb $'T', %al
    outb %al, %dx
    iretq
    .balign 8
berth_probe_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
berth_probe_gdt_pointer:
    .word berth_probe_gdt_pointer - berth_probe_gdt - 1
    .long 0x1000 + (berth_probe_gdt - berth_probe_begin)
berth_probe_idt_pointer:
    .word 4 * 16 - 1
    .quad 0x5000
berth_probe_end:
    .popsection
)");
extern "C" const char berth_probe_begin[], berth_probe_trap[], berth_probe_end[];

namespace berth::guest {
namespace {

constexpr uint16_t k_port = 0x3f8;
constexpr char k_letters[] = {'R', 'L', 'T'};
constexpr uint64_t k_memory = 0x10000, k_code = 0x1000, k_tables = 0x2000, k_interrupts = 0x5000;

void put(char* memory, uint64_t at, uint64_t value) {
    memcpy(memory + at, &value, sizeof value);
}

void fill_memory(char* memory) {
    memcpy(memory + k_code, berth_probe_begin, static_cast<size_t>(berth_probe_end - berth_probe_begin));
    // One large page maps the first 2 MiB onto themselves.
    put(memory, k_tables, (k_tables + 0x1000) | 3);
    put(memory, k_tables + 0x1000, (k_tables + 0x2000) | 3);
    put(memory, k_tables + 0x2000, 0x83);
    // Interrupt gate for int3: present, 64-bit, code segment 8.
    const uint64_t trap = k_code + static_cast<uint64_t>(berth_probe_trap - berth_probe_begin);
    put(memory, k_interrupts + 3 * 16,
        (trap & 0xffff) | 8ULL << 16 | 0x8eULL << 40 | (trap >> 16 & 0xffff) << 48);
}

/// The CPU that this KVM can give; without its features the guest could not switch to 64-bit mode. Numbers by
/// hand: in C++ the header's kvm_cpuid2, which the macros measure, is larger than the kernel's (its flexible
/// array is beside an empty struct).
bool set_features(int kvm, int cpu) {
    constexpr uint32_t k_entries = 256, k_head = 8;
    constexpr auto k_get = _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, k_head);
    constexpr auto k_set = _IOC(_IOC_WRITE, KVMIO, 0x90, k_head);
    alignas(8) static char features[k_head + k_entries * sizeof(kvm_cpuid_entry2)];
    memcpy(features, &k_entries, sizeof k_entries);
    return ioctl(kvm, k_get, features) == 0 && ioctl(cpu, k_set, features) == 0;
}

}  // namespace

KvmRun run_probe_guest(const char* device) {
    const auto stop = [](KvmStage stage) { return KvmRun{stage, errno}; };
    const int kvm = open(device, O_RDWR | O_CLOEXEC);
    if (kvm < 0) return stop(KvmStage::open);
    const int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
    if (version < 0) return stop(KvmStage::open);
    if (version != KVM_API_VERSION) return {KvmStage::version, 0};

    const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) return stop(KvmStage::vm);
    ioctl(vm, KVM_SET_TSS_ADDR,
          0xfffbd000);  // Older Intel CPUs need it for real mode; others refuse it.
    void* memory = mmap(nullptr, k_memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return stop(KvmStage::vm);
    fill_memory(static_cast<char*>(memory));
    kvm_userspace_memory_region region{};
    region.memory_size = k_memory;
    region.userspace_addr = reinterpret_cast<uint64_t>(memory);
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) return stop(KvmStage::vm);
    const int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (cpu < 0 || !set_features(kvm, cpu)) return stop(KvmStage::vm);
    const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < static_cast<int>(sizeof(kvm_run))) return stop(KvmStage::vm);
    auto* exit = static_cast<kvm_run*>(
        mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0));
    if (exit == MAP_FAILED) return stop(KvmStage::vm);

    kvm_sregs system{};
    if (ioctl(cpu, KVM_GET_SREGS, &system) < 0) return stop(KvmStage::run);
    system.cs.base = 0;
    system.cs.selector = 0;
    if (ioctl(cpu, KVM_SET_SREGS, &system) < 0) return stop(KvmStage::run);
    kvm_regs registers{};
    registers.rip = k_code;
    registers.rflags = 2;
    if (ioctl(cpu, KVM_SET_REGS, &registers) < 0) return stop(KvmStage::run);

    size_t came = 0;
    while (true) {
        if (ioctl(cpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            return stop(KvmStage::run);
        }
        if (exit->exit_reason == KVM_EXIT_HLT)
            return {came == sizeof k_letters ? KvmStage::done : KvmStage::run, 0};
        const bool letter = exit->exit_reason == KVM_EXIT_IO && exit->io.direction == KVM_EXIT_IO_OUT &&
                            exit->io.port == k_port && came < sizeof k_letters &&
                            *(reinterpret_cast<const char*>(exit) + exit->io.data_offset) == k_letters[came];
        if (!letter) return {KvmStage::run, 0};
        ++came;
    }
}

}  // namespace berth::guest
