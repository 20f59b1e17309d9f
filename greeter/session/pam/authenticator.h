// SPDX-License-Identifier: GPL-3.0-or-later
// One PAM handle from the first prompt to the end of the session (pam(3)). It reaches a rank;
// the end undoes what the rank says: close_session, DELETE_CRED, pam_end.
#pragma once

#include <grp.h>
#include <security/pam_appl.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/report.h"
#include "greeter/session/pam/pam_conversation.h"

namespace berth::session {

/// Who PAM says the user is, and what the client's user database (NSS) says of them.
struct User {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;  ///< Supplementary ones, sorted, without `gid`.
    friend bool operator==(const User&, const User&) = default;
};

class Authenticator {
  public:
    virtual ~Authenticator() = default;
    /// PAM_TTY set and PAM_RHOST unset before pam_authenticate(3).
    virtual Status authenticate() = 0;
    /// pam_acct_mgmt(3), and pam_chauthtok(3) in the same conversation when the password has expired.
    virtual Status account() = 0;
    /// initgroups(3), pam_setcred(3) ESTABLISH, pam_open_session(3). Then user() is known.
    virtual Status open() = 0;
    virtual const User& user() const = 0;
    /// By rank reached; idempotent. L04 tells the first step of it that failed; the rest is still done.
    virtual Status end() = 0;
};

struct PamOptions {
    std::string service = "berth";
    std::string user;  ///< As typed; empty: PAM asks.
    std::string tty;
    Watchdog* watchdog = nullptr;               ///< Ends the process when a module never returns.
    Duration limit = std::chrono::seconds(60);  ///< For each of the four functions of Authenticator.
    std::function<int(const char*, gid_t)> set_groups =
        ::initgroups;  ///< A test without the privilege orders another.
};

std::unique_ptr<Authenticator> pam_authenticator(PamOptions options, FrontEnd& front_end, Report& report);

/// What a PAM return code (pam(3)) of `step` means to a user. An unknown user and a wrong password are one
/// error with one text.
enum class PamStep { authenticate, account, change_password, credentials, session };
Error pam_error(PamStep step, int code);

/// Looks the name up (getpwnam_r(3), getgrouplist(3)). L09 when it is not there.
Result<User> look_up_user(const std::string& name);

}  // namespace berth::session
