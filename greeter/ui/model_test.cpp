// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/model.h"

#include <gtest/gtest.h>

#include <clocale>

namespace berth::ui {
namespace {

using nlohmann::json;

class UiModel : public ::testing::Test {
  protected:
    UiModel() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    void screen(const char* mode) {
        take(m, {{"type", "screen"},
                 {"mode", mode},
                 {"host", "berth-12"},
                 {"version", "1"},
                 {"notices", json::array()},
                 {"sak_hint", "Ctrl-]"}});
    }
    std::vector<json> type(std::wstring_view text) {
        std::vector<json> out;
        for (wchar_t c : text)
            for (auto& message : press(m, {Key::character, c})) out.push_back(std::move(message));
        return out;
    }
    std::vector<json> key(Key::Kind kind, wchar_t c = 0) { return press(m, {kind, c}); }
    Model m;
};

TEST_F(UiModel, sends_the_user_name) {
    screen("login");
    type(L"jörg");
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "login"}, {"user", "jörg"}}}));
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, sends_no_empty_user_name) {
    screen("login");
    EXPECT_TRUE(key(Key::enter).empty());
}

TEST_F(UiModel, sends_nothing_before_it_was_told_what_to_draw) {
    type(L"ann");
    EXPECT_TRUE(key(Key::enter).empty());
}

TEST_F(UiModel, answers_a_prompt_once) {
    screen("session");
    take(m, {{"type", "prompt"}, {"id", 4}, {"echo", false}, {"text", "Password: "}});
    type(L"geheim");
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "answer"}, {"id", 4}, {"text", "geheim"}}}));
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, may_answer_with_nothing) {
    screen("session");
    take(m, {{"type", "prompt"}, {"id", 4}, {"echo", true}, {"text", "Code: "}});
    EXPECT_EQ(key(Key::enter).at(0)["text"], "");
}

TEST_F(UiModel, forgets_what_was_typed_for_another_prompt) {
    screen("session");
    take(m, {{"type", "prompt"}, {"id", 4}, {"echo", false}, {"text", "Password: "}});
    type(L"secret");
    take(m, {{"type", "prompt"}, {"id", 5}, {"echo", true}, {"text", "Code: "}});
    EXPECT_EQ(key(Key::enter).at(0)["text"], "");
}

TEST_F(UiModel, overwrites_a_secret_that_was_sent) {
    Input input;
    for (wchar_t c : std::wstring(L"secret")) input.add(c);
    const wchar_t* memory = input.text().data();
    input.clear();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(memory[i], L'\0');
}

TEST_F(UiModel, edits_with_backspace_and_ctrl_u) {
    screen("login");
    type(L"ab");
    key(Key::backspace);
    EXPECT_EQ(m.input.text(), L"a");
    key(Key::control, L'U');
    EXPECT_EQ(m.input.text(), L"");
    key(Key::backspace);
    EXPECT_EQ(m.input.text(), L"");
}

TEST_F(UiModel, takes_only_so_much_input) {
    screen("login");
    type(std::wstring(100000, L'a'));
    EXPECT_EQ(m.input.text().size(), k_input_characters);
    EXPECT_EQ(key(Key::enter).size(), 1U);
    screen("login");
    type(std::wstring(200, L'田'));
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_FALSE(m.hint.empty());
}

TEST_F(UiModel, chooses_with_arrows_or_a_digit) {
    const json choice{
        {"type", "choice"}, {"id", 2}, {"title", "Which VM?"}, {"options", {"a", "b", "c"}}, {"default", 1}};
    screen("session");
    take(m, choice);
    key(Key::down);
    key(Key::down);
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "chosen"}, {"id", 2}, {"index", 2}}}));
    take(m, choice);
    EXPECT_EQ(type(L"1"), (std::vector<json>{{{"type", "chosen"}, {"id", 2}, {"index", 0}}}));
    take(m, choice);
    EXPECT_TRUE(type(L"9").empty());
}

TEST_F(UiModel, survives_a_choice_of_nothing_or_with_a_default_outside) {
    screen("session");
    take(m, {{"type", "choice"}, {"id", 2}, {"title", ""}, {"options", json::array()}, {"default", 5}});
    key(Key::down);
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_EQ(key(Key::escape), (std::vector<json>{{{"type", "cancel"}}}));
}

TEST_F(UiModel, asks_before_the_power_goes_off) {
    screen("login");
    EXPECT_TRUE(key(Key::control, L'P').empty());
    EXPECT_TRUE(type(L"n").empty());
    EXPECT_TRUE(key(Key::control, L'R').empty());
    EXPECT_EQ(type(L"y"), (std::vector<json>{{{"type", "power"}, {"action", "reboot"}}}));
}

TEST_F(UiModel, offers_no_power_keys_within_a_session) {
    screen("session");
    key(Key::control, L'P');
    EXPECT_FALSE(m.confirm);
}

