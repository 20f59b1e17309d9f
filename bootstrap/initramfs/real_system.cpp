// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/real_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fd.h"
#include "base/record/machine_record.h"
#include "base/spawn.h"
#include "bootstrap/initramfs/nic.h"
#include "bootstrap/initramfs/site_layer.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;
constexpr auto k_code = ErrorCode::B07;

Status mount_at(const char* type, const char* source, const std::string& target, unsigned long flags,
                const std::string& options) {
    std::error_code ignored;
    fs::create_directories(target, ignored);
    if (mount(source, target.c_str(), type, flags, options.c_str()) != 0 && errno != EBUSY)
        return fail(k_code, "mount {} at {}: {}", type, target, std::strerror(errno));
    return {};
}

/// Mounts a squashfs file by a read-only loop device (loop(4)) that goes away with its mount; returns where.
Result<std::string> mount_squashfs(const std::string& file) {
    const UniqueFd backing(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!backing) return fail_errno("open " + file);
    const UniqueFd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control) return fail_errno("open /dev/loop-control");
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail_errno("find a free loop device");
    const std::string device = fmt::format("/dev/loop{}", number);
    const UniqueFd loop(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!loop) return fail_errno("open " + device);
    loop_config config{};
    config.fd = static_cast<__u32>(backing.get());
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0) return fail_errno("set up " + device);
    // AUTOCLEAR takes effect at the last close: the mount below must hold it before `loop` is closed.
    const std::string target = "/lower/" + fs::path(file).stem().string();
    BERTH_TRY(mount_at("squashfs", device.c_str(), target, MS_RDONLY | MS_NODEV, ""));
    return target;
}

