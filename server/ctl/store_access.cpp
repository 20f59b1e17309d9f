// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/store_access.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace berth::server {

Result<std::unique_ptr<Store>> open_store(const Ctl& ctl) {
    const auto folder = std::filesystem::path(ctl.database).parent_path();
    struct stat facts{};
    if (geteuid() == 0 && stat(folder.empty() ? "." : folder.c_str(), &facts) == 0 && facts.st_uid != 0) {
        const gid_t group = facts.st_gid;
        if (setgroups(1, &group) != 0) return fail_errno("setgroups");
        setfsgid(group);
        setfsuid(facts.st_uid);
        // One of root's rights over files remains: the folders above it may be open to root alone (systemd's
        // DynamicUser=).
        const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> caps(cap_get_proc(), cap_free);
        const cap_value_t pass = CAP_DAC_READ_SEARCH;
        if (!caps || cap_set_flag(caps.get(), CAP_EFFECTIVE, 1, &pass, CAP_SET) != 0 ||
            cap_set_proc(caps.get()) != 0)
            return fail_errno("act as the owner of " + folder.string());
        if (setfsuid(static_cast<uid_t>(-1)) != static_cast<int>(facts.st_uid))
            return fail(ErrorCode::P04, "{}: cannot act as its owner", folder.string());
    }
    if (lstat(ctl.database.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode))
        return fail(ErrorCode::P04, "{}: is a link, or no file: must be the database itself", ctl.database);
    return Store::open(ctl.database, ctl.clock);
}

}  // namespace berth::server
