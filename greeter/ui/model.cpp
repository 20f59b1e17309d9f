// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/plain_text.h"
#include "greeter/ui/text.h"

namespace berth::ui {
namespace {

using nlohmann::json;

constexpr size_t k_notes = 64;
constexpr size_t k_steps = 64;

const std::string& text_of(const json& m, const char* name) {
    return m.at(name).get_ref<const std::string&>();
}

json message(std::string_view type) {
    return {{"type", type}};
}

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

void fill(json& message, const char* name, const Input& input) {
    auto& text = message[name].get_ref<std::string&>();
    text.reserve(4 * k_input_characters);
    for (wchar_t c : input.text()) append_utf8(text, static_cast<char32_t>(c));
}

std::vector<json> press_confirm(Model& m, const Key& key) {
    const bool yes = key.kind == Key::character && (key.c == L'y' || key.c == L'Y');
    const bool no = key.kind == Key::escape || key.kind == Key::enter ||
                    (key.kind == Key::character && (key.c == L'n' || key.c == L'N'));
    if (!yes && !no) return {};
    json answer = std::move(m.confirm->yes);
    m.confirm.reset();
    if (!yes) return {};
    return {std::move(answer)};
}

std::vector<json> press_menu(Model& m, const Key& key) {
    const auto& rows = menu_rows();
    if (key.kind == Key::up || key.kind == Key::down)
        move(m.menu_selected, rows.size(), key.kind == Key::down);
    size_t row = m.menu_selected;
    if (const auto digit = picked(m, key, rows.size()))
        row = m.menu_selected = *digit;
    else if (key.kind == Key::escape || (key.kind == Key::control && key.c == L']'))
        row = 0;
    else if (key.kind != Key::enter)
        return {};
    json action = message("menu");
    action["action"] = rows[row].action;
    if (rows[row].action == "force-off") {
        m.confirm = Confirm{.question = L"Switch the VM off at once? Unsaved work in it is lost.",
                            .yes = std::move(action)};
        return {};
    }
    return {std::move(action)};
}

std::vector<json> press_choice(Model& m, const Key& key) {
    Choice& choice = *m.choice;
    if (key.kind == Key::up || key.kind == Key::down)
        move(choice.selected, choice.options.size(), key.kind == Key::down);
    if (const auto digit = picked(m, key, choice.options.size()))
        choice.selected = *digit;
    else if (key.kind != Key::enter || choice.options.empty())
        return {};
    json chosen{{"type", "chosen"}, {"id", choice.id}, {"index", choice.selected}};
    m.choice.reset();
    m.waiting = true;
    return {std::move(chosen)};
}

std::vector<json> press_prompt(Model& m, const Key& key) {
    edit(m.input, key);
    if (key.kind != Key::enter) return {};
    std::vector<json> out(1);
    out[0] = {{"type", "answer"}, {"id", m.prompt->id}, {"text", ""}};
    fill(out[0], "text", m.input);
    m.input.clear();
    m.prompt.reset();
    m.waiting = true;
    return out;
}

std::vector<json> press_login(Model& m, const Key& key) {
    edit(m.input, key);
    if (key.kind == Key::escape) m.input.clear();
    if (key.kind == Key::control && (key.c == L'P' || key.c == L'R')) {
        const bool reboot = key.c == L'R';
        json power{{"type", "power"}, {"action", reboot ? "reboot" : "poweroff"}};
        m.confirm =
            Confirm{.question = reboot ? L"Restart this workstation?" : L"Shut this workstation down?",
                    .yes = std::move(power)};
        return {};
    }
    if (key.kind != Key::enter || m.input.text().empty()) return {};
    std::vector<json> out(1);
    out[0] = {{"type", "login"}, {"user", ""}};
    fill(out[0], "user", m.input);
    if (out[0]["user"].get_ref<const std::string&>().size() > 256) {
        m.input.clear();
        m.hint = L"That name is too long.";
        return {};
    }
    m.user = m.input.text();
    m.input.clear();
    m.waiting = true;
    return out;
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

const std::vector<MenuRow>& menu_rows() {
    static const std::vector<MenuRow> rows{{L"Back to the VM", "back"},
                                           {L"Shut the VM down", "close"},
                                           {L"Switch the VM off at once", "force-off"},
                                           {L"Show how it is doing", "status"},
                                           {L"Send Ctrl-] to the VM", "send-key"}};
    return rows;
}

void take(Model& m, const json& body) {
    const std::string& type = text_of(body, "type");
    if (type == "screen") {
        const std::string& mode = text_of(body, "mode");
        const Mode now = mode == "login" ? Mode::login : mode == "menu" ? Mode::menu : Mode::session;
        if (now != m.mode || !m.known || now == Mode::login) m.waiting = false;
        if (now != m.mode) {
            m.input.clear();
            m.confirm.reset();
            m.menu_selected = 0;
            if (now == Mode::login) {
                m.prompt.reset();
                m.choice.reset();
                m.user.clear();
            }
        }
        m.mode = now;
        m.known = true;
        m.host = clean(text_of(body, "host"));
        m.version = clean(text_of(body, "version"));
        m.sak_hint = clean(text_of(body, "sak_hint"));
        m.notices.clear();
        for (const auto& n : body.at("notices")) m.notices.push_back(clean(n.get_ref<const std::string&>()));
    } else if (type == "prompt") {
        m.input.clear();
        m.choice.reset();
        m.prompt = Prompt{.id = body.at("id"), .echo = body.at("echo"), .text = clean(text_of(body, "text"))};
        m.waiting = false;
    } else if (type == "choice") {
        Choice choice{
            .id = body.at("id"), .title = clean(text_of(body, "title"), true), .options = {}, .selected = 0};
        for (const auto& o : body.at("options"))
            choice.options.push_back(clean(o.get_ref<const std::string&>()));
        const auto selected = body.at("default").get<size_t>();
        choice.selected = selected < choice.options.size() ? selected : 0;
        m.prompt.reset();
        m.choice = std::move(choice);
        m.waiting = false;
    } else if (type == "message") {
        m.notes.push_back(
            {.error = text_of(body, "style") == "error", .text = clean(text_of(body, "text"), true)});
        if (m.notes.size() > k_notes) m.notes.erase(m.notes.begin());
        m.scroll = 0;
    } else if (type == "progress") {
        Step step{.name = text_of(body, "step"),
                  .text = clean(text_of(body, "text")),
                  .state = text_of(body, "state"),
                  .index = body.at("index")};
        m.step_count = body.at("of");
        const auto same =
            std::find_if(m.steps.begin(), m.steps.end(), [&](const Step& s) { return s.name == step.name; });
        if (same != m.steps.end()) {
            *same = std::move(step);
        } else {
            m.steps.push_back(std::move(step));
            if (m.steps.size() > k_steps) m.steps.erase(m.steps.begin());
        }
    } else if (type == "clear") {
        m.notes.clear();
        m.steps.clear();
        m.prompt.reset();
        m.choice.reset();
        m.scroll = 0;
    }
}

std::vector<json> press(Model& m, const Key& key) {
    m.hint.clear();
    // Many type Enter behind a digit; by then something else may be asked.
    if (std::exchange(m.digit_picked, false) && key.kind == Key::enter) return {};
    if (key.kind == Key::control && key.c == L'L') {
        m.redraw = true;
        return {};
    }
    if (key.kind == Key::page_up || key.kind == Key::page_down) {
        m.scroll = std::max(0, m.scroll + (key.kind == Key::page_up ? 5 : -5));
        return {};
    }
    if (!m.known) return {};
    if (m.confirm) return press_confirm(m, key);
    // A question of the session comes before the menu: it may be what the menu's action led to.
    if (m.prompt || m.choice) {
        if (key.kind == Key::escape) {
            if (m.mode == Mode::menu) return press_menu(m, key);
            m.input.clear();
            m.waiting = true;
            m.prompt.reset();
            m.choice.reset();
            return {message("cancel")};
        }
        return m.prompt ? press_prompt(m, key) : press_choice(m, key);
    }
    if (m.mode == Mode::menu) return press_menu(m, key);
    if (key.kind == Key::control && key.c == L']') {
        m.hint = L"This is the real Berth screen.";
        return {};
    }
    if (m.mode == Mode::session || m.waiting) {
        if (key.kind != Key::escape) return {};
        m.hint = L"Cancelled. The work so far is being undone.";
        return {message("cancel")};
    }
    return press_login(m, key);
}

}  // namespace berth::ui
