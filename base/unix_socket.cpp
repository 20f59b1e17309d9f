// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace berth {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    static_assert(sizeof address.sun_path == k_longest_socket_path + 1);
    if (path.size() > k_longest_socket_path)
        return fail(ErrorCode::I01, "{}: too long for a socket: must be at most {} bytes", path,
                    k_longest_socket_path);
    path.copy(address.sun_path, path.size());
    return address;
}

}  // namespace

Result<UniqueFd> bind_unix_socket(const std::string& path) {
    const auto address = BERTH_TRY(address_of(path));
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail_errno("socket");
    unlink(path.c_str());
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno("bind " + path);
    if (chmod(path.c_str(), 0600) != 0) return fail_errno("chmod " + path);
    return fd;
}

Result<UniqueFd> connect_unix_socket(const std::string& path) {
    const auto address = BERTH_TRY(address_of(path));
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(path);
    return fd;
}

}  // namespace berth
