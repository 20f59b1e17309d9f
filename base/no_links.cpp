// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/no_links.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace berth {
namespace {

UniqueFd open_at(int folder, const std::string& path, int flags, uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    long fd = -1;
    do fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    while (fd < 0 && errno == EINTR);
    return UniqueFd(static_cast<int>(fd));
}

UniqueFd open_folder(const std::string& folder) {
    return UniqueFd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

UniqueFd open_below(const std::string& folder, const std::string& path, int flags) {
    const UniqueFd at = open_folder(folder);
    return at ? open_at(at.get(), path, flags, RESOLVE_BENEATH) : UniqueFd();
}

UniqueFd open_without_links(const std::string& path, int flags) {
    return open_at(AT_FDCWD, path, flags, 0);
}

Result<std::string> read_file_below(const std::string& folder, const std::string& path) {
    // O_NONBLOCK: a pipe put in a file's place must not hang the reader.
    const UniqueFd fd = open_below(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return fail_errno("open " + folder + "/" + path);
    return read_open_file(fd.get(), folder + "/" + path);
}

Result<UniqueFd> make_file_in(const std::string& folder, const std::string& name, unsigned mode) {
    const UniqueFd at = open_folder(folder);
    if (!at) return fail_errno("open " + folder);
    if (unlinkat(at.get(), name.c_str(), 0) != 0 && errno != ENOENT)
        return fail_errno("remove " + folder + "/" + name);
    // O_EXCL follows no link, and takes nothing that was put there since.
    UniqueFd fd(openat(at.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, mode));
    if (!fd) return fail_errno("create " + folder + "/" + name);
    return fd;
}

UniqueFd connect_in(const std::string& folder, const std::string& name) {
    const UniqueFd at = open_below(folder, name, O_PATH);
    struct stat facts{};
    if (!at || fstat(at.get(), &facts) != 0) return UniqueFd();
    if (!S_ISSOCK(facts.st_mode)) {
        errno = ENOTSOCK;
        return UniqueFd();
    }
    // The very file that was looked at, whatever has its name by now; also a path that always fits.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = fmt::format("/proc/self/fd/{}", at.get());
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fd;
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

}  // namespace berth
