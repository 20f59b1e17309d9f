// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/control_group.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace berth::supervisor {

Status kill_control_group(const std::string& folder) {
    const std::string path = folder + "/cgroup.kill";
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd && write(fd.get(), "1", 1) == 1) return {};
    // The group went with its last process, before we came or while we asked.
    if (errno == ENOENT || errno == ENODEV) return {};
    return fail_errno(path);
}

}  // namespace berth::supervisor
