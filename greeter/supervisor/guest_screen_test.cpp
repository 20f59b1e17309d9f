// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's screen, through the state machine that it is a part of.
#include "greeter/supervisor/guest_screen.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "greeter/supervisor/supervisor_state.h"

namespace berth::supervisor {
namespace {

using namespace protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace viewer = protocol::screen;

class ScreenOfGuest : public ::testing::Test {
  protected:
    Effects on(const Event& event) { return state.handle(event, now); }
    Effects ui(FromUi message) { return on(event::UiSaid{std::move(message)}); }
    Effects session(FromSession message) { return on(event::SessionSaid{std::move(message)}); }
    Effects says(FromScreen message) { return on(event::ScreenSaid{std::move(message)}); }
    Effects after(Duration d) {
        now = now + d;
        return on(event::Tick{});
    }

    /// The effects of the time from now to `d` later, with a Tick whenever one is wanted.
    Effects during(Duration d) {
        const BootTime end = now + d;
        Effects all;
        while (const auto next = state.deadline()) {
            if (*next > end) break;
            now = *next;
            for (auto& effect : on(event::Tick{})) all.push_back(std::move(effect));
        }
        now = end;
        return all;
    }

    /// A session whose VM is being started, on a workstation with a display.
    Effects starting() {
        on(event::Started{});
        ui(Ready{});
        ui(Login{WipedText("ann")});
        return session(k_guest);
    }
    void shown() {
        starting();
        says(viewer::Hello{});
        session(Console{{}, "work"});
        says(viewer::Frame{});
    }
    void in_menu() {
        shown();
        on(event::Attention{});
        ui(Ready{});
    }

    template <typename T>
    static size_t count(const Effects& effects) {
        return static_cast<size_t>(
            std::ranges::count_if(effects, [](const Effect& e) { return std::holds_alternative<T>(e); }));
    }
    template <typename T>
    static std::vector<T> sent(const Effects& effects) {
        std::vector<T> found;
        for (const auto& e : effects)
            if (const auto* s = std::get_if<effect::SendScreen>(&e))
                if (const auto* message = std::get_if<T>(&s->message)) found.push_back(*message);
        return found;
    }
    static std::vector<viewer::Words> words(const Effects& effects) { return sent<viewer::Words>(effects); }
    static bool has_line(const Effects& effects, std::string_view text) {
        return std::ranges::any_of(effects, [&](const Effect& e) {
            const auto* line = std::get_if<effect::StatusLine>(&e);
            return line != nullptr && line->text.contains(text);
        });
    }

