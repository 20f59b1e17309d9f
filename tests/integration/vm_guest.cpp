// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/integration/vm_guest.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

// Real mode, loaded at 0x7c00, drive in DL. COM1 is at 0x3f8; SeaBIOS puts the Q35's power management at
// 0x600. Interrupts are off but for the BIOS call: SeaBIOS's timer reads COM1 too, for its own console, and
// would swallow letters.
asm(R"(
    .pushsection .rodata
    .code16
berth_sector_begin:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, 0x7a00
    movw %ax, 0x7a02
    movw %ax, 0x8000
    movw $0x7c00 + (berth_greeting - berth_sector_begin), %si
    jmp berth_say
berth_next:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $1, %al
    jz berth_next
    movw $0x3f8, %dx
    inb %dx, %al
    cmpb $'e', %al
    je berth_echo
    cmpb $'r', %al
    je berth_reset
    cmpb $'q', %al
    je berth_off
    cmpb $'b', %al
    je berth_button
    cmpb $'d', %al
    je berth_disk
    cmpb $'w', %al
    je berth_write
    movb %al, 0x7a01
    cmpb $'m', %al
    je berth_writer
    cmpb $'i', %al
    jne berth_next
berth_writer:
    movw $0x602, %dx
    movw $0x100, %ax
    outw %ax, %dx
berth_again:
    movw $0x7a10, %si
    movw $0x0010, (%si)
    movw $1, 2(%si)
    movw $0x8000, 4(%si)
    movw %ds, 6(%si)
    movw 0x8000, %ax
    andw $0x0fff, %ax
    addw $2, %ax
    movw %ax, 8(%si)
    xorw %ax, %ax
    movw %ax, 10(%si)
    movw %ax, 12(%si)
    movw %ax, 14(%si)
    movb $0x43, %ah
    movb 0x7a00, %dl
    sti
    int $0x13
    cli
    movw $0x7c00 + (berth_disk_bad - berth_sector_begin), %si
    jc berth_say
    incw 0x8000
berth_mark:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz berth_mark
    movw $0x3f8, %dx
    movb $'#', %al
    outb %al, %dx
    movw $0x600, %dx
    inw %dx, %ax
    testb $1, %ah
    jz berth_again
    cmpb $'m', 0x7a01
    je berth_off
    jmp berth_again
berth_echo:
    movw $0x7c00 + (berth_echo_text - berth_sector_begin), %si
    jmp berth_say
berth_reset:
    movw $0xcf9, %dx
    movb $6, %al
    outb %al, %dx
    jmp berth_next
berth_off:
    movw $0x604, %dx
    movw $0x2000, %ax
    outw %ax, %dx
    jmp berth_next
berth_button:
    movw $0x600, %dx
    inw %dx, %ax
    movw $0x7c00 + (berth_button_yes - berth_sector_begin), %si
    movw %ax, %bx
    movw $0x602, %dx
    movw $0x100, %ax
    outw %ax, %dx
    testw $0x100, %bx
    jnz berth_say
    movw $0x7c00 + (berth_button_no - berth_sector_begin), %si
    jmp berth_say
berth_disk:
    movw $0x0201, %ax
    movw $0x0002, %cx
    movb $0, %dh
    movb 0x7a00, %dl
    movw $0x8000, %bx
    sti
    int $0x13
    cli
    movw $0x7c00 + (berth_disk_bad - berth_sector_begin), %si
    jc berth_say
    movw $0x7c00 + (berth_disk_good - berth_sector_begin), %si
    jmp berth_say
berth_write:
    incw 0x7a02
    movw 0x7a02, %ax
    movw $0x8000, %di
    movw $256, %cx
    cld
    rep stosw
    andw $31, %ax
    movw %ax, %cx
    addw $3, %cx
    addb $0x40, %al
    movb %al, 0x7c00 + (berth_wrote - berth_sector_begin) + 6
    movw $0x0301, %ax
    movb $0, %dh
    movb 0x7a00, %dl
    movw $0x8000, %bx
    sti
    int $0x13
    cli
    movw $0x7c00 + (berth_disk_bad - berth_sector_begin), %si
    jc berth_say
    movw $0x7c00 + (berth_wrote - berth_sector_begin), %si
berth_say:
    lodsb
    testb %al, %al
    jz berth_next
    movb %al, %bl
berth_wait:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz berth_wait
    movw $0x3f8, %dx
    movb %bl, %al
    outb %al, %dx
    jmp berth_say
berth_greeting: .asciz "berth guest up\r\n"
berth_echo_text: .asciz "echo\r\n"
berth_button_yes: .asciz "button yes\r\n"
berth_button_no: .asciz "button no\r\n"
berth_disk_good: .asciz "disk good\r\n"
berth_disk_bad: .asciz "disk bad\r\n"
berth_wrote: .asciz "wrote ?\r\n"
    .org berth_sector_begin + 510
    .byte 0x55, 0xaa
    .code64
    .popsection
)");
extern "C" const char berth_sector_begin[512];

namespace berth::guest {

std::string boot_sector() {
    return {berth_sector_begin, 512};
}

Folder::Folder() {
    std::string name = "/tmp/berth-vm-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = name;
    chmod(root_.c_str(), 0755);
}

Folder::~Folder() {
    std::filesystem::remove_all(root_);
}

NbdServer::NbdServer(const Folder& folder, const std::vector<std::string>& disks) {
    std::filesystem::create_directory(folder.path("disks"));
    for (const std::string& disk : disks) {
        const std::string file = folder.path("disks/" + disk);
        std::ofstream(file) << boot_sector();
        std::filesystem::resize_file(file, 1 << 20);
    }
    auto child = spawn({.arguments = {"nbdkit", "--foreground", "--unix", folder.path("nbd.sock"),
                                      "--filter=error", "file", "dir=" + folder.path("disks"), "error=EIO",
                                      "error-rate=100%", "error-file=" + folder.path("fault")},
                        .die_with_parent = true});
    if (!child) throw std::runtime_error(child.error().detail());
    child_ = std::move(*child);
    SystemClock clock;
    for (int i = 0; i < 200 && !std::filesystem::exists(folder.path("nbd.sock")); ++i)
        clock.sleep(std::chrono::milliseconds(50));
    chmod(folder.path("nbd.sock").c_str(), 0666);
}

std::string read_until(int fd, std::string_view text, Duration timeout) {
    SystemClock clock;
    const BootTime end = clock.now() + timeout;
    std::string seen;
    while (seen.find(text) == std::string::npos) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
        pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
        if (left <= 0 || poll(&p, 1, static_cast<int>(left)) <= 0) return seen + "<timeout>";
        char buffer[4096];
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) return seen + "<closed>";
        seen.append(buffer, static_cast<size_t>(n));
    }
    return seen;
}

MachineConfig guest_config() {
    MachineConfig config;
    config.uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10";
    config.memory = 32ULL << 20;
    config.network = {.mode = NetworkMode::nat, .mac = "", .model = "virtio"};
    config.devices = {"rng"};
    config.disks = {{.name = "software", .role = DiskRole::software, .path = "software.raw"}};
    return config;
}

ClientFacts guest_client(const Folder& folder) {
    return {.domain_name = "berth-test",
            .kvm = false,
            .nbd_socket = folder.path("nbd.sock"),
            .console_socket = folder.path("console.sock"),
            .host_memory = 8ULL << 30,
            .host_cpus = 2};
}

}  // namespace berth::guest
