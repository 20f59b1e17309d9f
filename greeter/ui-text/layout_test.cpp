// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>

#include "greeter/ui/text.h"

namespace berth::ui {
namespace {

using nlohmann::json;

class Layout : public ::testing::Test {
  protected:
    Layout() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    void screen(const char* mode, json notices = json::array()) {
        take(m, {{"type", "screen"},
                 {"mode", mode},
                 {"host", "berth-12"},
                 {"version", "1.0"},
                 {"notices", notices},
                 {"sak_hint", "Ctrl-]"}});
        m.clock = L"Sun 22 Nov 2026  18:07";
    }
    void say(std::string text, const char* style = "info") {
        take(m, {{"type", "message"}, {"style", style}, {"text", std::move(text)}});
    }
    std::wstring text(Size size = {}) {
        std::wstring all;
        for (const auto& line : as_lines(layout(m, size), size)) all += line + L"\n";
        return all;
    }
    bool shows(std::wstring_view what, Size size = {}) { return text(size).find(what) != std::wstring::npos; }
    Model m;
};

TEST_F(Layout, of_the_login_screen) {
    screen("login", {"No data disk: swap space is kept in memory."});
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
        screen("session");
        for (int i = 0; i < 8; ++i)
            take(m, {{"type", "progress"},
                     {"step", "s" + std::to_string(i)},
                     {"text", text},
                     {"state", "done"},
                     {"index", i},
                     {"of", 13}});
        say(text, "error");
        take(m, {{"type", "choice"},
                 {"id", 1},
                 {"title", "The beginning " + text},
                 {"options", {"No, log me off", "Yes, take it over"}},
                 {"default", 0}});
        for (const Size size : {Size{24, 80}, Size{14, 40}}) {
            EXPECT_TRUE(shows(L"The beginning", size)) << size.rows;
            EXPECT_TRUE(shows(L"1  No, log me off", size)) << size.rows;
            EXPECT_TRUE(shows(L"2  Yes, take it over", size)) << size.rows;
        }
        take(m, {{"type", "prompt"}, {"id", 2}, {"echo", true}, {"text", text}});
        for (wchar_t c : std::wstring(L"typed")) press(m, {Key::character, c});
        EXPECT_TRUE(shows(L"typed"));
        EXPECT_TRUE(shows(L"typed", Size{14, 40}));
        take(m, {{"type", "clear"}});
    }
}

TEST_F(Layout, shows_every_answer_of_a_long_question_and_lets_the_steps_make_way) {
    screen("session", {"No data disk: swap space is kept in memory."});
    for (int i = 0; i < 8; ++i)
        take(m, {{"type", "progress"},
                 {"step", "s" + std::to_string(i)},
                 {"text", "Step " + std::to_string(i)},
                 {"state", "done"},
                 {"index", i},
                 {"of", 13}});
    take(m, {{"type", "choice"},
             {"id", 1},
             {"title", std::string(40, 'a') + " " + std::string(40, 'b') + " " + std::string(40, 'c')},
             {"options", {"No, log me off", "Yes, take it over"}},
             {"default", 0}});
    EXPECT_TRUE(shows(L"1  No, log me off"));
    EXPECT_TRUE(shows(L"2  Yes, take it over"));
    EXPECT_TRUE(shows(L"Step 7")) << "the last step stays";
}

TEST_F(Layout, shows_the_whole_question_of_a_move_with_its_answers_on_80_columns) {
    screen("session", {"No data disk: swap space is kept in memory."});
    for (int i = 0; i < 8; ++i)
        take(m, {{"type", "progress"},
                 {"step", "s" + std::to_string(i)},
                 {"text", "Step " + std::to_string(i)},
                 {"state", "done"},
                 {"index", i},
                 {"of", 13}});
    take(m, {{"type", "choice"},
             {"id", 1},
             {"title",
              "\"work\" is in use on workstation " + std::string(20, 'h') +
                  " since 2026-11-22 09:12 (last sign of life 119 minutes ago). Move it here? It is closed "
                  "there cleanly. If that workstation does not answer, it is taken over after 90 s: work "
                  "not saved there may be lost."},
             {"options", {"No, log me off", "Yes, move it here"}},
             {"default", 0}});
    EXPECT_TRUE(shows(L"may be lost."));
    EXPECT_TRUE(shows(L"1  No, log me off"));
    EXPECT_TRUE(shows(L"2  Yes, move it here"));
    EXPECT_TRUE(shows(L"Step 7"));
}

TEST_F(Layout, never_shows_a_secret_nor_its_length) {
    screen("session");
    take(m, {{"type", "prompt"}, {"id", 1}, {"echo", false}, {"text", "Password: "}});
    const std::wstring before = text();
    const auto place = layout(m, {}).cursor;
    for (wchar_t c : std::wstring(L"SECRET")) press(m, {Key::character, c});
    EXPECT_EQ(text(), before);
    EXPECT_EQ(layout(m, {}).cursor->column, place->column);
}

TEST_F(Layout, shows_steps_with_their_states_aligned) {
    screen("session");
    int i = 0;
    for (const char* state : {"done", "doing", "failed", "undoing"})
        take(m, {{"type", "progress"},
                 {"step", std::string(state)},
                 {"text", "Step " + std::string(static_cast<size_t>(++i), 'x')},
                 {"state", state},
                 {"index", i},
                 {"of", 4}});
    const auto lines = as_lines(layout(m, {}), {});
    std::vector<size_t> ends;
    for (const wchar_t* word : {L". done", L". working", L". failed", L". undoing"}) {
        const auto found = std::find_if(lines.begin(), lines.end(),
                                        [&](const auto& l) { return l.find(word) != std::wstring::npos; });
        ASSERT_NE(found, lines.end()) << word;
        ends.push_back(found->find(word));
    }
    EXPECT_EQ(std::count(ends.begin(), ends.end(), ends[0]), 4);
}

TEST_F(Layout, of_many_steps_shows_the_latest) {
    screen("session");
    for (int i = 0; i < 40; ++i)
        take(m, {{"type", "progress"},
                 {"step", std::to_string(i)},
                 {"text", "Step " + std::to_string(i)},
                 {"state", "done"},
                 {"index", i},
                 {"of", 40}});
    say("BERTH-M03: Your files are read-only", "error");
    EXPECT_TRUE(shows(L"Step 39"));
    EXPECT_TRUE(shows(L"BERTH-M03"));
}

TEST_F(Layout, keeps_a_prompt_visible_under_many_steps_and_notices) {
    screen("session", {std::string(300, 'x'), std::string(300, 'y'), std::string(300, 'z')});
    for (int i = 0; i < 40; ++i)
        take(m, {{"type", "progress"},
                 {"step", std::to_string(i)},
                 {"text", "Step"},
                 {"state", "done"},
                 {"index", i},
                 {"of", 40}});
    take(m, {{"type", "prompt"}, {"id", 1}, {"echo", true}, {"text", "Continue?"}});
    EXPECT_TRUE(shows(L"Continue?"));
}

TEST_F(Layout, scrolls_long_messages_and_says_so) {
    screen("login");
    for (int i = 0; i < 40; ++i) say("line " + std::to_string(i));
    EXPECT_TRUE(shows(L"line 39"));
    EXPECT_FALSE(shows(L"line 10"));
    EXPECT_TRUE(shows(L"PgUp/PgDn"));
    for (int i = 0; i < 100; ++i) press(m, {Key::page_up});
    EXPECT_TRUE(shows(L"line 0"));
}

TEST_F(Layout, comes_down_again_at_once_after_scrolling_too_far) {
    screen("login");
    for (int i = 0; i < 40; ++i) say("line " + std::to_string(i));
    for (int i = 0; i < 100; ++i) press(m, {Key::page_up});
    clamp_scroll(m, {});
    const std::wstring top = text();
    press(m, {Key::page_down});
    EXPECT_NE(text(), top);
}

TEST_F(Layout, shows_the_end_of_a_long_name_being_typed) {
    screen("login");
    for (int i = 0; i < 200; ++i) press(m, {Key::character, L'a'});
    press(m, {Key::character, L'z'});
    EXPECT_TRUE(shows(L"az\n"));
    EXPECT_LT(layout(m, {}).cursor->column, 80);
}

TEST_F(Layout, hints_at_caps_lock) {
    screen("login");
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

TEST_F(Layout, of_the_menu_names_every_action) {
    screen("menu");
    for (const auto& row : menu_rows()) EXPECT_TRUE(shows(row.text));
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
    screen("login", {"Ein Hinweis 田中太郎 " + std::string(500, 'x'), "b"});
    m.host = std::wstring(300, L'田');
    say("田中太郎 " + std::string(3000, 'w'), "error");
    for (int i = 0; i < 250; ++i) press(m, {Key::character, L'田'});
    check_all();
    press(m, {Key::control, L'P'});
    check_all();
    screen("session");
    for (int i = 0; i < 60; ++i)
        take(m, {{"type", "progress"},
                 {"step", std::to_string(i)},
                 {"text", "田中太郎" + std::string(200, 'x')},
                 {"state", "done"},
                 {"index", i},
                 {"of", 60}});
    check_all();
    take(m, {{"type", "prompt"}, {"id", 1}, {"echo", true}, {"text", "田中太郎 " + std::string(2000, 'p')}});
    for (int i = 0; i < 250; ++i) press(m, {Key::character, L'田'});
    check_all();
    take(m, {{"type", "choice"},
             {"id", 1},
             {"title", std::string(300, 't')},
             {"options", std::vector<std::string>(250, std::string(100, 'o'))},
             {"default", 200}});
    check_all();
    screen("menu");
    check_all();
}

TEST_F(Layout, shows_the_chosen_row_of_a_long_list) {
    screen("session");
    std::vector<std::string> options;
    for (int i = 0; i < 100; ++i) options.push_back("vm-" + std::to_string(i));
    take(m, {{"type", "choice"}, {"id", 1}, {"title", "Which VM?"}, {"options", options}, {"default", 77}});
    EXPECT_TRUE(shows(L"vm-77"));
}

}  // namespace
}  // namespace berth::ui
