// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/model.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "base/plain_text.h"
#include "greeter/ui/text.h"

namespace berth::ui {
namespace {

using protocol::FromUi;
using protocol::MenuAction;
using protocol::PowerAction;

constexpr size_t k_notes = 64;
constexpr size_t k_steps = 64;

void move(size_t& selected, size_t count, bool down) {
    if (count == 0) return;
    selected = down ? std::min(selected + 1, count - 1) : selected - (selected > 0 ? 1 : 0);
}

/// The digit 1 to 9 picks a row at once.
std::optional<size_t> picked(Model& m, const Key& key, size_t count) {
    if (key.kind != Key::character || key.c < L'1' || key.c > L'9') return std::nullopt;
    const auto row = static_cast<size_t>(key.c - L'1');
    m.digit_picked = row < count;
    return row < count ? std::optional(row) : std::nullopt;
}

void edit(Input& input, const Key& key) {
    if (key.kind == Key::character) input.add(key.c);
    if (key.kind == Key::backspace) input.backspace();
    if (key.kind == Key::control && key.c == L'U') input.clear();
}

WipedText typed(const Input& input) {
    std::string text;
    text.reserve(4 * k_input_characters);  // It never moves to leave a copy.
    for (wchar_t c : input.text()) append_utf8(text, static_cast<char32_t>(c));
    WipedText out(text);
    explicit_bzero(text.data(), text.size());
    return out;
}

std::optional<FromUi> press_confirm(Model& m, const Key& key) {
    const bool yes = key.kind == Key::character && (key.c == L'y' || key.c == L'Y');
    const bool no = key.kind == Key::escape || key.kind == Key::enter ||
                    (key.kind == Key::character && (key.c == L'n' || key.c == L'N'));
    if (!yes && !no) return {};
    const auto confirmed = std::exchange(m.confirm, std::nullopt)->yes;
    if (!yes) return {};
    return std::visit([](const auto& message) { return FromUi(message); }, confirmed);
}

std::optional<FromUi> press_menu(Model& m, const Key& key) {
    const auto rows = menu_rows(m);
    const MenuRow& selected = rows[m.menu_selected];
    const auto is = [&key](wchar_t c) { return key.kind == Key::character && key.c == c; };
    if (selected.less && (key.kind == Key::left || is(L'-'))) return protocol::Menu{*selected.less};
    if (selected.more && (key.kind == Key::right || is(L'+'))) return protocol::Menu{*selected.more};
    if (key.kind == Key::up || key.kind == Key::down)
        move(m.menu_selected, rows.size(), key.kind == Key::down);
    size_t row = m.menu_selected;
    if (const auto digit = picked(m, key, rows.size())) {
        row = m.menu_selected = *digit;
        if (rows[row].more) return {};
    } else if (key.kind == Key::escape || (key.kind == Key::control && key.c == L']')) {
        row = 0;
    } else if (key.kind != Key::enter) {
        return {};
    }
    if (!rows[row].action) return {};
    const protocol::Menu menu{*rows[row].action};
    if (menu.action != MenuAction::force_off) return menu;
    m.confirm = Confirm{.question = L"Switch the VM off at once? Unsaved work in it is lost.", .yes = menu};
    return {};
}

std::optional<FromUi> press_choice(Model& m, const Key& key) {
    Choice& choice = *m.choice;
    if (key.kind == Key::up || key.kind == Key::down)
        move(choice.selected, choice.options.size(), key.kind == Key::down);
    if (const auto digit = picked(m, key, choice.options.size()))
        choice.selected = *digit;
    else if (key.kind != Key::enter || choice.options.empty())
        return {};
    const protocol::Chosen chosen{.id = choice.id, .index = choice.selected};
    m.choice.reset();
    m.waiting = true;
    return chosen;
}

std::optional<FromUi> press_prompt(Model& m, const Key& key) {
    edit(m.input, key);
    if (key.kind != Key::enter) return {};
    protocol::Answer answer{.id = m.prompt->id, .text = typed(m.input)};
    m.input.clear();
    m.prompt.reset();
    m.waiting = true;
    return answer;
}

std::optional<FromUi> press_login(Model& m, const Key& key) {
    edit(m.input, key);
    if (key.kind == Key::escape) m.input.clear();
    if (key.kind == Key::control && (key.c == L'P' || key.c == L'R')) {
        const bool reboot = key.c == L'R';
        m.confirm =
            Confirm{.question = reboot ? L"Restart this workstation?" : L"Shut this workstation down?",
                    .yes = protocol::Power{reboot ? PowerAction::reboot : PowerAction::poweroff}};
        return {};
    }
    if (key.kind != Key::enter || m.input.text().empty()) return {};
    protocol::Login login{typed(m.input)};
    if (login.user.view().size() > 256) {
        m.input.clear();
        m.hint = L"That name is too long.";
        return {};
    }
    m.user = m.input.text();
    m.input.clear();
    m.waiting = true;
    return login;
}

}  // namespace

void Input::backspace() {
    // A combining character goes with the one below it.
    while (!text_.empty()) {
        const wchar_t last = std::exchange(text_.back(), L'\0');
        text_.pop_back();
        if (width(last) > 0) return;
    }
}

void Input::clear() {
    text_.resize(text_.capacity());
    std::fill(text_.begin(), text_.end(), L'\0');
    asm volatile("" : : "r"(text_.data()) : "memory");  // The overwriting is not for nothing.
    text_.clear();
}

bool can_cancel(const Model& m) {
    return m.mode == Mode::session || (m.mode == Mode::login && m.waiting);
}

std::vector<MenuRow> menu_rows(const Model& m) {
    std::vector<MenuRow> rows = {{L"Back to the VM", MenuAction::back},
                                 {L"Shut the VM down", MenuAction::close},
                                 {L"Switch the VM off at once", MenuAction::force_off},
                                 {L"Show how it is doing", MenuAction::status},
                                 {L"Send " + m.sak_hint + L" to the VM", MenuAction::send_key}};
    if (!m.volume.empty())
        rows.push_back({L"Volume: " + m.volume, MenuAction::mute, MenuAction::quieter, MenuAction::louder});
    if (!m.brightness.empty())
        rows.push_back(
            {L"Brightness: " + m.brightness, std::nullopt, MenuAction::darker, MenuAction::brighter});
    return rows;
}

namespace {

void take(Model& m, const protocol::Screen& screen) {
    if (screen.mode != m.mode || !m.known || screen.mode == Mode::login) m.waiting = false;
    if (screen.mode != m.mode) {
        m.input.clear();
        m.confirm.reset();
        m.menu_selected = 0;
        if (screen.mode == Mode::login) {
            m.prompt.reset();
            m.choice.reset();
            m.user.clear();
        }
    }
    m.mode = screen.mode;
    m.known = true;
    m.host = clean(screen.host);
    m.version = clean(screen.version);
    m.sak_hint = clean(screen.sak_hint);
    m.volume = clean(screen.volume);
    m.brightness = clean(screen.brightness);
    // What it had may be gone; an Enter for that must not be one for the row before it.
    if (m.menu_selected >= menu_rows(m).size()) m.menu_selected = 0;
    m.notices.clear();
    for (const auto& notice : screen.notices) m.notices.push_back(clean(notice));
}

void take(Model& m, const protocol::Prompt& prompt) {
    m.input.clear();
    m.choice.reset();
    m.prompt = Prompt{.id = prompt.id, .echo = prompt.echo, .text = clean(prompt.text)};
    m.waiting = false;
}

void take(Model& m, const protocol::Choice& asked) {
    Choice choice{.id = asked.id, .title = clean(asked.title, true), .options = {}, .selected = 0};
    for (const auto& option : asked.options) choice.options.push_back(clean(option));
    choice.selected = asked.preset < choice.options.size() ? asked.preset : 0;
    m.prompt.reset();
    m.choice = std::move(choice);
    m.waiting = false;
}

void take(Model& m, const protocol::Note& note) {
    m.notes.push_back({.error = note.style == protocol::NoteStyle::error, .text = clean(note.text, true)});
    if (m.notes.size() > k_notes) m.notes.erase(m.notes.begin());
    m.scroll = 0;
}

void take(Model& m, const protocol::Progress& progress) {
    Step step{.name = progress.step, .text = clean(progress.text), .state = progress.state};
    const auto same = std::ranges::find(m.steps, step.name, &Step::name);
    if (same != m.steps.end()) {
        *same = std::move(step);
    } else {
        m.steps.push_back(std::move(step));
        if (m.steps.size() > k_steps) m.steps.erase(m.steps.begin());
    }
}

void take(Model& m, const protocol::Clear&) {
    m.notes.clear();
    m.steps.clear();
    m.prompt.reset();
    m.choice.reset();
    m.scroll = 0;
}

/// From the notices' end to the notes' beginning, stopping between the two.
void scroll(Model& m, bool back) {
    constexpr int k_lines = 5;
    if (back)
        m.scroll = m.scroll < 0 ? std::min(0, m.scroll + m.notice_page) : m.scroll + k_lines;
    else
        m.scroll = m.scroll > 0 ? std::max(0, m.scroll - k_lines) : m.scroll - m.notice_page;
}

}  // namespace

void take(Model& m, const protocol::ToUi& message) {
    std::visit([&m](const auto& known) { take(m, known); }, message);
}

std::optional<FromUi> press(Model& m, const Key& key) {
    m.hint.clear();
    // Many type Enter behind a digit; by then something else may be asked.
    if (std::exchange(m.digit_picked, false) && key.kind == Key::enter) return {};
    if (key.kind == Key::control && key.c == L'L') {
        m.redraw = true;
        return {};
    }
    if (key.kind == Key::page_up || key.kind == Key::page_down) {
        scroll(m, key.kind == Key::page_up);
        return {};
    }
    if (!m.known) return {};
    if (m.confirm) return press_confirm(m, key);
    // A question of the session comes before the menu: it may be what the menu's action led to.
    if (m.prompt || m.choice) {
        if (key.kind == Key::escape && m.mode == Mode::menu) return press_menu(m, key);
        if (key.kind == Key::escape && can_cancel(m)) {
            m.input.clear();
            m.waiting = true;
            m.prompt.reset();
            m.choice.reset();
            return protocol::Cancel{};
        }
        return m.prompt ? press_prompt(m, key) : press_choice(m, key);
    }
    if (m.mode == Mode::menu) return press_menu(m, key);
    if (key.kind == Key::control && key.c == L']') {
        m.hint = L"This is the real Berth screen.";
        return {};
    }
    if (m.mode != Mode::login || m.waiting) {
        if (key.kind != Key::escape || !can_cancel(m)) return {};
        m.hint = L"Cancelled. The work so far is being undone.";
        return protocol::Cancel{};
    }
    return press_login(m, key);
}

}  // namespace berth::ui
