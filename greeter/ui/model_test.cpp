// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/model.h"

#include <gtest/gtest.h>

#include <clocale>

namespace berth::ui {
namespace {

using protocol::FromUi;

class UiModel : public ::testing::Test {
  protected:
    UiModel() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    void screen(Mode mode) {
        take(m, protocol::Screen{
                    .mode = mode, .host = "berth-12", .version = "1", .notices = {}, .sak_hint = "Ctrl-]"});
    }
    /// What the last key that sent something sent.
    std::optional<FromUi> type(std::wstring_view text) {
        std::optional<FromUi> out;
        for (wchar_t c : text)
            if (auto message = press(m, {Key::character, c})) out = std::move(message);
        return out;
    }
    std::optional<FromUi> key(Key::Kind kind, wchar_t c = 0) { return press(m, {kind, c}); }
    Model m;
};

TEST_F(UiModel, sends_the_user_name) {
    screen(Mode::login);
    type(L"jörg");
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Login{WipedText("jörg")}));
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, sends_no_empty_user_name) {
    screen(Mode::login);
    EXPECT_FALSE(key(Key::enter));
}

TEST_F(UiModel, sends_nothing_before_it_was_told_what_to_draw) {
    type(L"ann");
    EXPECT_FALSE(key(Key::enter));
}

TEST_F(UiModel, answers_a_prompt_once) {
    screen(Mode::session);
    take(m, protocol::Prompt{4, false, "Password: "});
    type(L"geheim");
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Answer{4, WipedText("geheim")}));
    EXPECT_FALSE(key(Key::enter));
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, may_answer_with_nothing) {
    screen(Mode::session);
    take(m, protocol::Prompt{4, true, "Code: "});
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Answer{4, WipedText()}));
}

TEST_F(UiModel, forgets_what_was_typed_for_another_prompt) {
    screen(Mode::session);
    take(m, protocol::Prompt{4, false, "Password: "});
    type(L"secret");
    take(m, protocol::Prompt{5, true, "Code: "});
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Answer{5, WipedText()}));
}

TEST_F(UiModel, overwrites_a_secret_that_was_sent) {
    Input input;
    for (wchar_t c : std::wstring(L"secret")) input.add(c);
    const wchar_t* memory = input.text().data();
    input.clear();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(memory[i], L'\0');
}

TEST_F(UiModel, edits_with_backspace_and_ctrl_u) {
    screen(Mode::login);
    type(L"ab");
    key(Key::backspace);
    EXPECT_EQ(m.input.text(), L"a");
    key(Key::control, L'U');
    EXPECT_EQ(m.input.text(), L"");
    key(Key::backspace);
    EXPECT_EQ(m.input.text(), L"");
}

TEST_F(UiModel, takes_only_so_much_input) {
    screen(Mode::login);
    type(std::wstring(100000, L'a'));
    EXPECT_EQ(m.input.text().size(), k_input_characters);
    EXPECT_TRUE(key(Key::enter));
    screen(Mode::login);
    type(std::wstring(200, L'田'));
    EXPECT_FALSE(key(Key::enter));
    EXPECT_FALSE(m.hint.empty());
}

TEST_F(UiModel, chooses_with_arrows_or_a_digit) {
    const protocol::Choice choice{2, "Which VM?", {"a", "b", "c"}, 1};
    screen(Mode::session);
    take(m, choice);
    key(Key::down);
    key(Key::down);
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Chosen{2, 2}));
    take(m, choice);
    EXPECT_EQ(type(L"1"), FromUi(protocol::Chosen{2, 0}));
    take(m, choice);
    EXPECT_FALSE(type(L"9"));
}

TEST_F(UiModel, survives_a_choice_of_nothing_or_with_a_default_outside) {
    screen(Mode::session);
    take(m, protocol::Choice{2, "", {}, 5});
    key(Key::down);
    EXPECT_FALSE(key(Key::enter));
    EXPECT_EQ(key(Key::escape), FromUi(protocol::Cancel{}));
}

