// SPDX-License-Identifier: GPL-3.0-or-later
// Real libpam under pam_wrapper, with a module that does what each test writes down; users from nss_wrapper.
#include "greeter/session/pam/authenticator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_front_end.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

class Pam : public testing::Test {
  protected:
    void script(const std::string& text) {
        std::filesystem::remove(script_ + ".log");
        std::ofstream(script_) << text;
    }
    std::string log() const {
        std::ifstream file(script_ + ".log");
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::unique_ptr<Authenticator> make(const std::string& user) {
        return pam_authenticator({.service = "berth",
                                  .user = user,
                                  .tty = "tty1",
                                  .set_groups =
                                      [this](const char* name, gid_t gid) {
                                          groups_set_.push_back(fmt::format("{} {}", name, gid));
                                          return 0;
                                      }},
                                 front_end_, report_);
    }

    std::string script_ = std::string(getenv("BERTH_TEST_SCRIPT"));
    FakeClock clock_;
    FakeFrontEnd front_end_{clock_};
    RecordingReport report_;
    std::vector<std::string> groups_set_;
};

TEST_F(Pam, goes_from_start_to_end_with_one_handle_in_the_order_of_the_manual) {
    script("auth conv 1\noff Password: =geheim\n");
    front_end_.answers = {"geheim"};
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    ASSERT_TRUE(a->account());
    ASSERT_TRUE(a->open());
    ASSERT_TRUE(a->end());
    const std::string items = " tty=tty1 rhost=- user=ann\n";
    EXPECT_EQ(log(), "auth flags=1" + items + "conv 1 0\naccount flags=1" + items +
                         fmt::format("setcred flags={}", PAM_ESTABLISH_CRED) + items + "open flags=0" +
                         items + "close flags=0" + items + fmt::format("setcred flags={}", PAM_DELETE_CRED) +
                         items);
    EXPECT_EQ(groups_set_, std::vector<std::string>{"ann 1000"});
    EXPECT_TRUE(front_end_.has("prompt- Password: "));
}

TEST_F(Pam, ends_by_the_rank_reached) {
    script("open return 14\n");  // PAM_SESSION_ERR
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    ASSERT_TRUE(a->account());
    auto opened = a->open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(code_of(opened), "BERTH-L04");
    ASSERT_TRUE(a->end());
    EXPECT_FALSE(log().contains("close"));
    EXPECT_TRUE(log().contains(fmt::format("setcred flags={}", PAM_DELETE_CRED)));
    const std::string before = log();
    ASSERT_TRUE(a->end());
    EXPECT_EQ(log(), before);
}

TEST_F(Pam, does_not_delete_credentials_that_were_never_made) {
    script("auth return 7\n");  // PAM_AUTH_ERR
    auto a = make("ann");
    ASSERT_FALSE(a->authenticate());
    ASSERT_TRUE(a->end());
    EXPECT_FALSE(log().contains("setcred"));
}

TEST_F(Pam, says_the_same_for_a_wrong_password_and_an_unknown_user) {
    script("auth return 7\n");
    auto wrong = make("ann")->authenticate();
    script("auth return 10\n");  // PAM_USER_UNKNOWN
    auto unknown = make("nobody-here")->authenticate();
    ASSERT_FALSE(wrong);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(wrong.error().to_user(), unknown.error().to_user());
    EXPECT_EQ(code_of(wrong), "BERTH-L01");
}

TEST_F(Pam, takes_a_conversation_without_messages) {
    script("auth conv 0\n");
    EXPECT_TRUE(make("ann")->authenticate());
    EXPECT_TRUE(log().contains("conv 0 0\n"));
}

TEST_F(Pam, takes_two_prompts_in_one_conversation) {
    script("auth conv 2\non Token: =123456\noff PIN: =0000\n");
    front_end_.answers = {"123456", "0000"};
    EXPECT_TRUE(make("ann")->authenticate());
    EXPECT_EQ(front_end_.shown, (std::vector<std::string>{"prompt+ Token: ", "prompt- PIN: "}));
}

TEST_F(Pam, takes_32_messages_of_all_styles_in_one_conversation) {
    std::string text = "auth conv 32\n";
    std::vector<std::string> expected;
    for (int i = 0; i < 8; ++i) {
        text += fmt::format("off a{}=secret{}\non b{}=open{}\ninfo c{}\nerror d{}\n", i, i, i, i, i, i);
        for (const auto& line : {fmt::format("prompt- a{}", i), fmt::format("prompt+ b{}", i),
                                 fmt::format("info c{}", i), fmt::format("error d{}", i)})
            expected.push_back(line);
        front_end_.answers.push_back(fmt::format("secret{}", i));
        front_end_.answers.push_back(fmt::format("open{}", i));
    }
    script(text);
    EXPECT_TRUE(make("ann")->authenticate());
    EXPECT_EQ(front_end_.shown, expected);
}

TEST_F(Pam, treats_an_error_message_as_a_message) {
    script("auth conv 1\nerror Your password expires in 2 days\n");
    EXPECT_TRUE(make("ann")->authenticate());
    EXPECT_TRUE(front_end_.has("error Your password expires in 2 days"));
}

TEST_F(Pam, refuses_a_style_that_does_not_exist) {
    script("auth conv 2\noff Password: =geheim\nodd what\n");
    front_end_.answers = {"geheim"};
    EXPECT_FALSE(make("ann")->authenticate());
    EXPECT_TRUE(log().contains(fmt::format("conv 2 {}\n", PAM_CONV_ERR)));
}

TEST_F(Pam, tells_that_the_user_gave_up) {
    script("auth conv 1\noff Password: =geheim\n");
    auto status = make("ann")->authenticate();
    ASSERT_FALSE(status);
    EXPECT_EQ(code_of(status), "BERTH-L05");
}

TEST_F(Pam, asks_for_the_name_when_none_was_typed_and_uses_the_one_pam_says) {
    script("auth user bob\n");
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    ASSERT_TRUE(a->account());
    ASSERT_TRUE(a->open());
    EXPECT_EQ(a->user(), (User{.name = "bob", .uid = 1001, .gid = 1001, .groups = {}}));
    EXPECT_EQ(groups_set_, std::vector<std::string>{"bob 1001"});
    ASSERT_TRUE(a->end());
}

TEST_F(Pam, changes_an_expired_password_in_the_same_conversation) {
    script(
        "auth conv 1\noff Password: =old\naccount return 12\nchauthtok conv 3\ninfo Changing password\noff "
        "New: =new\noff Again: =new\n");
    front_end_.answers = {"old", "new", "new"};
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    ASSERT_TRUE(a->account());
    ASSERT_TRUE(a->open());
    EXPECT_TRUE(log().contains(
        fmt::format("chauthtok flags={} ", PAM_CHANGE_EXPIRED_AUTHTOK | 0x2000 /* PAM_UPDATE_AUTHTOK */)));
    ASSERT_TRUE(a->end());
}

TEST_F(Pam, says_that_an_expired_password_was_not_changed) {
    script("account return 12\nchauthtok return 20\n");  // PAM_AUTHTOK_ERR
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    auto account = a->account();
    ASSERT_FALSE(account);
    EXPECT_EQ(code_of(account), "BERTH-L03");
}

TEST_F(Pam, says_that_an_account_is_locked) {
    script("account return 13\n");  // PAM_ACCT_EXPIRED
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    auto account = a->account();
    ASSERT_FALSE(account);
    EXPECT_EQ(code_of(account), "BERTH-L02");
}

TEST_F(Pam, says_that_an_account_may_not_log_in_here) {
    script("account return 6\n");  // PAM_PERM_DENIED
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    EXPECT_EQ(code_of(a->account()), "BERTH-L07");
}

TEST_F(Pam, says_that_the_service_is_broken) {
    script("auth return 3\n");  // PAM_SERVICE_ERR
    auto status = make("ann")->authenticate();
    ASSERT_FALSE(status);
    EXPECT_EQ(code_of(status), "BERTH-L04");
}

TEST_F(Pam, does_not_know_a_user_that_nss_does_not_know) {
    script("auth user ghost\n");
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    auto opened = a->open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(code_of(opened), "BERTH-L09");
    ASSERT_TRUE(a->end());
}

TEST_F(Pam, asks_nobody_while_the_session_is_being_closed) {
    script("close conv 1\noff Why? =because\n");
    front_end_.answers = {"because"};
    auto a = make("ann");
    ASSERT_TRUE(a->authenticate());
    ASSERT_TRUE(a->open());
    EXPECT_FALSE(a->end());
    EXPECT_FALSE(front_end_.mentions("Why?"));
}

TEST_F(Pam, logs_a_session_that_nobody_ended) {
    script("");
    {
        auto a = make("ann");
        ASSERT_TRUE(a->authenticate());
    }
    EXPECT_TRUE(report_.has("the PAM session was never ended"));
}

TEST(Users, lists_every_group_but_the_own_one) {
    auto user = look_up_user("many");
    ASSERT_TRUE(user);
    EXPECT_EQ(user->gid, 1002u);
    EXPECT_EQ(user->groups.size(), 17u);
    EXPECT_EQ(user->groups.front(), 2001u);
}

}  // namespace
}  // namespace berth::session

