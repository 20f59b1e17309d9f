// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/layout.h"

#include <algorithm>
#include <tuple>

#include "greeter/ui/text.h"

namespace berth::ui {
namespace {

constexpr int k_widest = 68;

class Painter {
  public:
    Painter(Size size) : size_(size) {
        left_ = size.columns >= 30 ? std::max(2, (size.columns - k_widest) / 2) : 0;
        columns_ = std::max(1, std::min(k_widest, size.columns - 2 * left_));
    }

    void put(int row, int column, std::wstring_view text, Style style = Style::normal) {
        if (row < 0 || row >= size_.rows || column < 0 || column >= size_.columns || text.empty()) return;
        picture.pieces.push_back({row, column, cut(text, size_.columns - column), style});
    }
    void put_right(int row, std::wstring_view text, Style style) {
        put(row, std::max(0, size_.columns - 1 - width(text)), text, style);
    }
    void rule(int row) { put(row, 0, std::wstring(static_cast<size_t>(size_.columns), L'─'), Style::dim); }

    // The body is filled from the top; rows from `end` on are taken.
    void body(int begin, int end) {
        row_ = begin;
        end_ = end;
    }
    int room() const { return end_ - row_; }
    void line(std::wstring_view text, Style style = Style::normal, int indent = 0) {
        if (row_ < end_) put(row_++, left_ + indent, cut(text, columns_ - indent), style);
    }
    void blank() {
        if (row_ < end_) ++row_;
    }
    void cursor_here(int column) {
        if (row_ < end_) picture.cursor = Picture::Place{row_, std::min(left_ + column, size_.columns - 1)};
    }
    int left() const { return left_; }
    int columns() const { return columns_; }

    Picture picture;