/// Everything on the initramfs's own file system goes, so that its memory is free again; never across a
/// mount.
void remove_below(int folder, dev_t device) {
    DIR* dir = fdopendir(folder);
    if (dir == nullptr) {
        close(folder);
        return;
    }
    while (const dirent* entry = readdir(dir)) {
        const std::string_view name = entry->d_name;
        struct stat st{};
        if (name == "." || name == ".." ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != device)
            continue;
        if (S_ISDIR(st.st_mode)) {
            const int below =
                openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (below >= 0) remove_below(below, device);
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        } else {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

}  // namespace

Status mount_api_file_systems() {
    BERTH_TRY(mount_at("proc", "proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""));
    BERTH_TRY(mount_at("sysfs", "sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""));
    BERTH_TRY(mount_at("devtmpfs", "devtmpfs", "/dev", MS_NOSUID, "mode=0755"));
    return mount_at("tmpfs", "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
}

void RealSystem::name_firmware(size_t from) {
    for (size_t i = from; i < missing_firmware_.size(); ++i)
        screen_.line(Error(ErrorCode::B11, missing_firmware_[i]).to_user());
}

Status RealSystem::load_drivers() {
    if (!modules_) modules_ = std::make_unique<Modules>();
    for (const char* name : {"loop", "squashfs", "overlay", "af_packet"}) modules_->load(name);
    while (modules_->load_for_hardware() > 0) {
    }
    return {};
}

std::vector<Nic> RealSystem::list() {
    // Cards behind a slow bus (USB) appear late.
    modules_->load_for_hardware();
    const size_t named = missing_firmware_.size();
    kernel_log_.add_missing_firmware(missing_firmware_);
    name_firmware(named);
    std::vector<Nic> nics;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/sys/class/net", error)) {
        const std::string base = entry.path().string();
        auto type = read_file(base + "/type", 4096);
        if (!type || *type != "1\n" || !fs::exists(base + "/device", error))
            continue;  // ARPHRD_ETHER, physical.
        if (fs::exists(base + "/wireless", error)) continue;
        auto mac = read_file(base + "/address", 4096);
        auto carrier = read_file(base + "/carrier", 4096);
        nics.push_back({entry.path().filename().string(), mac ? normal_mac(mac->substr(0, 17)) : "",
                        carrier && *carrier == "1\n"});
    }
    return nics;
}

void RealSystem::set_up(const std::string& name) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    if (!fd || ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0 || (request.ifr_flags & IFF_UP) != 0) return;
    request.ifr_flags |= IFF_UP;
    ioctl(fd.get(), SIOCSIFFLAGS, &request);
}

Status RealSystem::ask_for_address(const std::string& name) {
    auto said =
        run_checked({.arguments = {"/usr/lib/klibc/bin/ipconfig", "-t", "20", "-c", "dhcp", "-d", name}},
                    std::chrono::seconds(40));
    if (said) return {};
    const Error error(ErrorCode::B01, fmt::format("{}: no address by DHCP: {}", name, said.error().detail()));
    screen_.line(error.to_log());
    return fail(error);
}

Status RealSystem::network(const BootParameters& parameters) {
    if (network_up_) return {};
    BERTH_TRY(load_drivers());
    const auto chosen = bring_up_network(*this, parameters.mac, clock_);
    if (!chosen) {
        // Again: what the drivers said meanwhile has pushed the names off the screen.
        name_firmware(0);
        return fail(chosen.error());
    }
    if (auto conf = read_file("/run/net-" + *chosen + ".conf", 65536)) {
        std::error_code ignored;
        fs::create_directories("/etc", ignored);
        const UniqueFd fd(open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (fd) BERTH_TRY(write_all(fd.get(), resolv_conf(*conf)));
    }
    network_up_ = true;
    return {};
}

Result<std::string> RealSystem::image_folder() {
    const std::string folder = "/image";
    struct stat here{}, parent{};
    if (stat(folder.c_str(), &here) == 0 && stat("/", &parent) == 0 && here.st_dev != parent.st_dev)
        return folder;
    BERTH_TRY(mount_at("tmpfs", "tmpfs", folder, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=60%"));
    return folder;
}

Status RealSystem::keep_record(const std::string& text) {
    std::error_code error;
    fs::create_directories("/run/berth", error);
    return write_file_durably(k_machine_record_path, text, 0600);
}

Status RealSystem::mount_root(const std::string& root, const std::string& site) {
    // What an attempt before this one left.
    for (const char* place : {"/newroot", "/upper", "/lower/site", "/lower/root"}) umount2(place, MNT_DETACH);
    auto lower = BERTH_TRY(mount_squashfs(root));
    std::string layers = lower, above;
    if (!site.empty()) {
        above = BERTH_TRY(mount_squashfs(site));
        layers = above + ":" + layers;
    }
    BERTH_TRY(mount_at("tmpfs", "tmpfs", "/upper", MS_NOSUID | MS_NODEV, "mode=0755,size=25%"));
    std::error_code error;
    fs::create_directories("/upper/files", error);
    fs::create_directories("/upper/work", error);
    BERTH_TRY(mount_at("overlay", "overlay", "/newroot", 0,
                       "lowerdir=" + layers + ",upperdir=/upper/files,workdir=/upper/work"));
    if (!above.empty()) BERTH_TRY(keep_folder_modes(lower, above, "/newroot"));
    // Usually an absolute link, which would lead into the initramfs from here: look at the link, not behind
    // it.
    struct stat st{};
    if (lstat("/newroot/sbin/init", &st) != 0) return fail(k_code, "the system has no /sbin/init");
    return {};
}

Status RealSystem::switch_root() {
    modules_.reset();
    for (const char* name : {"/dev", "/proc", "/sys", "/run"}) {
        const std::string target = std::string("/newroot") + name;
        if (mount(name, target.c_str(), nullptr, MS_MOVE, nullptr) != 0)
            return fail(k_code, "move {}: {}", name, std::strerror(errno));
    }
    // From here on there is no way back to another attempt: the API file systems are inside the new root.
    struct stat top{};
    const int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (old_root >= 0 && fstat(old_root, &top) == 0) remove_below(old_root, top.st_dev);
    const int failed = [] {
        if (chdir("/newroot") != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
            chdir("/") != 0)
            return errno;
        char name[] = "/sbin/init";
        char* const argv[] = {name, nullptr};
        char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char* const envp[] = {path, nullptr};
        execve(name, argv, envp);
        return errno;
    }();
    screen_.line(Error(k_code, fmt::format("/sbin/init: {}; restarting in a minute", std::strerror(failed)))
                     .to_user());
    clock_.sleep(std::chrono::minutes(1));
    reboot(RB_AUTOBOOT);
    return fail(k_code, "run /sbin/init: {}", std::strerror(failed));
}

Status RealSystem::restart() {
    // Long enough to be read.
    clock_.sleep(std::chrono::seconds(3));
    reboot(RB_AUTOBOOT);
    return fail(k_code, "restart: {}", std::strerror(errno));
}

}  // namespace berth::boot