TEST_F(UiModel, asks_before_the_power_goes_off) {
    screen(Mode::login);
    EXPECT_FALSE(key(Key::control, L'P'));
    EXPECT_FALSE(type(L"n"));
    EXPECT_FALSE(key(Key::control, L'R'));
    EXPECT_EQ(type(L"y"), FromUi(protocol::Power{protocol::PowerAction::reboot}));
}

TEST_F(UiModel, offers_no_power_keys_within_a_session) {
    screen(Mode::session);
    key(Key::control, L'P');
    EXPECT_FALSE(m.confirm);
}

TEST_F(UiModel, gives_up_a_login_with_escape) {
    screen(Mode::session);
    take(m, protocol::Prompt{4, false, "Password: "});
    type(L"x");
    EXPECT_EQ(key(Key::escape), FromUi(protocol::Cancel{}));
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, sends_nothing_for_escape_where_nothing_can_be_cancelled) {
    for (const Mode mode : {Mode::login, Mode::closing, Mode::power}) {
        screen(mode);
        EXPECT_FALSE(can_cancel(m));
        EXPECT_FALSE(key(Key::escape)) << static_cast<int>(mode);
        EXPECT_TRUE(m.hint.empty());
    }
    screen(Mode::closing);
    take(m, protocol::Prompt{4, true, "Code: "});
    EXPECT_FALSE(key(Key::escape));
    EXPECT_TRUE(m.prompt) << "the session still waits for its answer";
}

TEST_F(UiModel, gives_up_with_escape_a_login_that_waits_to_begin) {
    screen(Mode::login);
    type(L"ann");
    key(Key::enter);
    EXPECT_TRUE(can_cancel(m));
    EXPECT_EQ(key(Key::escape), FromUi(protocol::Cancel{}));
}

TEST_F(UiModel, sends_each_action_of_the_menu) {
    for (size_t i = 0; i < menu_rows(m).size(); ++i) {
        screen(Mode::session);
        screen(Mode::menu);
        auto out = type(std::wstring(1, static_cast<wchar_t>(L'1' + i)));
        if (menu_rows(m)[i].action == protocol::MenuAction::force_off) {
            EXPECT_FALSE(out);
            out = type(L"y");
        }
        EXPECT_EQ(out, FromUi(protocol::Menu{menu_rows(m)[i].action.value()}));
    }
    EXPECT_EQ(key(Key::escape), FromUi(protocol::Menu{protocol::MenuAction::back}));
    EXPECT_EQ(key(Key::control, L']'), FromUi(protocol::Menu{protocol::MenuAction::back}));
}

TEST_F(UiModel, turns_volume_and_brightness_by_keys_to_the_left_and_right) {
    using enum protocol::MenuAction;
    protocol::Screen menu{
        .mode = Mode::menu, .host = "h", .version = "1", .notices = {}, .sak_hint = "Ctrl-]"};
    take(m, menu);
    EXPECT_EQ(menu_rows(m).size(), 5U) << "where there is neither";
    menu.volume = "40 %";
    menu.brightness = "70 %";
    take(m, menu);
    ASSERT_EQ(menu_rows(m).size(), 7U);
    EXPECT_EQ(menu_rows(m)[5].text, L"Volume: 40 %");
    EXPECT_EQ(menu_rows(m)[6].text, L"Brightness: 70 %");
    EXPECT_FALSE(key(Key::right)) << "the row that is chosen has nothing to turn";
    EXPECT_FALSE(type(L"6")) << "chosen, and nothing done";
    EXPECT_EQ(m.menu_selected, 5U);
    EXPECT_EQ(key(Key::right), FromUi(protocol::Menu{louder}));
    EXPECT_EQ(key(Key::left), FromUi(protocol::Menu{quieter}));
    EXPECT_EQ(type(L"+"), FromUi(protocol::Menu{louder}));
    EXPECT_EQ(type(L"-"), FromUi(protocol::Menu{quieter}));
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Menu{mute}));
    EXPECT_FALSE(key(Key::down));
    EXPECT_EQ(key(Key::right), FromUi(protocol::Menu{brighter}));
    EXPECT_EQ(type(L"-"), FromUi(protocol::Menu{darker}));
    EXPECT_FALSE(key(Key::enter));
    menu.volume.clear();
    menu.brightness.clear();
    take(m, menu);
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Menu{back})) << "the sound card was unplugged";
}

