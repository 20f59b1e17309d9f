// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/protocol/protocol.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "greeter/protocol/forms.h"
#include "greeter/protocol/screen_forms.h"
#include "tests/testing/message_contract.h"

namespace berth::protocol {
namespace {

using message_contract::holds_for;
using message_contract::is_the_table;
using nlohmann::json;

const Prompt prompt{.id = 7, .echo = false, .text = "Password: "};
const Note note{.style = NoteStyle::error, .text = "no"};
const Choice choice{.id = 3, .title = "Which VM?", .options = {"a", "b"}, .preset = 1};
const Progress progress{
    .step = "mount", .text = "Opening your files", .state = StepState::undoing, .index = 5, .of = 13};
const Answer answer{.id = 7, .text = WipedText("geheim")};
const Chosen chosen{.id = 3, .index = 1};

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_to_the_screen) {
    const Screen screen{.mode = ScreenMode::menu,
                        .host = "berth-12",
                        .version = "1",
                        .notices = {"No network."},
                        .sak_hint = "Ctrl-]",
                        .volume = "40 %",
                        .brightness = "70 %"};
    holds_for<ToUi>({screen, prompt, note, choice, progress, Clear{}});
}

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_from_the_screen) {
    holds_for<FromUi>({Ready{}, Login{WipedText("j\xc3\xb6rg")}, answer, chosen, Cancel{},
                       Power{PowerAction::reboot}, Menu{MenuAction::send_key}});
}

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_to_the_session) {
    const Start start{.user = WipedText("ann"), .tty = "/dev/tty1", .session = "s-1"};
    holds_for<ToSession>({start, answer, chosen, Cancel{}, Vm{VmAction::force_off}});
}

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_from_the_session) {
    const End end{.result = Outcome::done, .power = AfterEnd::reboot};
    holds_for<FromSession>({prompt, note, choice, progress, Clear{},
                            GuestScreen{.socket = "/run/berth/screen/s1/spice.sock", .vm = "work"},
                            Console{.fd = {}, .vm = "work"}, ConsoleEnd{},
                            StatusText{.text = "silent", .stands = true}, Standing{{"silent", "full"}}, end});
}

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_to_the_viewer) {
    holds_for<ToScreen>({screen::Guest{.socket = "/run/berth/vm/s1/screen/spice.sock", .vm = "work"},
                         screen::Progress{"Starting work"}, screen::Words{.text = "Saved.", .seconds = 5},
                         screen::Ping{3}, screen::SendKey{}, screen::GuestEnd{}});
}

TEST(Messages, come_out_as_they_went_in_and_are_checked_field_by_field_from_the_viewer) {
    holds_for<FromScreen>({screen::Hello{}, screen::Frame{}, screen::Pong{3}, screen::Gone{"closed"}});
}

TEST(Messages, are_the_tables_of_the_architecture) {
    is_the_table<ToUi>("to the UI");
    is_the_table<FromUi>("from the UI");
    is_the_table<ToSession>("to the session");
    is_the_table<FromSession>("from the session");
    is_the_table<ToScreen>("to the viewer");
    is_the_table<FromScreen>("from the viewer");
}

TEST(Messages, have_the_limits_of_the_architecture) {
    EXPECT_EQ(k_text.most, 16 * 1024U);
    EXPECT_EQ(k_list.most, 16 * 1024U);
    EXPECT_EQ(k_list.items, 256U);
    EXPECT_EQ(k_name.most, 256U);
    EXPECT_EQ(k_number.most, 1'000'000'000U);
}

TEST(Messages, are_unknown_in_a_direction_that_is_not_theirs) {
    const auto reads = []<typename Direction>(std::type_identity<Direction>, json body) {
        Message message{.body = std::move(body), .fd = {}};
        return read<Direction>(message).has_value();
    };
    const json start{{"type", "start"}, {"user", "ann"}, {"tty", "tty1"}, {"session", "s1"}};
    EXPECT_TRUE(reads(std::type_identity<ToSession>{}, start));
    EXPECT_FALSE(reads(std::type_identity<FromUi>{}, start));
    EXPECT_FALSE(reads(std::type_identity<FromSession>{}, {{"type", "cancel"}}));
    EXPECT_FALSE(reads(std::type_identity<ToUi>{}, {{"type", "end"}, {"result", "done"}}));
}

TEST(Messages, give_a_session_no_name_that_leads_out_of_its_folder) {
    for (const char* name : {"../x", "", ".", "a/b", "s 1", "s_1"}) {
        Message message{.body = {{"type", "start"}, {"user", "ann"}, {"tty", "tty1"}, {"session", name}},
                        .fd = {}};
        EXPECT_FALSE(read<ToSession>(message)) << name;
    }
}

TEST(Messages, need_the_descriptor_of_a_console_that_they_announce) {
    const json body{{"type", "console"}, {"fd", true}, {"vm", "work"}};
    Message without{.body = body, .fd = {}};
    EXPECT_FALSE(read<FromSession>(without));
    Message with{.body = body, .fd = UniqueFd(dup(0))};
    EXPECT_TRUE(read<FromSession>(with));
    EXPECT_TRUE(with.fd) << "it is the caller's";
}

TEST(Messages, are_overwritten_where_they_came_from_if_they_may_hold_a_password) {
    for (json body : {json{{"type", "answer"}, {"id", 1U}, {"text", "secret"}},
                      json{{"type", "login"}, {"user", "secret"}},
                      json{{"type", "answer"}, {"id", 1U}, {"text", std::string(20000, 'x')}}}) {
        Message message{.body = body, .fd = {}};
        const char* name = body["type"] == "login" ? "user" : "text";
        (void)read<FromUi>(message);
        const size_t length = body[name].get<std::string>().size();
        EXPECT_EQ(message.body[name].get<std::string>(), std::string(length, '\0'));
    }
}

TEST(Messages, travel_in_frames_that_the_other_end_reads) {
    auto frame = frame_of(FromUi(answer));
    ASSERT_TRUE(frame);
    auto body = take_frame(*frame);
    ASSERT_TRUE(body && *body);
    Message message{.body = std::move(**body), .fd = {}};
    const auto read_back = read<FromUi>(message);
    ASSERT_TRUE(read_back);
    EXPECT_EQ(std::get<Answer>(*read_back), answer);
    EXPECT_FALSE(frame_of(ToUi(Screen{.notices = std::vector<std::string>(10, std::string(16000, 'x'))})))
        << "larger than a frame";
}

}  // namespace
}  // namespace berth::protocol
