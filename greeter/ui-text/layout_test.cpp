// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>

#include "greeter/ui/text.h"
#include "tests/testing/picture_lines.h"

namespace berth::ui {
namespace {

class Layout : public ::testing::Test {
  protected:
    Layout() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    void screen(Mode mode, std::vector<std::string> notices = {}) {
        take(m, protocol::Screen{.mode = mode,
                                 .host = "berth-12",
                                 .version = "1.0",
                                 .notices = std::move(notices),
                                 .sak_hint = "Ctrl-]"});
        m.clock = L"Sun 22 Nov 2026  18:07";
    }
    void say(std::string text, protocol::NoteStyle style = protocol::NoteStyle::info) {
        take(m, protocol::Note{style, std::move(text)});
    }
    std::wstring text(Size size = {}) {
        std::wstring all;
        for (const auto& line : as_lines(layout(m, size), size)) all += line + L"\n";
        return all;
    }
    bool shows(std::wstring_view what, Size size = {}) { return text(size).find(what) != std::wstring::npos; }
    Model m;
};

TEST_F(Layout, shows_the_login_screen_with_clock_notices_and_keys) {
    screen(Mode::login, {"No data disk: swap space is kept in memory."});
    for (wchar_t c : std::wstring(L"ann")) press(m, {Key::character, c});
    const auto lines = as_lines(layout(m, {}), {});
    EXPECT_EQ(lines[0], L" berth-12                                                Sun 22 Nov 2026  18:07");
    EXPECT_EQ(lines[1], std::wstring(80, L'─'));
    EXPECT_EQ(lines[4], L"      Log in");
    EXPECT_EQ(lines[6], L"      User name: ann");
    EXPECT_EQ(lines[19], L"      No data disk: swap space is kept in memory.");
    EXPECT_EQ(lines[21], L"      Not sure that this is Berth? Press Ctrl-] first.");
    EXPECT_EQ(lines[23], L" Enter continue   Ctrl-P shut down   Ctrl-R restart                   Berth 1.0");
    const auto cursor = layout(m, {}).cursor;
    ASSERT_TRUE(cursor);
    EXPECT_EQ(cursor->row, 6);
    EXPECT_EQ(cursor->column, 20);
}

TEST_F(Layout, keeps_answers_and_fields_on_the_screen_however_long_the_question_is) {
    // The title of a lock's question holds what anybody wrote into the lock's record.
    for (const std::string& text : {std::string(16000, 'A'), std::string(3000, '\n')}) {
        screen(Mode::session);
        for (unsigned i = 0; i < 8; ++i)
            take(m, protocol::Progress{"s" + std::to_string(i), text, protocol::StepState::done, i, 13});
        say(text, protocol::NoteStyle::error);
        take(m, protocol::Choice{1, "The beginning " + text, {"No, log me off", "Yes, take it over"}, 0});
        for (const Size size : {Size{24, 80}, Size{14, 40}}) {
            EXPECT_TRUE(shows(L"The beginning", size)) << size.rows;
            EXPECT_TRUE(shows(L"1  No, log me off", size)) << size.rows;
            EXPECT_TRUE(shows(L"2  Yes, take it over", size)) << size.rows;
        }
        take(m, protocol::Prompt{2, true, text});
        for (wchar_t c : std::wstring(L"typed")) press(m, {Key::character, c});
        EXPECT_TRUE(shows(L"typed"));
        EXPECT_TRUE(shows(L"typed", Size{14, 40}));
        take(m, protocol::Clear{});
    }
}

TEST_F(Layout, shows_every_answer_of_a_long_question_and_lets_the_steps_make_way) {
    screen(Mode::session, {"No data disk: swap space is kept in memory."});
    for (unsigned i = 0; i < 8; ++i)
        take(m, protocol::Progress{"s" + std::to_string(i), "Step " + std::to_string(i),
                                   protocol::StepState::done, i, 13});
    take(m, protocol::Choice{1,
                             std::string(40, 'a') + " " + std::string(40, 'b') + " " + std::string(40, 'c'),
                             {"No, log me off", "Yes, take it over"},
                             0});
    EXPECT_TRUE(shows(L"1  No, log me off"));
    EXPECT_TRUE(shows(L"2  Yes, take it over"));
    EXPECT_TRUE(shows(L"Step 7")) << "the last step stays";
}

TEST_F(Layout, shows_the_whole_question_of_a_move_with_its_answers_on_80_columns) {
    screen(Mode::session, {"No data disk: swap space is kept in memory."});
    for (unsigned i = 0; i < 8; ++i)
        take(m, protocol::Progress{"s" + std::to_string(i), "Step " + std::to_string(i),
                                   protocol::StepState::done, i, 13});
    take(m, protocol::Choice{
                1,
                "\"work\" is in use on workstation " + std::string(20, 'h') +
                    " since 2026-11-22 09:12 (last sign of life 119 minutes ago). Move it here? It is closed "
                    "there cleanly. If that workstation does not answer, it is taken over after 90 s: work "
                    "not saved there may be lost.",
                {"No, log me off", "Yes, move it here"},
                0});
    EXPECT_TRUE(shows(L"may be lost."));
    EXPECT_TRUE(shows(L"1  No, log me off"));
    EXPECT_TRUE(shows(L"2  Yes, move it here"));
    EXPECT_TRUE(shows(L"Step 7"));
}

TEST_F(Layout, never_shows_a_secret_nor_its_length) {
    screen(Mode::session);
    take(m, protocol::Prompt{1, false, "Password: "});
    const std::wstring before = text();
    const auto place = layout(m, {}).cursor;
    for (wchar_t c : std::wstring(L"SECRET")) press(m, {Key::character, c});
    EXPECT_EQ(text(), before);
    EXPECT_EQ(layout(m, {}).cursor->column, place->column);
}

TEST_F(Layout, shows_steps_with_their_states_aligned) {
    screen(Mode::session);
    uint64_t i = 0;
    using enum protocol::StepState;
    for (const auto state : {done, doing, failed, undoing}) {
        ++i;
        take(m, protocol::Progress{"s" + std::to_string(i), "Step " + std::string(i, 'x'), state, i, 4});
    }
    const auto lines = as_lines(layout(m, {}), {});
    std::vector<size_t> ends;
    // An undo works, too: its sentence says at what.
    for (const auto& [step, word] : {std::pair{L" x ", L". done"},
                                     {L" xx ", L". working"},
                                     {L" xxx ", L". failed"},
                                     {L" xxxx ", L". working"}}) {
        const auto found = std::find_if(lines.begin(), lines.end(),
                                        [&](const auto& l) { return l.find(step) != std::wstring::npos; });
        ASSERT_NE(found, lines.end()) << step;
        ends.push_back(found->find(word));
    }
    EXPECT_NE(ends[0], std::wstring::npos);
    EXPECT_EQ(std::count(ends.begin(), ends.end(), ends[0]), 4);
}

TEST_F(Layout, shows_the_latest_of_many_steps) {
    screen(Mode::session);
    for (unsigned i = 0; i < 40; ++i)
        take(m, protocol::Progress{std::to_string(i), "Step " + std::to_string(i), protocol::StepState::done,
                                   i, 40});
    say("BERTH-M03: Your files are read-only", protocol::NoteStyle::error);
    EXPECT_TRUE(shows(L"Step 39"));
    EXPECT_TRUE(shows(L"BERTH-M03"));
}

TEST_F(Layout, keeps_a_prompt_visible_under_many_steps_and_notices) {
    screen(Mode::session, {std::string(300, 'x'), std::string(300, 'y'), std::string(300, 'z')});
    for (unsigned i = 0; i < 40; ++i)
        take(m, protocol::Progress{std::to_string(i), "Step", protocol::StepState::done, i, 40});
    take(m, protocol::Prompt{1, true, "Continue?"});
    EXPECT_TRUE(shows(L"Continue?"));
}

TEST_F(Layout, scrolls_long_messages_and_says_so) {
    screen(Mode::login);
    for (int i = 0; i < 40; ++i) say("line " + std::to_string(i));
    EXPECT_TRUE(shows(L"line 39"));
    EXPECT_FALSE(shows(L"line 10"));
    EXPECT_TRUE(shows(L"PgUp/PgDn"));
    for (int i = 0; i < 100; ++i) press(m, {Key::page_up});
    EXPECT_TRUE(shows(L"line 0"));
}

TEST_F(Layout, shows_every_notice_beside_the_login_on_80_columns) {
    std::vector<std::string> notices;
    for (int i = 0; i < 8; ++i) notices.push_back("notice " + std::to_string(i));
    screen(Mode::login, notices);
    say("BERTH-L01: The user name or the password is wrong.", protocol::NoteStyle::error);
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(shows(L"notice " + std::to_wstring(i))) << i;
    EXPECT_TRUE(shows(L"BERTH-L01"));
    EXPECT_TRUE(shows(L"User name:"));
    EXPECT_FALSE(shows(L"PgDn"));
}

TEST_F(Layout, says_how_to_see_the_notices_that_do_not_fit) {
    std::vector<std::string> notices;
    for (int i = 0; i < 30; ++i) notices.push_back("notice " + std::to_string(i));
    for (const Mode mode : {Mode::login, Mode::session}) {
        screen(mode, notices);
        EXPECT_TRUE(shows(L"notice 0\n"));
        EXPECT_FALSE(shows(L"notice 29"));
        EXPECT_TRUE(shows(L"(PgDn: more)"));
        for (int i = 0; i < 100; ++i) press(m, {Key::page_down});
        clamp_scroll(m, {});
        EXPECT_TRUE(shows(L"notice 29"));
        EXPECT_TRUE(shows(L"(PgUp: back)"));
        for (int i = 0; i < 100; ++i) press(m, {Key::page_up});
        EXPECT_TRUE(shows(L"notice 0\n"));
        m.scroll = 0;
    }
}

TEST_F(Layout, pages_through_every_line_of_the_notices) {
    std::vector<std::string> notices;
    for (int i = 0; i < 14; ++i) notices.push_back("notice " + std::to_string(i) + ".");
    for (const int rows : {12, 15, 24}) {
        const Size size{rows, 80};
        screen(Mode::session, notices);
        std::wstring seen;
        for (int i = 0; i < 20; ++i) {
            clamp_scroll(m, size);
            seen += text(size);
            press(m, {Key::page_down});
        }
        for (int i = 0; i < 14; ++i)
            EXPECT_NE(seen.find(L"notice " + std::to_wstring(i) + L"."), std::wstring::npos)
                << rows << ": " << i;
        for (int i = 0; i < 20; ++i) {
            press(m, {Key::page_up});
            clamp_scroll(m, size);
        }
        EXPECT_TRUE(shows(L"notice 0.", size)) << rows;
        m.scroll = 0;
    }
}

TEST_F(Layout, offers_escape_only_where_it_cancels_something) {
    screen(Mode::session);
    EXPECT_TRUE(shows(L"Esc cancel"));
    for (const Mode mode : {Mode::login, Mode::closing, Mode::menu, Mode::power}) {
        screen(mode);
        EXPECT_FALSE(shows(L"Esc cancel")) << static_cast<int>(mode);
    }
    screen(Mode::closing);
    take(m, protocol::Prompt{1, true, "Code: "});
    EXPECT_TRUE(shows(L" Enter continue"));
    EXPECT_FALSE(shows(L"Esc"));
}

TEST_F(Layout, lets_no_version_run_into_the_keys) {
    screen(Mode::login);
    m.version = L"123.456.789";
    for (int i = 0; i < 40; ++i) say("line");
    EXPECT_TRUE(shows(L"PgUp/PgDn messages\n"));
}

TEST_F(Layout, comes_down_again_at_once_after_scrolling_too_far) {
    screen(Mode::login);
    for (int i = 0; i < 40; ++i) say("line " + std::to_string(i));
    for (int i = 0; i < 100; ++i) press(m, {Key::page_up});
    clamp_scroll(m, {});
    const std::wstring top = text();
    press(m, {Key::page_down});
    EXPECT_NE(text(), top);
}

TEST_F(Layout, shows_the_end_of_a_long_name_being_typed) {
    screen(Mode::login);
    for (int i = 0; i < 200; ++i) press(m, {Key::character, L'a'});
    press(m, {Key::character, L'z'});
    EXPECT_TRUE(shows(L"az\n"));
    EXPECT_LT(layout(m, {}).cursor->column, 80);
}

TEST_F(Layout, hints_at_caps_lock) {
    screen(Mode::login);
    m.caps_lock = true;
    EXPECT_TRUE(shows(L"Caps Lock is on."));
    m.caps_lock = false;
    for (wchar_t c : std::wstring(L"ANN")) press(m, {Key::character, c});
    EXPECT_FALSE(shows(L"Caps Lock"));
    m.caps_lock.reset();
    EXPECT_TRUE(shows(L"Caps Lock may be on."));
    press(m, {Key::character, L'n'});
    EXPECT_FALSE(shows(L"Caps Lock"));
}

TEST_F(Layout, shows_volume_and_brightness_and_their_keys_where_the_workstation_has_them) {
    protocol::Screen menu{
        .mode = Mode::menu, .host = "h", .version = "1.0", .notices = {}, .sak_hint = "Ctrl-]"};
    take(m, menu);
    EXPECT_FALSE(shows(L"Volume"));
    EXPECT_FALSE(shows(L"Brightness"));
    menu.volume = "off (40 %)";
    menu.brightness = "70 %";
    take(m, menu);
    EXPECT_TRUE(shows(L" 6  Volume: off (40 %)"));
    EXPECT_TRUE(shows(L" 7  Brightness: 70 %"));
    EXPECT_TRUE(shows(L" Up/Down choose   Enter continue   Esc back to the VM"));
    press(m, {Key::character, L'6'});
    EXPECT_TRUE(shows(L" Up/Down choose   Left/Right change   Enter mute   Esc back to the VM"));
    press(m, {Key::down});
    EXPECT_TRUE(shows(L" Up/Down choose   Left/Right change   Esc back to the VM"));
}

TEST_F(Layout, names_every_action_of_the_menu) {
    screen(Mode::menu);
    for (const auto& row : menu_rows(m)) EXPECT_TRUE(shows(row.text));
}

TEST_F(Layout, fits_every_size_in_every_state) {
    const auto check_all = [this] {
        for (int rows : {1, 2, 3, 4, 5, 6, 9, 11, 12, 13, 19, 20, 24, 50, 200}) {
            for (int columns : {1, 2, 3, 5, 10, 20, 29, 30, 40, 69, 80, 132, 400}) {
                const Size size{rows, columns};
                const Picture picture = layout(m, size);
                for (const auto& piece : picture.pieces) {
                    ASSERT_GE(piece.row, 0);
                    ASSERT_LT(piece.row, rows);
                    ASSERT_GE(piece.column, 0);
                    ASSERT_LE(piece.column + width(piece.text), columns) << rows << "x" << columns;
                }
                if (picture.cursor) {
                    ASSERT_LT(picture.cursor->row, rows);
                    ASSERT_LT(picture.cursor->column, columns);
                }
                as_lines(picture, size);
            }
        }
    };
    check_all();
    screen(Mode::login, {"Ein Hinweis 田中太郎 " + std::string(500, 'x'), "b"});
    m.host = std::wstring(300, L'田');
    say("田中太郎 " + std::string(3000, 'w'), protocol::NoteStyle::error);
    for (int i = 0; i < 250; ++i) press(m, {Key::character, L'田'});
    check_all();
    press(m, {Key::control, L'P'});
    check_all();
    screen(Mode::session);
    for (unsigned i = 0; i < 60; ++i)
        take(m, protocol::Progress{std::to_string(i), "田中太郎" + std::string(200, 'x'),
                                   protocol::StepState::done, i, 60});
    check_all();
    take(m, protocol::Prompt{1, true, "田中太郎 " + std::string(2000, 'p')});
    for (int i = 0; i < 250; ++i) press(m, {Key::character, L'田'});
    check_all();
    take(m, protocol::Choice{1, std::string(300, 't'), std::vector<std::string>(250, std::string(100, 'o')),
                             200});
    check_all();
    for (const Mode mode : {Mode::closing, Mode::menu, Mode::power}) {
        screen(mode);
        check_all();
    }
}

TEST_F(Layout, shows_the_chosen_row_of_a_long_list) {
    screen(Mode::session);
    std::vector<std::string> options;
    for (int i = 0; i < 100; ++i) options.push_back("vm-" + std::to_string(i));
    take(m, protocol::Choice{1, "Which VM?", options, 77});
    EXPECT_TRUE(shows(L"vm-77"));
}

}  // namespace
}  // namespace berth::ui