TEST_F(UiModel, gives_up_a_login_with_escape) {
    screen("session");
    take(m, {{"type", "prompt"}, {"id", 4}, {"echo", false}, {"text", "Password: "}});
    type(L"x");
    EXPECT_EQ(key(Key::escape), (std::vector<json>{{{"type", "cancel"}}}));
    EXPECT_TRUE(m.input.text().empty());
}

TEST_F(UiModel, sends_each_action_of_the_menu) {
    for (size_t i = 0; i < menu_rows().size(); ++i) {
        screen("session");
        screen("menu");
        auto out = type(std::wstring(1, static_cast<wchar_t>(L'1' + i)));
        if (menu_rows()[i].action == "force-off") {
            EXPECT_TRUE(out.empty());
            out = type(L"y");
        }
        EXPECT_EQ(out, (std::vector<json>{{{"type", "menu"}, {"action", menu_rows()[i].action}}}));
    }
    EXPECT_EQ(key(Key::escape).at(0)["action"], "back");
    EXPECT_EQ(key(Key::control, L']').at(0)["action"], "back");
}

TEST_F(UiModel, an_enter_behind_a_digit_of_the_menu_acts_no_second_time) {
    screen("menu");
    EXPECT_EQ(type(L"4").size(), 1U);
    take(m, {{"type", "message"}, {"style", "info"}, {"text", "running for 3 minutes"}});
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "menu"}, {"action", "status"}}}));
}

TEST_F(UiModel, an_enter_behind_a_digit_does_not_answer_the_question_that_the_digit_led_to) {
    screen("menu");
    EXPECT_TRUE(type(L"3").empty());
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_TRUE(m.confirm);
    EXPECT_EQ(type(L"y"), (std::vector<json>{{{"type", "menu"}, {"action", "force-off"}}}));
}

TEST_F(UiModel, an_enter_behind_a_digit_that_chose_does_not_answer_what_is_asked_next) {
    const json choice{
        {"type", "choice"}, {"id", 2}, {"title", "Which VM?"}, {"options", {"a", "b"}}, {"default", 0}};
    const json next{
        {"type", "choice"}, {"id", 3}, {"title", "Claim it?"}, {"options", {"no", "yes"}}, {"default", 0}};
    screen("session");
    take(m, choice);
    EXPECT_EQ(type(L"2").size(), 1U);
    take(m, next);
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "chosen"}, {"id", 3}, {"index", 0}}}));
    take(m, choice);
    EXPECT_EQ(type(L"2").size(), 1U);
    take(m, {{"type", "prompt"}, {"id", 4}, {"echo", false}, {"text", "Password: "}});
    EXPECT_TRUE(key(Key::enter).empty());
    EXPECT_TRUE(m.prompt);
}

TEST_F(UiModel, an_enter_behind_any_other_key_is_heard_at_once) {
    screen("menu");
    EXPECT_EQ(type(L"4").size(), 1U);
    key(Key::down);
    EXPECT_EQ(key(Key::enter), (std::vector<json>{{{"type", "menu"}, {"action", "send-key"}}}));
    type(L"9");
    EXPECT_EQ(key(Key::enter).size(), 1U);
}

TEST_F(UiModel, says_that_it_is_the_real_screen_when_asked) {
    screen("login");
    EXPECT_TRUE(key(Key::control, L']').empty());
    EXPECT_NE(m.hint.find(L"real"), std::wstring::npos);
}

TEST_F(UiModel, keeps_messages_until_they_are_cleared) {
    screen("session");
    take(m, {{"type", "message"}, {"style", "error"}, {"text", "no\x1b[2J"}});
    screen("login");
    ASSERT_EQ(m.notes.size(), 1U);
    EXPECT_EQ(m.notes[0].text, L"no\\x1b[2J");
    take(m, {{"type", "clear"}});
    EXPECT_TRUE(m.notes.empty());
}

TEST_F(UiModel, keeps_only_so_many_messages_and_steps) {
    screen("session");
    for (int i = 0; i < 1000; ++i) {
        take(m, {{"type", "message"}, {"style", "info"}, {"text", std::to_string(i)}});
        take(m, {{"type", "progress"},
                 {"step", std::to_string(i)},
                 {"text", "x"},
                 {"state", "done"},
                 {"index", 1},
                 {"of", 1}});
    }
    EXPECT_LE(m.notes.size(), 64U);
    EXPECT_LE(m.steps.size(), 64U);
    EXPECT_EQ(m.notes.back().text, L"999");
}

TEST_F(UiModel, does_nothing_harmful_for_any_single_key) {
    for (const char* mode : {"login", "session", "menu"}) {
        for (wchar_t c = L'@'; c <= L'_'; ++c) {
            if (c == L']') continue;
            screen("session");
            screen(mode);
            EXPECT_TRUE(key(Key::control, c).empty()) << mode << " Ctrl-" << static_cast<char>(c);
        }
    }
}

}  // namespace
}  // namespace berth::ui
