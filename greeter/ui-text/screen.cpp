// SPDX-License-Identifier: GPL-3.0-or-later
#define NCURSES_WIDECHAR 1
#include "greeter/ui-text/screen.h"

#include <curses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#undef clear
#undef move

namespace berth::ui {
namespace {

constexpr short k_error_pair = 1;

attr_t attribute(Style style) {
    switch (style) {
        case Style::normal:
        case Style::dim:  // A_DIM is unreadable on many terminals.
            return A_NORMAL;
        case Style::bold:
            return A_BOLD;
        case Style::error:
            return A_BOLD | (has_colors() ? COLOR_PAIR(k_error_pair) : 0);
        case Style::selected:
            return A_REVERSE;
    }
    return A_NORMAL;
}

}  // namespace

Result<Screen> Screen::open() {
    if (newterm(nullptr, stdout, stdin) == nullptr && newterm("vt220", stdout, stdin) == nullptr)
        return fail(ErrorCode::G05, "terminal not known");
    raw();
    noecho();
    nonl();
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(k_error_pair, COLOR_RED, -1);
    }
    Screen screen;
    screen.resized();
    return screen;
}

Screen::~Screen() {
    if (open_) endwin();
}

Size Screen::size() const {
    return {std::max(1, getmaxy(stdscr)), std::max(1, getmaxx(stdscr))};
}

void Screen::resized() {
    winsize w{};
    // A serial line does not know its size: 0x0, and VT220's is meant.
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_row == 0 || w.ws_col == 0)
        w = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    resizeterm(std::min<int>(w.ws_row, 300), std::min<int>(w.ws_col, 500));
    clearok(curscr, TRUE);
}

void Screen::clear() {
    clearok(curscr, TRUE);
}

void Screen::show(const Picture& picture, bool whole) {
    werase(stdscr);
    for (const auto& piece : picture.pieces) {
        wattrset(stdscr, static_cast<int>(attribute(piece.style)));
        mvwaddnwstr(stdscr, piece.row, piece.column, piece.text.c_str(), static_cast<int>(piece.text.size()));
    }
    wattrset(stdscr, A_NORMAL);
    if (whole) redrawwin(stdscr);
    curs_set(picture.cursor ? 1 : 0);
    if (picture.cursor) wmove(stdscr, picture.cursor->row, picture.cursor->column);
    wrefresh(stdscr);
}

}  // namespace berth::ui
