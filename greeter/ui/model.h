// SPDX-License-Identifier: GPL-3.0-or-later
// What the screen program knows: told by the greeter's messages, changed by keys. No terminal here; layout.h
// says how it looks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "greeter/protocol/messages.h"
#include "greeter/ui/keys.h"

namespace berth::ui {

inline constexpr size_t k_input_characters = 256;

/// A line being typed. Its memory is taken once and overwritten when it is cleared.
class Input {
  public:
    Input() { text_.reserve(k_input_characters); }
    ~Input() { clear(); }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;
    void add(wchar_t c) {
        if (text_.size() < k_input_characters) text_ += c;
    }
    void backspace();
    void clear();
    const std::wstring& text() const { return text_; }

  private:
    std::wstring text_;
};

using Mode = protocol::ScreenMode;

struct Note {
    bool error = false;
    std::wstring text;  ///< May hold newlines.
};

struct Step {
    std::string name;
    std::wstring text;
    protocol::StepState state;
};

struct Choice {
    uint64_t id = 0;
    std::wstring title;
    std::vector<std::wstring> options;
    size_t selected = 0;
};

struct Prompt {
    uint64_t id = 0;
    bool echo = false;
    std::wstring text;
};

/// A yes-or-no question of the screen program itself.
struct Confirm {
    std::wstring question;
    std::variant<protocol::Power, protocol::Menu> yes;  ///< Sent when the answer is yes.
};

struct Model {
    // From the greeter.
    Mode mode = Mode::login;
    bool known = false;  ///< A "screen" came.
    std::wstring host, version, sak_hint, volume, brightness;
    std::vector<std::wstring> notices;
    std::vector<Note> notes;
    std::vector<Step> steps;
    std::optional<Prompt> prompt;
    std::optional<Choice> choice;
    // Of the user.
    std::wstring user;     ///< As sent with "login".
    bool waiting = false;  ///< Something was sent; the next thing to ask has not come.
    Input input;
    std::optional<Confirm> confirm;
    size_t menu_selected = 0;
    bool digit_picked = false;  ///< By the last key: an Enter right behind it is part of it.
    int scroll = 0;  ///< Lines back in the notes; below 0: forward in the notices. clamp_scroll() bounds it.
    int notice_page = 1;  ///< Lines of notices that are shown at a time; clamp_scroll() sets it.
    std::wstring hint;    ///< A passing remark, gone with the next key.
    // Of the terminal.
    std::wstring clock;
    std::optional<bool> caps_lock;  ///< none: not known.
    bool redraw = false;            ///< Ctrl-L; the screen clears it.
};

/// The rows of the secure-attention menu: what is shown and the action sent. Volume and brightness are turned by other keys.
struct MenuRow {
    std::wstring text;
    std::optional<protocol::MenuAction> action;
    std::optional<protocol::MenuAction> less = {}, more = {};
};
std::vector<MenuRow> menu_rows(const Model& model);

/// Whether Escape would cancel something now.
bool can_cancel(const Model& model);

void take(Model& model, const protocol::ToUi& message);

/// Takes a key; returns what to send, most often nothing.
std::optional<protocol::FromUi> press(Model& model, const Key& key);

}  // namespace berth::ui
