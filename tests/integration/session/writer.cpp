// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's verifying writer, started by the init of make_writer_guest: one process a disk, all disks but
// the one it booted from. A disk is called virtio, sata or scsi by its bus, "swap" if it is larger than 32
// MiB. Each writes records of 64 KiB past the page cache, number n at 1 MiB + (n % 32) * 64 KiB, reads one of
// the last 32 back and compares it; every fourth it flushes, every eighth it discards a place beside them.
// It says
//   "W DISK n" when record n is written, "F DISK n" when it is flushed, "ERROR DISK what" and nothing more
// An f on the console makes each disk discard and flush at once, beside that: "D DISK 1", "S DISK 1" when
// done. A q ends them: "E DISK n" after the last flush, then the power is off.
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace {

constexpr size_t k_record = 64 << 10, k_begin = 1 << 20, k_slots = 32, k_discarded = 6 << 20;
volatile sig_atomic_t g_end = 0;

void say(const std::string& line) {
    const std::string text = line + "\n";
    (void)!write(1, text.data(), text.size());  // one write: the processes share the console
}

[[noreturn]] void fail(const std::string& disk, const std::string& what) {
    say("ERROR " + disk + " " + what + ": " + std::strerror(errno));
    while (true) pause();
}

void fill(uint64_t* words, uint64_t n) {
    for (size_t j = 0; j < k_record / 8; ++j) words[j] = n * 1'000'003 + j;
}

off_t place(uint64_t n) {
    return static_cast<off_t>(k_begin + n % k_slots * k_record);
}

void write_disk(const std::string& disk, const std::string& path) {
    struct sigaction end{};
    end.sa_handler = [](int) { g_end = 1; };
    sigaction(SIGTERM, &end, nullptr);
    const int fd = open(path.c_str(), O_RDWR | O_DIRECT);
    if (fd < 0) fail(disk, "open");
    auto* const ours = static_cast<uint64_t*>(aligned_alloc(4096, k_record));
    auto* const read_back = static_cast<uint64_t*>(aligned_alloc(4096, k_record));
    uint64_t n = 0;
    while (g_end == 0) {
        ++n;
        fill(ours, n);
        if (pwrite(fd, ours, k_record, place(n)) != k_record) fail(disk, "write");
        say("W " + disk + " " + std::to_string(n));
        if (n % 4 == 0) {
            if (fsync(fd) != 0) fail(disk, "flush");
            say("F " + disk + " " + std::to_string(n));
        }
        if (n % 8 == 0) {
            const uint64_t range[] = {k_discarded, k_record};
            if (ioctl(fd, BLKDISCARD, range) != 0 && errno != EOPNOTSUPP) fail(disk, "discard");
        }
        const uint64_t old = n - static_cast<uint64_t>(random()) % std::min<uint64_t>(n, k_slots);
        fill(ours, old);
        if (pread(fd, read_back, k_record, place(old)) != k_record) fail(disk, "read");
        errno = 0;
        if (std::memcmp(ours, read_back, k_record) != 0)
            fail(disk, "record " + std::to_string(old) + " is another");
        usleep(20'000);
    }
    if (fsync(fd) != 0) fail(disk, "flush");
    say("E " + disk + " " + std::to_string(n));
}

/// Beside the writer, whatever that waits for.
void discard_and_flush(const std::string& disk, const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_DIRECT);
    if (fd < 0) fail(disk, "open");
    const uint64_t range[] = {k_discarded + k_record, k_record};
    if (ioctl(fd, BLKDISCARD, range) != 0 && errno != EOPNOTSUPP) fail(disk, "discard");
    say("D " + disk + " 1");
    if (fsync(fd) != 0) fail(disk, "flush");
    say("S " + disk + " 1");
}

std::string bus_of(const std::string& name, uint64_t sectors) {
    if (sectors > (32 << 20) / 512) return "swap";
    if (name.starts_with("vd")) return "virtio";
    const std::string device = std::filesystem::read_symlink("/sys/block/" + name);
    return device.find("/ata") != std::string::npos ? "sata" : "scsi";
}

bool boots(const std::string& path) {
    unsigned char sector[512]{};
    const int fd = open(path.c_str(), O_RDONLY);
    const bool mark = fd >= 0 && read(fd, sector, sizeof sector) == sizeof sector && sector[510] == 0x55 &&
                      sector[511] == 0xaa;
    close(fd);
    return mark;
}

}  // namespace

int main() {
    std::vector<pid_t> writers;
    std::vector<std::pair<std::string, std::string>> disks;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/block")) {
        const std::string name = entry.path().filename(), path = "/dev/" + name;
        if ((!name.starts_with("vd") && !name.starts_with("sd")) || boots(path)) continue;
        uint64_t sectors = 0;
        if (FILE* size = fopen((entry.path() / "size").c_str(), "r"); size != nullptr) {
            if (fscanf(size, "%lu", &sectors) != 1) sectors = 0;
            fclose(size);
        }
        const std::string disk = bus_of(name, sectors);
        say("DISK " + disk + " " + name);
        disks.emplace_back(disk, path);
        const pid_t child = fork();
        if (child == 0) {
            write_disk(disk, path);
            return 0;
        }
        writers.push_back(child);
    }
    say("writing");
    char key = 0;
    while (read(0, &key, 1) == 1 && key != 'q') {
        for (const auto& [disk, path] : disks) {
            if (key != 'f' || fork() != 0) continue;
            discard_and_flush(disk, path);
            return 0;
        }
    }
    for (pid_t writer : writers) kill(writer, SIGTERM);
    for (pid_t writer : writers) waitpid(writer, nullptr, 0);
    reboot(RB_POWER_OFF);
    return 1;
}
