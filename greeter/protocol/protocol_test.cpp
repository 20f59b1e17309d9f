// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/protocol/protocol.h"

#include <gtest/gtest.h>

namespace berth::supervisor {
namespace {

using nlohmann::json;

TEST(Protocol, lets_every_message_of_the_architecture_through) {
    EXPECT_TRUE(check(Link::to_ui, {{"type", "screen"},
                                    {"mode", "menu"},
                                    {"host", "h"},
                                    {"version", "1"},
                                    {"notices", json::array()},
                                    {"sak_hint", "^]"}}));
    EXPECT_TRUE(check(Link::to_ui, {{"type", "clear"}}));
    EXPECT_TRUE(check(Link::from_ui, {{"type", "ready"}}));
    EXPECT_TRUE(check(Link::from_ui, {{"type", "login"}, {"user", "ann"}}));
    EXPECT_TRUE(check(Link::from_ui, {{"type", "power"}, {"action", "reboot"}}));
    EXPECT_TRUE(check(Link::from_ui, {{"type", "menu"}, {"action", "send-key"}}));
    EXPECT_TRUE(check(Link::to_session,
                      {{"type", "start"}, {"user", "ann"}, {"tty", "/dev/tty1"}, {"session", "s-1"}}));
    EXPECT_TRUE(check(Link::to_session, {{"type", "vm"}, {"action", "status"}}));
    EXPECT_TRUE(check(Link::from_session, {{"type", "console"}, {"fd", true}, {"vm", "work"}}));
    EXPECT_TRUE(check(Link::from_session, {{"type", "end"}, {"result", "done"}, {"power", ""}}));
    for (Link link : {Link::to_ui, Link::from_session}) {
        EXPECT_TRUE(check(link, {{"type", "prompt"}, {"id", 1}, {"echo", false}, {"text", "Password: "}}));
        EXPECT_TRUE(check(link, {{"type", "message"}, {"style", "error"}, {"text", "no"}}));
        EXPECT_TRUE(check(
            link, {{"type", "choice"}, {"id", 1}, {"title", "VM"}, {"options", {"a"}}, {"default", 0}}));
        EXPECT_TRUE(check(link, {{"type", "progress"},
                                 {"step", "mount"},
                                 {"text", "x"},
                                 {"state", "undoing"},
                                 {"index", 1},
                                 {"of", 2}}));
    }
    for (Link link : {Link::from_ui, Link::to_session}) {
        EXPECT_TRUE(check(link, {{"type", "answer"}, {"id", 1}, {"text", "x"}}));
        EXPECT_TRUE(check(link, {{"type", "chosen"}, {"id", 1}, {"index", 0}}));
        EXPECT_TRUE(check(link, {{"type", "cancel"}}));
    }
}

TEST(Protocol, refuses_what_it_does_not_know) {
    EXPECT_FALSE(check(Link::from_ui, {{"type", "exec"}}));
    EXPECT_FALSE(check(Link::from_ui, {{"type", "start"}, {"user", "x"}, {"tty", "x"}, {"session", "x"}}));
    EXPECT_FALSE(check(Link::from_ui, {{"type", "power"}, {"action", "rm"}}));
    EXPECT_FALSE(check(Link::from_ui, {{"type", "login"}}));
    EXPECT_FALSE(check(Link::from_ui, {{"type", "login"}, {"user", 7}}));
    EXPECT_FALSE(check(Link::from_ui, {{"type", "login"}, {"user", std::string(257, 'a')}}));
    EXPECT_FALSE(check(Link::from_ui, json::array()));
    EXPECT_FALSE(check(Link::from_session,
                       {{"type", "choice"}, {"id", 1}, {"title", "x"}, {"options", {1}}, {"default", 0}}));
    EXPECT_FALSE(check(Link::from_session, {{"type", "choice"},
                                            {"id", 1},
                                            {"title", "x"},
                                            {"options", json(std::vector<std::string>(257, "a"))}}));
}

TEST(Protocol, refuses_numbers_out_of_range) {
    for (json id :
         {json(-1), json(1.5), json("1"), json(18446744073709551615ULL), json(1e300), json(nullptr)})
        EXPECT_FALSE(check(Link::from_ui, {{"type", "answer"}, {"id", id}, {"text", ""}})) << id;
}

TEST(Protocol, drops_fields_that_do_not_belong) {
    auto body = check(Link::from_ui, {{"type", "cancel"}, {"extra", "x"}});
    ASSERT_TRUE(body);
    EXPECT_EQ(*body, (json{{"type", "cancel"}}));
}

TEST(Protocol, overwrites_every_string) {
    json body{{"type", "answer"}, {"text", "secret"}, {"list", {"another"}}};
    wipe(body);
    EXPECT_EQ(body["text"].get<std::string>(), std::string(6, '\0'));
    EXPECT_EQ(body["list"][0].get<std::string>(), std::string(7, '\0'));
}

}  // namespace
}  // namespace berth::supervisor