  private:
    Size size_;
    int left_, columns_, row_ = 0, end_ = 0;
};

std::wstring_view state_word(protocol::StepState state) {
    if (state == protocol::StepState::done) return L"done";
    if (state == protocol::StepState::failed) return L"failed";
    return L"working";  // also for an undo: its sentence says what is done
}

void paint_steps(Painter& p, const Model& m, int room) {
    const size_t shown = std::min(m.steps.size(), static_cast<size_t>(std::max(0, room)));
    constexpr int k_word = 8;
    for (size_t i = m.steps.size() - shown; i < m.steps.size(); ++i) {
        const Step& step = m.steps[i];
        const std::wstring text = cut(step.text, p.columns() - k_word - 4);
        const int dots = p.columns() - k_word - 2 - width(text);
        const std::wstring leader =
            dots > 0 ? L" " + std::wstring(static_cast<size_t>(dots), L'.') + L" " : L" ";
        const Style style = step.state == protocol::StepState::failed ? Style::error
                            : step.state == protocol::StepState::done ? Style::dim
                                                                      : Style::normal;
        p.line(text + leader + std::wstring(state_word(step.state)), style);
    }
}

/// The first `most` of the lines, with a mark where more followed.
std::vector<std::wstring> first_of(std::vector<std::wstring> lines, int most) {
    const auto count = static_cast<size_t>(std::max(1, most));
    if (lines.size() <= count) return lines;
    lines.resize(count);
    if (count > 1) lines.back() = L"…";
    return lines;
}

/// A label and what was typed behind it; a long label has lines of its own.
void paint_field(Painter& p, const std::wstring& label, const std::wstring& typed, bool shown) {
    auto lines = wrap(label, p.columns());
    std::wstring last = lines.back();
    if (width(last) > p.columns() - 20) {
        last.clear();
    } else {
        lines.pop_back();
    }
    if (!lines.empty())
        for (const auto& l : first_of(std::move(lines), p.room() - 3)) p.line(l, Style::bold);
    while (!last.empty() && last.back() == L' ') last.pop_back();
    if (!last.empty()) last += L' ';
    const std::wstring visible = shown ? tail(typed, p.columns() - width(last) - 1) : std::wstring();
    p.cursor_here(width(last) + width(visible));
    p.line(last + visible, Style::bold);
}

void paint_rows(Painter& p, const std::vector<std::wstring>& rows, size_t selected, int room) {
    const auto fits = static_cast<size_t>(std::max(1, room));
    const size_t first = selected >= fits ? selected - fits + 1 : 0;
    for (size_t i = first; i < rows.size() && i < first + fits; ++i) {
        const std::wstring number = i < 9 ? std::to_wstring(i + 1) + L"  " : L"   ";
        std::wstring text = cut(L" " + number + rows[i], p.columns() - 1);
        text.append(static_cast<size_t>(std::max(0, p.columns() - width(text))), L' ');
        p.line(text, i == selected ? Style::selected : Style::normal);
    }
}

bool looks_like_caps_lock(const std::wstring& text) {
    int capitals = 0;
    for (wchar_t c : text) {
        if (c >= L'a' && c <= L'z') return false;
        if (c >= L'A' && c <= L'Z') ++capitals;
    }
    return capitals >= 2;
}

std::wstring caps_hint(const Model& m) {
    if (m.caps_lock) return *m.caps_lock ? L"Caps Lock is on." : L"";
    const bool asks_name = m.mode == Mode::login && !m.prompt;
    return looks_like_caps_lock(asks_name ? m.input.text() : m.user) ? L"Caps Lock may be on." : L"";
}

/// Rows that a question and its answers take, with the blank lines around them; the steps above make way for
/// all of it.
int rows_of_choice(const Painter& p, const Model& m) {
    if (!m.choice || m.confirm) return 0;
    constexpr int k_blank =
        5;  // behind the steps, behind the title, and what paint_form leaves below the answers
    return static_cast<int>(wrap(m.choice->title, p.columns()).size() + m.choice->options.size()) + k_blank;
}

void paint_form(Painter& p, const Model& m) {
    if (m.confirm) {
        for (const auto& l : wrap(m.confirm->question, p.columns())) p.line(l, Style::bold);
        p.blank();
        p.line(L"Press Y for yes, N for no.");
        return;
    }
    if (m.choice) {
        // However long the question is, its answers are seen.
        const int answers = std::min(static_cast<int>(m.choice->options.size()), p.room() / 2);
        for (const auto& l : first_of(wrap(m.choice->title, p.columns()), p.room() - answers - 4))
            p.line(l, Style::bold);
        p.blank();
        paint_rows(p, m.choice->options, m.choice->selected,
                   std::max({1, p.room() - 3, std::min(answers, p.room())}));
        return;
    }
    const bool asks_name = m.mode == Mode::login && !m.waiting && m.known && !m.prompt;
    if (m.prompt || asks_name) {
        if (m.prompt)
            paint_field(p, m.prompt->text, m.input.text(), m.prompt->echo);
        else
            paint_field(p, L"User name:", m.input.text(), true);
        const std::wstring caps = caps_hint(m);
        const bool hidden = m.prompt && !m.prompt->echo;
        p.line(!caps.empty() ? caps
               : hidden      ? L"What you type is not shown."
                             : L"",
               caps.empty() ? Style::dim : Style::bold);
        return;
    }
    if (m.mode == Mode::menu) {
        std::vector<std::wstring> rows;
        for (const auto& row : menu_rows(m)) rows.emplace_back(row.text);
        paint_rows(p, rows, m.menu_selected, p.room());
        return;
    }
    if (!m.known || (m.steps.empty() && m.notes.empty())) p.line(L"One moment.", Style::dim);
}

struct Line {
    std::wstring text;
    Style style;
};

std::vector<Line> note_lines(const Model& m, int columns) {
    std::vector<Line> lines;
    for (const auto& note : m.notes)
        for (auto& l : wrap(note.text, columns))
            lines.push_back({std::move(l), note.error ? Style::error : Style::normal});
    return lines;
}

/// How many lines did not fit.
int paint_notes(Painter& p, const Model& m) {
    const auto lines = note_lines(m, p.columns());
    const int count = static_cast<int>(lines.size()), room = std::max(0, p.room());
    const int hidden = std::max(0, count - room);
    const int first = std::clamp(hidden - m.scroll, 0, hidden);
    for (int i = first; i < std::min(count, first + room); ++i)
        p.line(lines[static_cast<size_t>(i)].text, lines[static_cast<size_t>(i)].style);
    return hidden;
}

/// Who logs in reads all notices that leave room for the question and what was said last; who works has read them.
int rows_for_notices(const Painter& p, const Model& m, int body) {
    constexpr int k_form = 7, k_last_words = 6;
    const int notes = std::min(k_last_words, static_cast<int>(note_lines(m, p.columns()).size()));
    return std::max({1, body / 3, m.mode == Mode::login ? body - k_form - notes : 0});
}

/// What the user should know before logging in, above row `bottom`: the most urgent first, and a last line that says
/// how to see the rest. Returns the first row.
int paint_notices(Painter& p, const Model& m, int most, int bottom) {
    std::vector<std::wstring> lines;
    for (const auto& notice : m.notices)
        for (auto& l : wrap(notice, p.columns())) lines.push_back(std::move(l));
    const int count = static_cast<int>(lines.size());
    const bool all = count <= most;
    const int shown = all ? count : std::max(0, most - 1);
    const int hidden = count - shown;
    p.picture.shown_notices = shown;
    p.picture.hidden_notices = hidden;
    const int first = std::clamp(-m.scroll, 0, hidden);
    const int top = bottom - (all ? count : most);
    for (int i = 0; i < shown; ++i) p.put(top + i, p.left(), lines[static_cast<size_t>(first + i)]);
    if (!all)
        p.put(bottom - 1, p.left(), cut(first < hidden ? L"(PgDn: more)" : L"(PgUp: back)", p.columns()),
              Style::bold);
    return top;
}

std::wstring title(const Model& m) {
    if (m.mode == Mode::login) return L"Log in";
    if (m.mode == Mode::menu) return L"Berth menu: your VM keeps running behind this screen";
    if (m.mode == Mode::power) return L"This workstation is going down";
    return m.user.empty() ? L"Your session" : L"Session of " + m.user;
}

std::wstring help(const Model& m) {
    if (!m.known) return {};
    if (m.confirm) return L"Y yes   N no";
    std::wstring keys;
    const auto offer = [&keys](std::wstring_view key) {
        if (!keys.empty()) keys += L"   ";
        keys += key;
    };
    const bool in_menu = m.mode == Mode::menu && !m.prompt && !m.choice;
    if (m.choice || in_menu) offer(L"Up/Down choose");
    const bool asks_name = m.mode == Mode::login && !m.waiting;
    const MenuRow row = in_menu ? menu_rows(m)[m.menu_selected] : MenuRow{};
    if (row.more)
        offer(row.action ? L"Left/Right change   Enter mute" : L"Left/Right change");
    else if (m.prompt || m.choice || in_menu || asks_name)
        offer(L"Enter continue");
    if (m.mode == Mode::menu) offer(L"Esc back to the VM");
    if (can_cancel(m)) offer(L"Esc cancel");
    if (asks_name) offer(L"Ctrl-P shut down   Ctrl-R restart");
    return keys;
}

/// What surrounds the body on a terminal with room for it. Returns the body's rows, from the first to behind the last.
std::pair<int, int> paint_frame(Painter& p, const Model& m, Size size) {
    p.put(0, 1, cut(m.host.empty() ? L"Berth" : m.host, size.columns - 3 - width(m.clock)), Style::bold);
    p.put_right(0, m.clock, Style::normal);
    p.rule(1);
    const int top = size.rows >= 20 ? 4 : 3;
    int bottom = size.rows - 2;
    p.rule(bottom);
    // How to tell this screen from a guest's.
    std::wstring sak = m.hint;
    if (sak.empty() && m.mode != Mode::menu && !m.sak_hint.empty())
        sak = L"Not sure that this is Berth? Press " + m.sak_hint + L" first.";
    if (!sak.empty())
        p.put(--bottom, p.left(), cut(sak, p.columns()), m.hint.empty() ? Style::dim : Style::bold);
    if (m.mode != Mode::menu && !m.notices.empty()) {
        if (size.rows >= 20) --bottom;
        bottom = paint_notices(p, m, rows_for_notices(p, m, bottom - top), bottom);
    }
    return {top, bottom - 1};
}

}  // namespace

Picture layout(const Model& m, Size size) {
    Painter p(size);
    const bool roomy = size.rows >= 12 && size.columns >= 30;
    int top = 0, bottom = size.rows;

    if (roomy) {
        std::tie(top, bottom) = paint_frame(p, m, size);
    } else if (size.rows >= 5) {
        bottom = size.rows - 1;
    }

    p.body(top, bottom);
    if (roomy) {
        p.line(title(m), Style::bold);
        p.blank();
    }
    const bool asks = m.confirm || m.prompt || m.choice;
    if (!m.steps.empty() && (m.mode == Mode::session || m.mode == Mode::closing)) {
        const int notes = static_cast<int>(std::min<size_t>(m.notes.size() * 2, 5));
        paint_steps(p, m, p.room() - std::max(asks ? 5 : 1, rows_of_choice(p, m)) - notes);
        p.blank();
    }
    const int before = p.room();
    paint_form(p, m);
    if (p.room() != before) p.blank();
    p.picture.hidden = paint_notes(p, m);

    std::wstring keys = help(m);
    if (p.picture.hidden > 0) keys += keys.empty() ? L"PgUp/PgDn messages" : L"   PgUp/PgDn messages";
    if (roomy || size.rows >= 5) p.put(size.rows - 1, roomy ? 1 : 0, keys, Style::dim);
    const std::wstring version = L"Berth " + m.version;
    if (roomy && width(keys) + width(version) + 4 <= size.columns)
        p.put_right(size.rows - 1, version, Style::dim);
    return std::move(p.picture);
}

void clamp_scroll(Model& model, Size size) {
    const Picture picture = layout(model, size);
    model.scroll = std::clamp(model.scroll, -picture.hidden_notices, picture.hidden);
    model.notice_page = std::max(1, picture.shown_notices);
}

}  // namespace berth::ui