/// The wrappers must be preloaded: this program writes its PAM service and its users into a folder and starts
/// itself again with them.
int main(int argc, char** argv) {
    if (getenv("BERTH_TEST_SCRIPT") != nullptr) {
        testing::InitGoogleTest(&argc, argv);
        const int result = RUN_ALL_TESTS();
        std::filesystem::remove_all(std::filesystem::path(getenv("BERTH_TEST_SCRIPT")).parent_path());
        return result;
    }
    char name[] = "/tmp/berth-pam-XXXXXX";
    if (mkdtemp(name) == nullptr) return 1;
    const std::string folder = name, script = folder + "/script";
    std::filesystem::create_directory(folder + "/pam.d");
    std::ofstream service(folder + "/pam.d/berth");
    for (const char* kind : {"auth", "account", "password", "session"})
        service << kind << " required " << BERTH_PAM_SCRIPTED << " " << script << "\n";
    service.close();
    std::ofstream(folder + "/passwd")
        << "ann:x:1000:1000::/:/bin/false\nbob:x:1001:1001::/:/bin/false\nmany:x:1002:1002::/:/bin/false\n";
    std::ofstream group(folder + "/group");
    group << "ann:x:1000:\nbob:x:1001:\nmany:x:1002:\n";
    for (int i = 1; i <= 17; ++i) group << "g" << i << ":x:" << 2000 + i << ":many\n";
    group.close();
    setenv("BERTH_TEST_SCRIPT", script.c_str(), 1);
    setenv("LD_PRELOAD", "libpam_wrapper.so:libnss_wrapper.so", 1);
    setenv("PAM_WRAPPER", "1", 1);
    setenv("PAM_WRAPPER_SERVICE_DIR", (folder + "/pam.d").c_str(), 1);
    setenv("NSS_WRAPPER_PASSWD", (folder + "/passwd").c_str(), 1);
    setenv("NSS_WRAPPER_GROUP", (folder + "/group").c_str(), 1);
    execv("/proc/self/exe", argv);
    return 1;
}
