// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/greeter_link.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "greeter/session/resources/provisioner_client.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;

/// Both ends in one thread: what the greeter will say is written before the session reads.
class GreeterLinkTest : public testing::Test {
  protected:
    GreeterLinkTest() {
        auto pair = message_pair();
        greeter_.emplace(std::move(pair->first));
        link_ = std::make_unique<GreeterLink>(std::move(pair->second), -1, report_);
    }
    nlohmann::json next() { return greeter_->wait(1000).value()->body; }
    void say(const nlohmann::json& body) { ASSERT_TRUE(greeter_->send(make_frame(body))); }

    RecordingReport report_;
    std::optional<MessageSocket> greeter_;
    std::unique_ptr<GreeterLink> link_;
};

TEST_F(GreeterLinkTest, asks_and_takes_the_answer_with_the_same_number_only) {
    say({{"type", "answer"}, {"id", 7}, {"text", "stray"}});
    say({{"type", "answer"}, {"id", 1}, {"text", "geheim"}});
    auto secret = link_->ask("Password: ", false);
    ASSERT_TRUE(secret);
    EXPECT_EQ(secret->view(), "geheim");
    EXPECT_EQ(next(),
              (nlohmann::json{{"type", "prompt"}, {"id", 1}, {"echo", false}, {"text", "Password: "}}));
}

TEST_F(GreeterLinkTest, gives_up_when_the_user_does) {
    say({{"type", "cancel"}});
    EXPECT_EQ(code_of(link_->ask("Password: ", false)), "BERTH-L05");
    EXPECT_TRUE(link_->stopping());
    link_->ignore_cancel();
    EXPECT_FALSE(link_->stopping());
}

TEST_F(GreeterLinkTest, shows_by_a_descriptor_that_the_user_may_have_given_up) {
    const auto readable = [this] {
        pollfd p{link_->wish_fd(), POLLIN, 0};
        return poll(&p, 1, 0) == 1;
    };
    EXPECT_FALSE(readable());
    say({{"type", "answer"}, {"id", 7}, {"text", "stray"}});
    EXPECT_TRUE(readable());
    EXPECT_FALSE(link_->stopping()) << "it was something else";
    EXPECT_FALSE(readable());
    say({{"type", "cancel"}});
    EXPECT_TRUE(readable());
    EXPECT_TRUE(link_->stopping());
}

TEST_F(GreeterLinkTest, gives_up_when_the_greeter_is_gone) {
    greeter_.reset();
    EXPECT_EQ(code_of(link_->choose("Which?", {"a", "b"}, 0)), "BERTH-L05");
    EXPECT_EQ(link_->listen(milliseconds(0), {}).wish, Wish::close);
    EXPECT_EQ(link_->listen(milliseconds(0), {}).wish, Wish::none);
    EXPECT_TRUE(link_->stopping());
}

TEST_F(GreeterLinkTest, ends_the_connection_of_one_that_chooses_what_is_not_offered) {
    say({{"type", "chosen"}, {"id", 1}, {"index", 2}});
    EXPECT_FALSE(link_->choose("Which?", {"a", "b"}, 0));
    EXPECT_TRUE(link_->stopping());
}

TEST_F(GreeterLinkTest, says_nothing_longer_than_the_greeter_takes) {
    constexpr size_t k_greeter_takes = 16 * 1024;  // greeter/protocol/forms.h
    // Bytes that are no UTF-8 become three each on the way.
    const std::string endless(1 << 20, '\xff');
    link_->say(MessageStyle::error, endless);
    link_->status(endless, true);
    link_->progress({"check", endless, protocol::StepState::doing, 0, 1});
    for (int i = 0; i < 3; ++i) {
        const auto body = next();
        EXPECT_LE(body["text"].get<std::string>().size(), k_greeter_takes) << body["type"];
        EXPECT_TRUE(body["text"].get<std::string>().ends_with("...")) << body["type"];
    }
    link_->standing({endless, "short"});
    const auto lines = next()["lines"];
    EXPECT_LE(lines[0].get<std::string>().size(), k_greeter_takes);
    EXPECT_EQ(lines[1], "short");
    say({{"type", "answer"}, {"id", 1}, {"text", "x"}});
    EXPECT_TRUE(link_->ask(endless, true));
    EXPECT_LE(next()["text"].get<std::string>().size(), k_greeter_takes);
    say({{"type", "chosen"}, {"id", 2}, {"index", 255}});
    EXPECT_TRUE(link_->choose(endless, std::vector<std::string>(256, std::string(255, '\xff')), 0));
    const auto choice = next();
    EXPECT_LE(choice["title"].get<std::string>().size(), k_greeter_takes);
    EXPECT_EQ(choice["options"].size(), 256u);
    EXPECT_FALSE(link_->stopping());
}

TEST_F(GreeterLinkTest, hears_wishes_and_descriptors) {
    for (const char* action : {"status", "close", "force-off"}) say({{"type", "vm"}, {"action", action}});
    EXPECT_EQ(link_->listen(milliseconds(100), {}).wish, Wish::status);
    EXPECT_EQ(link_->listen(milliseconds(100), {}).wish, Wish::close);
    EXPECT_EQ(link_->listen(milliseconds(100), {}).wish, Wish::force_off);
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    UniqueFd reader(fds[0]), writer(fds[1]);
    ASSERT_EQ(write(writer.get(), "x", 1), 1);
    const Watched watched[] = {{reader.get(), POLLIN}};
    const Heard heard = link_->listen(milliseconds(100), watched);
    EXPECT_EQ(heard.wish, Wish::descriptor);
    EXPECT_EQ(heard.fd, reader.get());
}

TEST_F(GreeterLinkTest, waits_for_a_well_formed_start) {
    say({{"type", "start"}, {"user", "ann"}, {"tty", "tty1"}, {"session", "s1"}});
    auto start = link_->wait_for_start();
    ASSERT_TRUE(start);
    EXPECT_EQ(start->session, "s1");
}

TEST_F(GreeterLinkTest, ends_with_the_first_thing_that_is_no_message_to_a_session) {
    say({{"type", "answer"}, {"id", 1}, {"text", 7}});
    say({{"type", "answer"}, {"id", 1}, {"text", "geheim"}});
    EXPECT_FALSE(link_->ask("Password: ", false));
    EXPECT_TRUE(link_->stopping());
}

TEST_F(GreeterLinkTest, starts_nothing_when_another_message_comes_first) {
    say({{"type", "vm"}, {"action", "status"}});
    EXPECT_FALSE(link_->wait_for_start());
}

TEST(Secrets, are_wiped_and_move_without_a_copy) {
    auto secret = Secret::from("geheim");
    ASSERT_TRUE(secret);
    const char* place = secret->view().data();
    Secret moved = std::move(*secret);
    EXPECT_EQ(moved.view().data(), place);
    EXPECT_TRUE(secret->view().empty());
    moved.wipe();
    EXPECT_TRUE(moved.view().empty());
}

TEST(ProvisionerAddress, comes_from_the_kernel_command_line_and_the_record) {
    auto p = find_provisioner(
        "quiet berth.provisioner=http://10.0.0.1:8080/ berth.machine=m-2 berth.boot=aa\n", "m-1", "bb");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->url, "http://10.0.0.1:8080");
    EXPECT_EQ(p->machine, "m-1");
    EXPECT_EQ(p->token, "bb");
    EXPECT_EQ(find_provisioner("berth.provisioner=http://x berth.machine=m-2 berth.boot=aa", "", "")->token,
              "aa");
    EXPECT_FALSE(find_provisioner("quiet", "m-1", ""));
}

}  // namespace
}  // namespace berth::session