    inline static const protocol::GuestScreen k_guest{"/run/berth/screen/s-1/spice.sock", "work"};
    inline static const std::string k_silent = "fs1 does not answer.";
    State state{"1.0", "Ctrl-]"};
    BootTime now{seconds(1000)};
};

TEST_F(ScreenOfGuest, begins_while_the_vm_is_made_and_shows_what_berth_does) {
    EXPECT_EQ(count<effect::StartScreen>(starting()), 1U);
    session(Progress{"vm", "Starting your virtual machine", StepState::doing, 9, 12});
    const auto effects = says(viewer::Hello{});
    EXPECT_EQ(sent<viewer::Progress>(effects),
              std::vector{viewer::Progress{"Starting your virtual machine"}});
    EXPECT_EQ(sent<viewer::Guest>(effects), (std::vector{viewer::Guest{k_guest.socket, "work"}}));
}

TEST_F(ScreenOfGuest, has_the_keyboard_while_the_serial_line_is_read_unseen) {
    starting();
    says(viewer::Hello{});
    const auto effects = session(Console{{}, "work"});
    EXPECT_EQ(count<effect::StartPump>(effects), 1U);
    EXPECT_EQ(count<effect::SuspendPump>(effects), 1U);
    EXPECT_EQ(state.phase(), Phase::console);
}

TEST_F(ScreenOfGuest, gives_way_to_the_menu_at_the_chord_and_comes_back) {
    on(event::Facts{.host = "berth-12", .notices = {}, .going_down = "", .chord = "Ctrl+Alt+End"});
    shown();
    auto effects = on(event::Attention{});
    EXPECT_EQ(count<effect::ShowText>(effects), 1U);
    EXPECT_EQ(count<effect::StartUi>(effects), 1U);
    EXPECT_EQ(state.phase(), Phase::menu);
    const auto drawn = ui(Ready{});
    ASSERT_FALSE(drawn.empty());
    EXPECT_EQ(std::get<Screen>(std::get<effect::SendUi>(drawn.front()).message).sak_hint, "Ctrl+Alt+Del")
        << "what can be sent, whatever the chord is";
    effects = ui(Menu{MenuAction::back});
    EXPECT_EQ(count<effect::ShowScreen>(effects), 1U);
    EXPECT_EQ(count<effect::ResumePump>(effects), 0U);
    EXPECT_EQ(state.phase(), Phase::console);
}

TEST_F(ScreenOfGuest, has_volume_and_brightness_in_its_menu_where_the_workstation_has_them) {
    shown();
    EXPECT_EQ(count<effect::AskLevels>(on(event::Attention{})), 1U);
    EXPECT_TRUE(on(event::Levels{.volume = "40 %", .brightness = ""}).empty()) << "nobody is there yet";
    auto drawn = ui(Ready{});
    ASSERT_FALSE(drawn.empty());
    EXPECT_EQ(std::get<Screen>(std::get<effect::SendUi>(drawn.front()).message).volume, "40 %");
    EXPECT_EQ(ui(Menu{MenuAction::louder}), Effects{effect::AskLevels{MenuAction::louder}});
    drawn = on(event::Levels{.volume = "45 %", .brightness = "70 %"});
    ASSERT_EQ(drawn.size(), 1U);
    const auto& screen = std::get<Screen>(std::get<effect::SendUi>(drawn.front()).message);
    EXPECT_EQ(screen.mode, ScreenMode::menu);
    EXPECT_EQ(screen.volume, "45 %");
    EXPECT_EQ(screen.brightness, "70 %");
    EXPECT_EQ(state.phase(), Phase::menu);
    ui(Menu{MenuAction::back});
    EXPECT_TRUE(on(event::Levels{.volume = "50 %", .brightness = "70 %"}).empty());
    EXPECT_TRUE(ui(Menu{MenuAction::louder}).empty()) << "only from the menu";
}

TEST_F(ScreenOfGuest, gets_the_chord_itself_when_its_user_asks_for_that_in_the_menu) {
    in_menu();
    const auto effects = ui(Menu{MenuAction::send_key});
    EXPECT_EQ(count<effect::ShowScreen>(effects), 1U);
    EXPECT_EQ(sent<viewer::SendKey>(effects).size(), 1U);
    EXPECT_EQ(count<effect::SendKey>(effects), 0U);
}

TEST_F(ScreenOfGuest, leaves_the_sites_chord_to_tell_a_real_login_screen_from_a_guests) {
    on(event::Facts{.host = "berth-12", .notices = {}, .going_down = "", .chord = "Ctrl+Alt+End"});
    on(event::Started{});
    const auto drawn = ui(Ready{});
    ASSERT_FALSE(drawn.empty());
    EXPECT_EQ(std::get<Screen>(std::get<effect::SendUi>(drawn.front()).message).sak_hint, "Ctrl+Alt+End");
    const Effects answer{effect::SendUi{Note{NoteStyle::info, "This is the real Berth screen."}}};
    EXPECT_EQ(on(event::Attention{}), answer);
    EXPECT_TRUE(on(event::Attention{}).empty()) << "said once";
}

TEST_F(ScreenOfGuest, has_berths_words_over_it) {
    shown();
    const auto effects = session(StatusText{"fs1 does not answer."});
    EXPECT_EQ(sent<viewer::Words>(effects), (std::vector{viewer::Words{"fs1 does not answer.", 15}}));
    EXPECT_EQ(count<effect::StatusLine>(effects), 0U);
}

TEST_F(ScreenOfGuest, has_a_line_over_it_until_it_is_not_true_any_more) {
    shown();
    EXPECT_EQ(words(session(Standing{{k_silent}})), (std::vector{viewer::Words{k_silent, 0}}));
    EXPECT_TRUE(session(StatusText{.text = k_silent, .stands = true}).empty()) << "it is there already";
    EXPECT_TRUE(during(std::chrono::hours(1)).empty());
    EXPECT_EQ(words(session(Standing{})), std::vector{viewer::Words{}});
    EXPECT_EQ(words(session(StatusText{"fs1 answers again."})),
              (std::vector{viewer::Words{"fs1 answers again.", 15}}));
    EXPECT_TRUE(words(during(std::chrono::hours(1))).empty()) << "the viewer takes it away itself";
    EXPECT_EQ(state.deadline(), std::nullopt);
}

TEST_F(ScreenOfGuest, has_passing_words_beneath_those_that_stand) {
    shown();
    session(Standing{{k_silent}});
    EXPECT_EQ(words(session(StatusText{"Asking work to shut down."})),
              (std::vector{viewer::Words{k_silent + "\nAsking work to shut down.", 0}}));
    EXPECT_TRUE(words(during(milliseconds(14'999))).empty());
    EXPECT_EQ(words(during(milliseconds(1))), (std::vector{viewer::Words{k_silent, 0}}));
    session(StatusText{"Asking work to shut down."});
    during(seconds(5));
    EXPECT_EQ(words(session(Standing{})), (std::vector{viewer::Words{"Asking work to shut down.", 10}}))
        << "it has the rest of its time";
}

TEST_F(ScreenOfGuest, has_no_line_over_it_for_good_that_nobody_took_away_in_time) {
    shown();
    for (const Duration late : {Duration(0), Duration(milliseconds(200)), Duration(seconds(3))}) {
        session(Standing{{k_silent}});
        session(Standing{});
        session(StatusText{"fs1 answers again."});
        now = now + seconds(15) + late;
        EXPECT_TRUE(words(session(Standing{})).empty()) << "the viewer takes it away itself";
        EXPECT_EQ(state.deadline(), std::nullopt);
    }
    session(Standing{{k_silent}});
    session(StatusText{"Asking work to shut down."});
    now = now + seconds(16);
    EXPECT_EQ(words(session(Standing{})).back(), viewer::Words{});
}

TEST_F(ScreenOfGuest, has_no_words_over_it_that_what_stands_has_made_untrue) {
    shown();
    session(StatusText{"fs1 answers again."});
    EXPECT_EQ(words(session(Standing{{k_silent}})).size(), 1U);
    EXPECT_EQ(words(session(StatusText{.text = k_silent, .stands = true})),
              (std::vector{viewer::Words{k_silent, 0}}));
}

TEST_F(ScreenOfGuest, counts_down_over_the_guest_only) {
    shown();
    EXPECT_EQ(words(session(Standing{{"31 s are left."}})).at(0).text, "31 s are left.");
    EXPECT_EQ(words(session(Standing{{"30 s are left."}})).at(0).text, "30 s are left.");
    EXPECT_TRUE(session(Standing{{"30 s are left."}}).empty());
    on(event::Attention{});
    ui(Ready{});
    const auto behind = session(Standing{{"29 s are left."}});
    EXPECT_EQ(behind, Effects{effect::SendScreen{(viewer::Words{"29 s are left.", 0})}})
        << "no note in the menu";
}

TEST_F(ScreenOfGuest, has_what_stands_over_it_again_whoever_draws_it) {
    shown();
    session(Standing{{k_silent}});
    on(event::ScreenGone{"closed"});
    EXPECT_EQ(words(says(viewer::Hello{})), (std::vector{viewer::Words{k_silent, 0}}));
    on(event::Attention{});
    ui(Ready{});
    session(StatusText{.text = "full", .stands = true});
    EXPECT_EQ(words(session(Standing{{k_silent, "full"}})),
              (std::vector{viewer::Words{k_silent + "\nfull", 0}}));
    EXPECT_TRUE(words(ui(Menu{MenuAction::back})).empty()) << "the viewer has them still";
}

TEST_F(ScreenOfGuest, has_what_came_to_stand_while_nobody_drew_it) {
    in_menu();
    on(event::ScreenGone{"closed"});
    EXPECT_TRUE(words(session(Standing{{k_silent}})).empty());
    EXPECT_TRUE(words(ui(Menu{MenuAction::back})).empty());
    EXPECT_EQ(words(says(viewer::Hello{})), (std::vector{viewer::Words{k_silent, 0}}));
}

TEST_F(ScreenOfGuest, has_the_rest_of_a_lines_time_whoever_draws_it) {
    shown();
    session(StatusText{"fs1 answers again."});
    during(seconds(6));
    on(event::ScreenGone{"closed"});
    EXPECT_EQ(words(says(viewer::Hello{})), (std::vector{viewer::Words{"fs1 answers again.", 9}}));
    during(seconds(9));
    on(event::Attention{});
    ui(Ready{});
    on(event::ScreenGone{"closed"});
    ui(Menu{MenuAction::back});
    EXPECT_TRUE(words(says(viewer::Hello{})).empty());
}

TEST_F(ScreenOfGuest, leaves_what_stands_to_the_serial_line_when_it_is_given_up) {
    shown();
    session(Standing{{k_silent}});
    on(event::ScreenGone{"closed"});
    EXPECT_TRUE(has_line(on(event::ScreenGone{"closed"}), k_silent));
    EXPECT_TRUE(session(Standing{{"30 s are left."}}).empty()) << "nothing counts down on a text console";
    EXPECT_TRUE(has_line(session(StatusText{.text = "full", .stands = true}), "full"));
}

TEST_F(ScreenOfGuest, begins_without_what_stood_over_another) {
    shown();
    session(Standing{{k_silent}});
    session(ConsoleEnd{});
    session(End{Outcome::done, AfterEnd::nothing});
    on(event::SessionDied{});
    ui(Login{WipedText("ann")});
    session(k_guest);
    EXPECT_TRUE(words(says(viewer::Hello{})).empty());
}

TEST_F(ScreenOfGuest, goes_with_the_guest) {
    shown();
    EXPECT_EQ(count<effect::StopScreen>(session(ConsoleEnd{})), 1U);
    EXPECT_EQ(count<effect::StopScreen>(session(End{Outcome::done, AfterEnd::nothing})), 0U);
}

TEST_F(ScreenOfGuest, goes_when_the_vm_does_not_start) {
    starting();
    const auto effects = session(Progress{"vm", "Closing your virtual machine", StepState::undoing, 9, 12});
    EXPECT_EQ(count<effect::StopScreen>(effects), 1U);
}

TEST_F(ScreenOfGuest, goes_when_the_session_dies) {
    shown();
    EXPECT_EQ(count<effect::StopScreen>(on(event::SessionDied{"killed"})), 1U);
}

TEST_F(ScreenOfGuest, is_begun_anew_on_the_running_guest_when_the_viewer_dies) {
    shown();
    const auto effects = on(event::ScreenGone{"closed"});
    EXPECT_EQ(count<effect::StopScreen>(effects), 1U);
    EXPECT_EQ(count<effect::StartScreen>(effects), 1U);
    EXPECT_EQ(sent<viewer::Guest>(says(viewer::Hello{})).size(), 1U);
    EXPECT_EQ(state.phase(), Phase::console);
}

TEST_F(ScreenOfGuest, leaves_the_menu_in_front_when_the_viewer_dies_behind_it) {
    in_menu();
    const auto effects = on(event::ScreenGone{"closed"});
    EXPECT_EQ(count<effect::StopScreen>(effects), 1U);
    EXPECT_EQ(count<effect::StartScreen>(effects), 0U) << "it could begin in front only";
    EXPECT_EQ(state.phase(), Phase::menu);
    EXPECT_EQ(count<effect::StartScreen>(ui(Menu{MenuAction::back})), 1U);
}

TEST_F(ScreenOfGuest, is_begun_anew_later_when_the_chord_comes_before_its_window) {
    starting();
    const auto effects = on(event::Attention{});
    EXPECT_EQ(count<effect::StopScreen>(effects), 1U);
    EXPECT_EQ(count<effect::ShowText>(effects), 0U);
    EXPECT_EQ(count<effect::StartScreen>(session(Console{{}, "work"})), 1U);
}

TEST_F(ScreenOfGuest, tells_that_it_was_given_up_behind_the_menu_when_the_menu_goes) {
    in_menu();
    on(event::ScreenGone{"closed"});
    ui(Menu{MenuAction::back});
    says(viewer::Hello{});
    on(event::Attention{});
    ui(Ready{});
    on(event::ScreenGone{"no display"});
    const auto effects = ui(Menu{MenuAction::back});
    EXPECT_EQ(count<effect::ResumePump>(effects), 1U);
    EXPECT_TRUE(has_line(effects, "The screen failed"));
}

TEST_F(ScreenOfGuest, has_a_question_over_it_until_it_is_answered_whoever_draws_it) {
    shown();
    session(Standing{{k_silent}});
    const auto asked = words(session(Prompt{7, false, "Password: "}));
    EXPECT_EQ(asked,
              (std::vector{viewer::Words{k_silent + "\nBerth has a question for you: press Ctrl-]", 0}}));
    on(event::ScreenGone{"closed"});
    EXPECT_EQ(sent<viewer::Words>(says(viewer::Hello{})).size(), 1U);
    on(event::Attention{});
    ui(Ready{});
    EXPECT_EQ(words(ui(Answer{7, WipedText("x")})), (std::vector{viewer::Words{k_silent, 0}}));
}

TEST_F(ScreenOfGuest, names_the_sites_chord_in_a_question_that_came_while_the_menu_was_up) {
    on(event::Facts{.host = "berth-12", .notices = {}, .going_down = "", .chord = "Ctrl+Alt+End"});
    in_menu();
    EXPECT_EQ(words(session(Prompt{7, false, "Password: "})),
              (std::vector{viewer::Words{"Berth has a question for you: press Ctrl+Alt+End", 0}}))
        << "not what the menu can send";
}

TEST_F(ScreenOfGuest, leaves_a_question_to_the_serial_line_when_it_is_given_up) {
    shown();
    session(Prompt{7, false, "Password: "});
    on(event::ScreenGone{"closed"});
    EXPECT_TRUE(has_line(on(event::ScreenGone{"closed"}), "Berth has a question for you: press Ctrl-]"));
}

TEST_F(ScreenOfGuest, is_given_up_for_the_serial_line_when_it_fails_twice) {
    shown();
    on(event::ScreenGone{"closed"});
    const auto effects = on(event::ScreenGone{"no display"});
    EXPECT_EQ(count<effect::StartScreen>(effects), 0U);
    EXPECT_EQ(count<effect::ResumePump>(effects), 1U);
    EXPECT_TRUE(has_line(effects, "The screen failed"));
    EXPECT_TRUE(has_line(session(StatusText{"fs1 answers again."}), "fs1 answers again."));
    EXPECT_EQ(count<effect::SuspendPump>(on(event::Attention{})), 1U);
}

TEST_F(ScreenOfGuest, is_given_up_while_the_vm_starts_and_the_serial_line_takes_over_later) {
    starting();
    on(event::ScreenGone{"no display"});
    on(event::ScreenGone{"no display"});
    EXPECT_EQ(state.phase(), Phase::session);
    const auto effects = session(Console{{}, "work"});
    EXPECT_EQ(count<effect::StartPump>(effects), 1U);
    EXPECT_EQ(count<effect::SuspendPump>(effects), 0U);
}

TEST_F(ScreenOfGuest, fails_of_something_new_when_it_lived_for_long) {
    shown();
    on(event::ScreenGone{"closed"});
    says(viewer::Hello{});
    now = now + std::chrono::minutes(6);
    EXPECT_EQ(count<effect::StartScreen>(on(event::ScreenGone{"closed"})), 1U);
}

TEST_F(ScreenOfGuest, is_begun_anew_when_the_viewer_never_comes) {
    starting();
    EXPECT_EQ(count<effect::StartScreen>(after(seconds(59))), 0U);
    EXPECT_EQ(count<effect::StartScreen>(after(seconds(2))), 1U);
}

TEST_F(ScreenOfGuest, is_begun_anew_when_its_compositor_hangs_behind_the_menu) {
    in_menu();
    const auto pings = sent<viewer::Ping>(ui(Menu{MenuAction::back}));
    ASSERT_EQ(pings.size(), 1U);
    EXPECT_EQ(count<effect::StartScreen>(after(seconds(4))), 1U);
}

TEST_F(ScreenOfGuest, stays_when_its_compositor_answers) {
    in_menu();
    const auto pings = sent<viewer::Ping>(ui(Menu{MenuAction::back}));
    ASSERT_EQ(pings.size(), 1U);
    says(viewer::Pong{pings[0].id});
    EXPECT_EQ(count<effect::StartScreen>(after(seconds(4))), 0U);
}

TEST_F(ScreenOfGuest, hides_while_a_question_is_asked) {
    starting();
    says(viewer::Hello{});
    EXPECT_EQ(count<effect::ShowText>(session(Prompt{7, false, "Password: "})), 1U);
}

TEST_F(ScreenOfGuest, is_not_begun_for_a_session_that_closes) {
    starting();
    session(Progress{"vm", "Closing your virtual machine", StepState::undoing, 9, 12});
    EXPECT_EQ(count<effect::StartScreen>(session(k_guest)), 0U);
}

}  // namespace
}  // namespace berth::supervisor