TEST_F(UiModel, an_enter_behind_a_digit_of_the_menu_acts_no_second_time) {
    screen(Mode::menu);
    EXPECT_TRUE(type(L"4"));
    take(m, protocol::Note{protocol::NoteStyle::info, "running for 3 minutes"});
    EXPECT_FALSE(key(Key::enter));
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Menu{protocol::MenuAction::status}));
}

TEST_F(UiModel, an_enter_behind_a_digit_does_not_answer_the_question_that_the_digit_led_to) {
    screen(Mode::menu);
    EXPECT_FALSE(type(L"3"));
    EXPECT_FALSE(key(Key::enter));
    EXPECT_TRUE(m.confirm);
    EXPECT_EQ(type(L"y"), FromUi(protocol::Menu{protocol::MenuAction::force_off}));
}

TEST_F(UiModel, an_enter_behind_a_digit_that_chose_does_not_answer_what_is_asked_next) {
    const protocol::Choice choice{2, "Which VM?", {"a", "b"}, 0};
    const protocol::Choice next{3, "Claim it?", {"no", "yes"}, 0};
    screen(Mode::session);
    take(m, choice);
    EXPECT_TRUE(type(L"2"));
    take(m, next);
    EXPECT_FALSE(key(Key::enter));
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Chosen{3, 0}));
    take(m, choice);
    EXPECT_TRUE(type(L"2"));
    take(m, protocol::Prompt{4, false, "Password: "});
    EXPECT_FALSE(key(Key::enter));
    EXPECT_TRUE(m.prompt);
}

TEST_F(UiModel, an_enter_behind_any_other_key_is_heard_at_once) {
    screen(Mode::menu);
    EXPECT_TRUE(type(L"4"));
    key(Key::down);
    EXPECT_EQ(key(Key::enter), FromUi(protocol::Menu{protocol::MenuAction::send_key}));
    type(L"9");
    EXPECT_TRUE(key(Key::enter));
}

TEST_F(UiModel, says_that_it_is_the_real_screen_when_asked) {
    screen(Mode::login);
    EXPECT_FALSE(key(Key::control, L']'));
    EXPECT_NE(m.hint.find(L"real"), std::wstring::npos);
}

TEST_F(UiModel, keeps_messages_until_they_are_cleared) {
    screen(Mode::session);
    take(m, protocol::Note{protocol::NoteStyle::error, "no\x1b[2J"});
    screen(Mode::login);
    ASSERT_EQ(m.notes.size(), 1U);
    EXPECT_EQ(m.notes[0].text, L"no\\x1b[2J");
    take(m, protocol::Clear{});
    EXPECT_TRUE(m.notes.empty());
}

TEST_F(UiModel, keeps_only_so_many_messages_and_steps) {
    screen(Mode::session);
    for (int i = 0; i < 1000; ++i) {
        take(m, protocol::Note{protocol::NoteStyle::info, std::to_string(i)});
        take(m, protocol::Progress{std::to_string(i), "x", protocol::StepState::done, 1, 1});
    }
    EXPECT_LE(m.notes.size(), 64U);
    EXPECT_LE(m.steps.size(), 64U);
    EXPECT_EQ(m.notes.back().text, L"999");
}

TEST_F(UiModel, does_nothing_harmful_for_any_single_key) {
    for (const Mode mode : {Mode::login, Mode::session, Mode::closing, Mode::menu, Mode::power}) {
        for (wchar_t c = L'@'; c <= L'_'; ++c) {
            if (c == L']') continue;
            screen(Mode::session);
            screen(mode);
            EXPECT_FALSE(key(Key::control, c)) << static_cast<int>(mode) << " Ctrl-" << static_cast<char>(c);
        }
    }
}

}  // namespace
}  // namespace berth::ui
