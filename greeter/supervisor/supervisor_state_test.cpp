// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/supervisor_state.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berth::supervisor {
namespace {

using namespace protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Supervisor : public ::testing::Test {
  protected:
    Effects on(const Event& event) { return state.handle(event, now); }
    Effects ui(FromUi message) { return on(event::UiSaid{std::move(message)}); }
    Effects session(FromSession message) { return on(event::SessionSaid{std::move(message)}); }
    Effects after(Duration d) {
        now = now + d;
        return on(event::Tick{});
    }

    void at_login() {
        on(event::Facts{"berth-12", {}});
        on(event::Started{});
        ui(Ready{});
    }
    void in_session() {
        at_login();
        ui(Login{WipedText("ann")});
    }
    void in_console() {
        in_session();
        session(Console{{}, "work"});
    }
    void in_menu() {
        in_console();
        on(event::Attention{});
        ui(Ready{});
    }

    template <typename T>
    static const T* find(const Effects& effects) {
        for (const auto& e : effects)
            if (const T* found = std::get_if<T>(&e)) return found;
        return nullptr;
    }
    /// The messages of one type that were sent to the UI.
    template <typename T>
    static std::vector<T> shown(const Effects& effects) {
        std::vector<T> found;
        for (const auto& e : effects)
            if (const auto* s = std::get_if<effect::SendUi>(&e))
                if (const auto* message = std::get_if<T>(&s->message)) found.push_back(*message);
        return found;
    }
    static bool tells(const Effects& effects, std::string_view text) {
        return std::ranges::any_of(shown<Note>(effects),
                                   [&](const Note& n) { return n.text.contains(text); });
    }

    State state{"1.0", "Ctrl-]"};
    BootTime now{seconds(1000)};
};

TEST_F(Supervisor, starts_the_screen_and_tells_it_what_to_draw_once_it_is_ready) {
    on(event::Facts{"berth-12", {"No network."}});
    EXPECT_EQ(on(event::Started{}), Effects{effect::StartUi{}});
    const Screen screen{.mode = ScreenMode::login,
                        .host = "berth-12",
                        .version = "1.0",
                        .notices = {"No network."},
                        .sak_hint = "Ctrl-]"};
    EXPECT_EQ(ui(Ready{}), Effects{effect::SendUi{screen}});
}

TEST_F(Supervisor, starts_a_session_for_the_user_who_typed_a_name) {
    at_login();
    const auto effects = ui(Login{WipedText("ann")});
    ASSERT_TRUE(find<effect::StartSession>(effects));
    EXPECT_EQ(find<effect::StartSession>(effects)->user.view(), "ann");
    EXPECT_EQ(shown<Screen>(effects).at(0).mode, ScreenMode::session);
    EXPECT_EQ(state.phase(), Phase::session);
}

TEST_F(Supervisor, never_starts_a_second_session_beside_the_first) {
    in_session();
    EXPECT_TRUE(ui(Login{WipedText("bob")}).empty());
}

TEST_F(Supervisor, relays_a_prompt_and_its_answer_once) {
    in_session();
    const Prompt prompt{7, false, "Password: "};
    EXPECT_EQ(session(prompt), Effects{effect::SendUi{prompt}});
    const Answer answer{7, WipedText("secret")};
    EXPECT_EQ(ui(answer), Effects{effect::SendSession{answer}});
    EXPECT_TRUE(ui(answer).empty());
}

TEST_F(Supervisor, drops_an_answer_to_what_was_not_asked) {
    in_session();
    EXPECT_TRUE(ui(Answer{7, WipedText("x")}).empty());
    session(Prompt{7, false, "Password: "});
    EXPECT_TRUE(ui(Answer{8, WipedText("x")}).empty());
    EXPECT_TRUE(ui(Chosen{7, 0}).empty());
}

TEST_F(Supervisor, drops_a_choice_out_of_range) {
    in_session();
    session(Choice{3, "VM", {"a", "b"}, 0});
    EXPECT_TRUE(ui(Chosen{3, 2}).empty());
    EXPECT_FALSE(ui(Chosen{3, 1}).empty());
}

TEST_F(Supervisor, gives_the_terminal_to_the_guest_only_after_the_screen_left_it) {
    in_session();
    const auto effects = session(Console{{}, "work"});
    const auto stop = std::find(effects.begin(), effects.end(), Effect(effect::StopUi{}));
    const auto start = std::find(effects.begin(), effects.end(), Effect(effect::StartPump{}));
    ASSERT_NE(stop, effects.end());
    ASSERT_NE(start, effects.end());
    EXPECT_LT(stop, start);
    EXPECT_EQ(state.phase(), Phase::console);
}

TEST_F(Supervisor, shows_the_menu_at_the_attention_key) {
    in_console();
    EXPECT_EQ(on(event::Attention{}),
              (Effects{effect::SuspendPump{}, effect::AskLevels{}, effect::StartUi{}}));
    EXPECT_EQ(shown<Screen>(ui(Ready{})).at(0).mode, ScreenMode::menu);
}

TEST_F(Supervisor, goes_back_to_the_guest_from_the_menu) {
    in_menu();
    EXPECT_EQ(ui(Menu{MenuAction::back}), (Effects{effect::StopUi{}, effect::ResumePump{}}));
    EXPECT_EQ(state.phase(), Phase::console);
}

TEST_F(Supervisor, sends_the_attention_key_to_the_guest_only_from_the_menu) {
    in_menu();
    EXPECT_EQ(ui(Menu{MenuAction::send_key}),
              (Effects{effect::StopUi{}, effect::ResumePump{}, effect::SendKey{}}));
}

class SupervisorsMenu : public Supervisor,
                        public testing::WithParamInterface<std::pair<MenuAction, VmAction>> {};

TEST_P(SupervisorsMenu, hands_its_other_actions_to_the_session) {
    const auto& [action, wanted] = GetParam();
    in_menu();
    const auto effects = ui(Menu{action});
    ASSERT_TRUE(find<effect::SendSession>(effects));
    EXPECT_EQ(find<effect::SendSession>(effects)->message, ToSession(Vm{wanted}));
    EXPECT_EQ(tells(effects, ""), action == MenuAction::force_off) << "the session tells of the others";
}

INSTANTIATE_TEST_SUITE_P(, SupervisorsMenu,
                         testing::Values(std::pair{MenuAction::close, VmAction::close},
                                         std::pair{MenuAction::force_off, VmAction::force_off},
                                         std::pair{MenuAction::status, VmAction::status}));

TEST_F(Supervisor, takes_no_menu_action_outside_of_the_menu) {
    in_session();
    EXPECT_TRUE(ui(Menu{MenuAction::force_off}).empty());
}

TEST_F(Supervisor, shows_a_status_over_the_guest_or_in_the_menu) {
    in_console();
    EXPECT_EQ(session(StatusText{"The file server is not answering"}),
              Effects{effect::StatusLine{"The file server is not answering"}});
    on(event::Attention{});
    ui(Ready{});
    EXPECT_TRUE(tells(session(StatusText{"running"}), "running"));
}

TEST_F(Supervisor, prints_what_stands_once_where_the_guest_has_no_screen) {
    in_console();
    const Standing silent{{"The file server is not answering"}};
    EXPECT_TRUE(session(silent).empty());
    EXPECT_EQ(session(StatusText{.text = silent.lines[0], .stands = true}),
              Effects{effect::StatusLine{silent.lines[0]}});
    EXPECT_TRUE(session(Standing{}).empty());
    on(event::Attention{});
    ui(Ready{});
    EXPECT_TRUE(session(silent).empty());
    EXPECT_TRUE(tells(session(StatusText{.text = silent.lines[0], .stands = true}), silent.lines[0]));
}

TEST_F(Supervisor, says_over_the_guest_that_a_question_waits_and_asks_it_in_the_menu) {
    in_console();
    const Prompt prompt{9, true, "Force?"};
    EXPECT_TRUE(find<effect::StatusLine>(session(prompt)));
    on(event::Attention{});
    EXPECT_EQ(shown<Prompt>(ui(Ready{})).at(0), prompt);
}

TEST_F(Supervisor, takes_the_terminal_back_at_the_guests_end) {
    in_console();
    EXPECT_EQ(session(ConsoleEnd{}), (Effects{effect::EndPump{}, effect::StartUi{}}));
    EXPECT_EQ(shown<Screen>(ui(Ready{})).at(0).mode, ScreenMode::closing);
}

TEST_F(Supervisor, changes_the_menu_into_the_session_when_the_guest_ends_behind_it) {
    in_menu();
    const auto effects = session(ConsoleEnd{});
    EXPECT_TRUE(find<effect::EndPump>(effects));
    EXPECT_FALSE(find<effect::StartUi>(effects));
    EXPECT_EQ(shown<Screen>(effects).at(0).mode, ScreenMode::closing);
}

TEST_F(Supervisor, forgets_the_menus_remarks_with_the_guest_but_no_error) {
    in_menu();
    session(StatusText{"running for 3 minutes"});
    session(Note{NoteStyle::error, "BERTH-H30"});
    const auto effects = session(ConsoleEnd{});
    EXPECT_FALSE(shown<Clear>(effects).empty());
    EXPECT_FALSE(tells(effects, "running for"));
    EXPECT_TRUE(tells(effects, "BERTH-H30"));
}

TEST_F(Supervisor, is_back_at_the_login_after_a_session_that_went_well) {
    in_session();
    session(Note{NoteStyle::info, "hello"});
    session(End{Outcome::done});
    const auto effects = on(event::SessionDied{"exit code 0"});
    EXPECT_EQ(shown<Screen>(effects).at(0).mode, ScreenMode::login);
    EXPECT_FALSE(tells(effects, "hello"));
    EXPECT_FALSE(find<effect::StartSweeper>(effects));
}

TEST_F(Supervisor, keeps_what_a_failed_session_said_until_the_next_login) {
    in_session();
    session(Note{NoteStyle::error, "Wrong password"});
    session(End{Outcome::failed});
    EXPECT_TRUE(tells(on(event::SessionDied{"exit code 1"}), "Wrong password"));
    EXPECT_FALSE(shown<Clear>(ui(Login{WipedText("ann")})).empty());
}

TEST_F(Supervisor, explains_a_dead_session_and_sweeps_before_the_next_login) {
    in_console();
    const auto effects = on(event::SessionDied{"killed by signal 9"});
    EXPECT_TRUE(find<effect::EndPump>(effects));
    EXPECT_TRUE(find<effect::StartSweeper>(effects));
    EXPECT_TRUE(tells(ui(Ready{}), "BERTH-G01"));
    EXPECT_FALSE(find<effect::StartSession>(ui(Login{WipedText("ann")})));
    const auto swept = on(event::SweeperDone{});
    ASSERT_TRUE(find<effect::StartSession>(swept));
    EXPECT_EQ(find<effect::StartSession>(swept)->user.view(), "ann");
}

TEST_F(Supervisor, waits_only_so_long_for_the_sweeper) {
    in_session();
    on(event::SessionDied{"killed"});
    ui(Login{WipedText("ann")});
    EXPECT_FALSE(find<effect::StartSession>(after(seconds(59))));
    EXPECT_TRUE(find<effect::StartSession>(after(seconds(1))));
}

TEST_F(Supervisor, forgets_a_login_that_was_given_up_while_the_sweeper_ran) {
    in_session();
    on(event::SessionDied{"killed"});
    ui(Login{WipedText("ann")});
    ui(Cancel{});
    EXPECT_FALSE(find<effect::StartSession>(on(event::SweeperDone{})));
}

TEST_F(Supervisor, closes_a_session_that_breaks_the_protocol_and_waits_for_its_exit) {
    in_console();
    const auto effects = on(event::SessionClosed{"unknown type"});
    EXPECT_TRUE(find<effect::CloseSession>(effects));
    EXPECT_TRUE(find<effect::EndPump>(effects));
    EXPECT_FALSE(find<effect::StartSweeper>(effects));
    EXPECT_TRUE(find<effect::StartSweeper>(on(event::SessionDied{"exit code 1"})));
}

TEST_F(Supervisor, ends_a_session_that_does_not_exit_after_its_end) {
    in_session();
    session(End{Outcome::done});
    EXPECT_FALSE(find<effect::KillSession>(after(seconds(19))));
    EXPECT_TRUE(find<effect::KillSession>(after(seconds(1))));
}

TEST_F(Supervisor, says_that_a_session_could_not_be_started) {
    in_session();
    EXPECT_TRUE(tells(on(event::SessionStartFailed{"no such file"}), "BERTH-G02"));
    EXPECT_EQ(state.phase(), Phase::login);
}

TEST_F(Supervisor, starts_a_dead_screen_again_with_all_it_showed) {
    in_session();
    session(Note{NoteStyle::info, "Your password has expired"});
    session(Progress{"mount", "Opening", StepState::doing, 1, 2});
    session(Progress{"mount", "Opening", StepState::done, 1, 2});
    const Prompt prompt{1, false, "New password: "};
    session(prompt);
    on(event::UiDied{"killed by signal 9"});
    EXPECT_EQ(after(milliseconds(250)), Effects{effect::StartUi{}});
    const auto effects = ui(Ready{});
    EXPECT_TRUE(tells(effects, "expired"));
    ASSERT_EQ(shown<Progress>(effects).size(), 1U);
    EXPECT_EQ(shown<Progress>(effects)[0].state, StepState::done);
    EXPECT_EQ(shown<Prompt>(effects).at(0), prompt);
}

TEST_F(Supervisor, backs_off_when_the_screen_dies_young_again_and_again) {
    on(event::Started{});
    std::vector<Duration> delays;
    for (int i = 0; i < 8; ++i) {
        on(event::UiDied{"exit code 1"});
        const auto deadline = state.deadline();
        ASSERT_TRUE(deadline);
        delays.push_back(*deadline - now);
        EXPECT_EQ(after(delays.back()), Effects{effect::StartUi{}});
    }
    EXPECT_EQ(delays.front(), milliseconds(250));
    EXPECT_TRUE(std::is_sorted(delays.begin(), delays.end()));
    EXPECT_EQ(delays.back(), seconds(5));
    ui(Ready{});
    now = now + seconds(60);
    on(event::UiDied{"exit code 1"});
    EXPECT_EQ(*state.deadline() - now, milliseconds(250));
}

TEST_F(Supervisor, ends_a_screen_that_never_becomes_ready) {
    on(event::Started{});
    const auto effects = after(seconds(20));
    EXPECT_TRUE(find<effect::StopUi>(effects));
    EXPECT_TRUE(find<effect::StartUi>(after(milliseconds(250))));
}

TEST_F(Supervisor, ends_a_screen_that_floods_it) {
    at_login();
    bool stopped = false;
    for (int i = 0; i < 1000 && !stopped; ++i) stopped = find<effect::StopUi>(ui(Cancel{})) != nullptr;
    EXPECT_TRUE(stopped);
    EXPECT_TRUE(ui(Login{WipedText("ann")}).empty());
}

TEST_F(Supervisor, keeps_only_so_many_messages_of_a_session_that_floods_it) {
    in_session();
    for (int i = 0; i < 10000; ++i) {
        session(Note{NoteStyle::info, std::to_string(i)});
        session(Progress{std::to_string(i), "x", StepState::done, 1, 1});
    }
    on(event::UiDied{"killed"});
    after(seconds(5));
    const auto effects = ui(Ready{});
    EXPECT_LE(effects.size(), 128U);
    EXPECT_TRUE(tells(effects, "9999"));
}

TEST_F(Supervisor, turns_the_power_off_only_from_the_login_screen) {
    at_login();
    ui(Power{PowerAction::poweroff});
    const auto effects = on(event::Settled{});
    ASSERT_TRUE(find<effect::Power>(effects));
    EXPECT_EQ(find<effect::Power>(effects)->action, PowerAction::poweroff);
    EXPECT_TRUE(tells(on(event::PowerFailed{"exit code 1"}), "BERTH-G03"));
    EXPECT_EQ(state.phase(), Phase::login);
    ui(Login{WipedText("ann")});
    EXPECT_TRUE(ui(Power{PowerAction::poweroff}).empty());
}

TEST_F(Supervisor, turns_the_power_off_when_the_session_ended_with_that_wish) {
    in_session();
    session(End{Outcome::done, AfterEnd::reboot});
    EXPECT_TRUE(find<effect::Settle>(on(event::SessionDied{"exit code 0"})));
    const auto effects = on(event::Settled{});
    ASSERT_TRUE(find<effect::Power>(effects));
    EXPECT_EQ(find<effect::Power>(effects)->action, PowerAction::reboot);
}

TEST_F(Supervisor, holds_the_power_until_earlier_sessions_are_settled_and_says_what_it_waits_for) {
    at_login();
    auto effects = ui(Power{PowerAction::poweroff});
    EXPECT_TRUE(find<effect::Settle>(effects));
    EXPECT_FALSE(find<effect::Power>(effects));
    EXPECT_FALSE(tells(after(milliseconds(900)), "Waiting until"));
    effects = after(milliseconds(100));
    EXPECT_TRUE(tells(effects, "Waiting until the virtual machine of an earlier session is closed"));
    EXPECT_FALSE(find<effect::Power>(after(seconds(200))));
    EXPECT_TRUE(find<effect::Power>(on(event::Settled{})));
    EXPECT_FALSE(state.deadline());
}

TEST_F(Supervisor, turns_the_power_off_when_earlier_sessions_never_settle) {
    at_login();
    ui(Power{PowerAction::poweroff});
    EXPECT_FALSE(find<effect::Power>(after(seconds(239))));
    EXPECT_TRUE(find<effect::Power>(after(seconds(1))));
    EXPECT_FALSE(find<effect::Power>(on(event::Settled{"exit code 1"}))) << "once is enough";
}

TEST_F(Supervisor, turns_the_power_off_when_what_settles_fails) {
    at_login();
    ui(Power{PowerAction::reboot});
    const auto effects = on(event::Settled{"exit code 1"});
    EXPECT_TRUE(find<effect::Log>(effects));
    ASSERT_TRUE(find<effect::Power>(effects));
    EXPECT_EQ(find<effect::Power>(effects)->action, PowerAction::reboot);
}

TEST_F(Supervisor, lets_nobody_in_while_another_switches_the_workstation_off) {
    at_login();
    const auto effects = on(event::Facts{"berth-12", {"No network."}, "It waits."});
    EXPECT_EQ(shown<Screen>(effects).at(0).notices, (std::vector<std::string>{"It waits.", "No network."}));
    const auto refused = ui(Login{WipedText("ann")});
    EXPECT_TRUE(tells(refused, "You cannot log in now."));
    EXPECT_EQ(shown<Screen>(refused).at(0).mode, ScreenMode::login) << "the next name may be typed";
    EXPECT_EQ(shown<Screen>(refused).at(0).notices.at(0), "It waits.");
    EXPECT_EQ(state.phase(), Phase::login);
    const auto stays = on(event::Facts{"berth-12", {}, ""});
    EXPECT_EQ(shown<Clear>(stays).size(), 1u) << "the refusal is not true any more";
    EXPECT_TRUE(shown<Note>(stays).empty());
    EXPECT_TRUE(find<effect::StartSession>(ui(Login{WipedText("ann")})));
}

TEST_F(Supervisor, passes_a_cancel_on_to_the_session) {
    in_session();
    EXPECT_EQ(ui(Cancel{}), (Effects{effect::SendSession{Cancel{}}}));
}

TEST_F(Supervisor, passes_no_cancel_on_to_a_session_that_is_being_undone) {
    in_session();
    EXPECT_TRUE(shown<Screen>(session(Progress{"mount", "Opening", StepState::failed, 1, 2})).empty());
    const auto effects = session(Progress{"authenticate", "Logging you off", StepState::undoing, 0, 2});
    EXPECT_EQ(shown<Screen>(effects).at(0).mode, ScreenMode::closing);
    EXPECT_TRUE(shown<Screen>(session(Progress{"mount", "Closing", StepState::undoing, 1, 2})).empty())
        << "it was said";
    EXPECT_TRUE(ui(Cancel{}).empty());
    session(End{Outcome::failed});
    on(event::SessionDied{"exit code 1"});
    EXPECT_EQ(shown<Screen>(ui(Login{WipedText("ann")})).at(0).mode, ScreenMode::session);
    EXPECT_FALSE(ui(Cancel{}).empty());
}

TEST_F(Supervisor, cancels_nothing_while_the_machine_goes_down) {
    at_login();
    EXPECT_EQ(shown<Screen>(ui(Power{PowerAction::poweroff})).at(0).mode, ScreenMode::power);
    EXPECT_TRUE(ui(Cancel{}).empty());
}

TEST_F(Supervisor, does_not_start_a_screen_over_the_guest_when_the_old_one_is_found_dead) {
    in_console();
    on(event::UiDied{"killed by signal 9"});
    EXPECT_FALSE(state.deadline());
}

TEST_F(Supervisor, shows_new_notices_at_once) {
    at_login();
    EXPECT_EQ(shown<Screen>(on(event::Facts{"berth-12", {"The clock is being set."}})).at(0).notices,
              std::vector<std::string>{"The clock is being set."});
}

}  // namespace
}  // namespace berth::supervisor
