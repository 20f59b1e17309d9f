// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/pam/authenticator.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/wipe_stack.h"

namespace berth::session {
namespace {

enum class Rank { none, started, authenticated, credentials, session };

class PamAuthenticator final : public Authenticator {
  public:
    PamAuthenticator(PamOptions options, FrontEnd& front_end, Report& report)
        : options_(std::move(options)), conversation_(front_end, options_.watchdog), report_(report) {}
    ~PamAuthenticator() override {
        if (rank_ == Rank::none) return;
        report_.event(Level::error, "the PAM session was never ended");
        (void)end();
    }

    Status authenticate() override;
    Status account() override;
    Status open() override;
    const User& user() const override { return user_; }
    Status end() override;

  private:
    Status start();
    Status check(PamStep step, int code);
    /// Modules, and the user database behind them, may wait for a server that is silent.
    Watchdog::Watch watch(const char* calls) const { return {options_.watchdog, calls, options_.limit}; }

    PamOptions options_;
    PamConversation conversation_;
    Report& report_;
    pam_conv conv_ = conversation_.conv();
    pam_handle_t* handle_ = nullptr;
    int last_ = PAM_SUCCESS;
    Rank rank_ = Rank::none;
    User user_;
    std::vector<gid_t> groups_before_;
};

Status PamAuthenticator::check(PamStep step, int code) {
    last_ = code;
    if (code == PAM_SUCCESS) return {};
    report_.event(Level::info, "PAM said no",
                  {{"code", std::to_string(code)}, {"text", pam_strerror(handle_, code)}});
    if (conversation_.given_up()) return fail(ErrorCode::L05);
    return fail(pam_error(step, code));
}

Status PamAuthenticator::start() {
    const char* user = options_.user.empty() ? nullptr : options_.user.c_str();
    if (const int code = pam_start(options_.service.c_str(), user, &conv_, &handle_); code != PAM_SUCCESS)
        return fail(ErrorCode::L04, "PAM service \"{}\": {}", options_.service, pam_strerror(nullptr, code));
    rank_ = Rank::started;
    BERTH_TRY(check(PamStep::session, pam_set_item(handle_, PAM_TTY, options_.tty.c_str())));
    // A module must not take this for a remote login; PAM_RUSER neither.
    return check(PamStep::session, pam_set_item(handle_, PAM_RHOST, nullptr));
}

Status PamAuthenticator::authenticate() {
    const auto watched = watch("pam_authenticate");
    const WipeStack wiped;
    BERTH_TRY(start());
    BERTH_TRY(check(PamStep::authenticate, pam_authenticate(handle_, PAM_DISALLOW_NULL_AUTHTOK)));
    rank_ = Rank::authenticated;
    return {};
}

Status PamAuthenticator::account() {
    const auto watched = watch("pam_acct_mgmt");
    const WipeStack wiped;
    const int code = pam_acct_mgmt(handle_, PAM_DISALLOW_NULL_AUTHTOK);
    if (code != PAM_NEW_AUTHTOK_REQD) return check(PamStep::account, code);
    return check(PamStep::change_password, pam_chauthtok(handle_, PAM_CHANGE_EXPIRED_AUTHTOK));
}

Status PamAuthenticator::open() {
    const auto watched = watch("pam_setcred and pam_open_session");
    const void* name = nullptr;  // PAM's word, not what was typed
    BERTH_TRY(check(PamStep::credentials, pam_get_item(handle_, PAM_USER, &name)));
    if (name == nullptr) return fail(ErrorCode::L04, "PAM knows no user name");
    user_ = BERTH_TRY(look_up_user(static_cast<const char*>(name)));

    groups_before_.resize(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
    if (getgroups(static_cast<int>(groups_before_.size()), groups_before_.data()) < 0)
        return fail_errno("getgroups");
    if (options_.set_groups(user_.name.c_str(), user_.gid) != 0)
        return fail_errno("initgroups " + user_.name);
    // From here DELETE_CRED is due: a stack may have made some of its credentials before one module failed.
    rank_ = Rank::credentials;
    BERTH_TRY(check(PamStep::credentials, pam_setcred(handle_, PAM_ESTABLISH_CRED)));
    BERTH_TRY(check(PamStep::session, pam_open_session(handle_, 0)));
    rank_ = Rank::session;
    return {};
}

Status PamAuthenticator::end() {
    conversation_.stop_asking();
    const auto watched = watch("pam_close_session");
    Status first;
    const auto note = [&](const char* what, int code) {
        last_ = code;
        if (code == PAM_SUCCESS) return;
        Error e(ErrorCode::L04, fmt::format("{}: {}", what, pam_strerror(handle_, code)));
        report_.error("PAM could not end", e);
        if (first) first = fail(std::move(e));
    };
    if (rank_ == Rank::session) note("pam_close_session", pam_close_session(handle_, 0));
    if (rank_ >= Rank::credentials) {
        note("pam_setcred", pam_setcred(handle_, PAM_DELETE_CRED));
        if (geteuid() == 0 && setgroups(groups_before_.size(), groups_before_.data()) != 0)
            report_.error("setgroups", fail_errno("setgroups").error());
    }
    if (rank_ >= Rank::started) pam_end(handle_, last_);
    handle_ = nullptr;
    rank_ = Rank::none;
    return first;
}

}  // namespace

std::unique_ptr<Authenticator> pam_authenticator(PamOptions options, FrontEnd& front_end, Report& report) {
    return std::make_unique<PamAuthenticator>(std::move(options), front_end, report);
}

Error pam_error(PamStep step, int code) {
    switch (code) {
        case PAM_ACCT_EXPIRED:
        case PAM_AUTHTOK_EXPIRED:
            return Error(ErrorCode::L02);
        case PAM_MAXTRIES:
            return Error(ErrorCode::L06);
        case PAM_AUTHINFO_UNAVAIL:
            return Error(ErrorCode::L08);
        default:
            break;
    }
    switch (step) {
        case PamStep::authenticate:
            if (code == PAM_AUTH_ERR || code == PAM_USER_UNKNOWN || code == PAM_PERM_DENIED ||
                code == PAM_CRED_INSUFFICIENT)
                return Error(ErrorCode::L01);
            break;
        case PamStep::account:
            if (code == PAM_PERM_DENIED || code == PAM_AUTH_ERR || code == PAM_USER_UNKNOWN)
                return Error(ErrorCode::L07);
            break;
        case PamStep::change_password:
            if (code == PAM_AUTHTOK_ERR || code == PAM_AUTHTOK_RECOVERY_ERR ||
                code == PAM_AUTHTOK_LOCK_BUSY || code == PAM_TRY_AGAIN || code == PAM_PERM_DENIED ||
                code == PAM_AUTHTOK_DISABLE_AGING || code == PAM_AUTH_ERR || code == PAM_USER_UNKNOWN)
                return Error(ErrorCode::L03);
            break;
        case PamStep::credentials:
        case PamStep::session:
            break;
    }
    return Error(ErrorCode::L04, pam_strerror(nullptr, code));
}

Result<User> look_up_user(const std::string& name) {
    std::vector<char> buffer(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    int code = 0;
    while ((code = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
           buffer.size() < (1U << 20))
        buffer.resize(buffer.size() * 2);
    if (found == nullptr)
        return fail(ErrorCode::L09, "{}{}{}", name, code == 0 ? "" : ": ",
                    code == 0 ? "" : std::strerror(code));

    User user{.name = entry.pw_name, .uid = entry.pw_uid, .gid = entry.pw_gid, .groups = {}};
    int count = 64;
    user.groups.resize(static_cast<size_t>(count));
    while (getgrouplist(user.name.c_str(), user.gid, user.groups.data(), &count) < 0) {
        if (count > 65536) return fail(ErrorCode::L09, "{}: more than 65536 groups", name);
        count = std::max(count, static_cast<int>(user.groups.size()) * 2);
        user.groups.resize(static_cast<size_t>(count));
    }
    user.groups.resize(static_cast<size_t>(count));
    std::ranges::sort(user.groups);
    const auto repeated = std::ranges::unique(user.groups);
    user.groups.erase(repeated.begin(), repeated.end());
    std::erase(user.groups, user.gid);
    return user;
}

}  // namespace berth::session
