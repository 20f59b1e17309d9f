// SPDX-License-Identifier: GPL-3.0-or-later
// How the messages of messages.h travel (base/message_form.h). Only for protocol.cpp and tests.
#pragma once

#include <algorithm>
#include <cctype>

#include "base/message_form.h"
#include "base/plain_text.h"
#include "base/unix_socket.h"
#include "greeter/protocol/messages.h"

namespace berth::protocol {

inline constexpr FieldLimit k_text{.most = 16 * 1024};
inline constexpr FieldLimit k_name{.most = 256};
inline constexpr FieldLimit k_list{.most = 16 * 1024, .items = 256};
inline constexpr FieldLimit k_pixels{.most = 16384};
inline constexpr FieldLimit k_number{.most = 1'000'000'000};

constexpr FieldLimit or_missing(FieldLimit limit = {}) {
    limit.may_be_missing = true;
    return limit;
}

inline bool is_session_word(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

template <typename... Fields>
constexpr auto message(std::string_view type, Fields... fields) {
    return form(type, OtherFields::dropped, fields...);
}

constexpr auto words_of(ScreenMode) {
    using enum ScreenMode;
    return words<ScreenMode>(
        {{login, "login"}, {session, "session"}, {closing, "closing"}, {menu, "menu"}, {power, "power"}});
}
constexpr auto words_of(NoteStyle) {
    return words<NoteStyle>({{NoteStyle::info, "info"}, {NoteStyle::error, "error"}});
}
constexpr auto words_of(StepState) {
    using enum StepState;
    return words<StepState>({{doing, "doing"}, {done, "done"}, {failed, "failed"}, {undoing, "undoing"}});
}
constexpr auto words_of(PowerAction) {
    return words<PowerAction>({{PowerAction::poweroff, "poweroff"}, {PowerAction::reboot, "reboot"}});
}
constexpr auto words_of(MenuAction) {
    using enum MenuAction;
    return words<MenuAction>({{back, "back"},
                              {close, "close"},
                              {force_off, "force-off"},
                              {status, "status"},
                              {send_key, "send-key"},
                              {louder, "louder"},
                              {quieter, "quieter"},
                              {mute, "mute"},
                              {brighter, "brighter"},
                              {darker, "darker"}});
}
constexpr auto words_of(VmAction) {
    using enum VmAction;
    return words<VmAction>({{close, "close"}, {force_off, "force-off"}, {status, "status"}});
}
constexpr auto words_of(Outcome) {
    return words<Outcome>({{Outcome::done, "done"}, {Outcome::failed, "failed"}});
}
constexpr auto words_of(AfterEnd) {
    using enum AfterEnd;
    return words<AfterEnd>({{nothing, ""}, {poweroff, "poweroff"}, {reboot, "reboot"}});
}

constexpr auto form_of(const Screen*) {
    return message("screen", field("mode", &Screen::mode), field("host", &Screen::host, k_name),
                   field("version", &Screen::version, k_name), field("notices", &Screen::notices, k_list),
                   field("sak_hint", &Screen::sak_hint, k_name),
                   field("volume", &Screen::volume, or_missing(k_name)),
                   field("brightness", &Screen::brightness, or_missing(k_name)));
}
constexpr auto form_of(const Prompt*) {
    return message("prompt", field("id", &Prompt::id, k_number), field("echo", &Prompt::echo),
                   field("text", &Prompt::text, k_text));
}
constexpr auto form_of(const Note*) {
    return message("message", field("style", &Note::style), field("text", &Note::text, k_text));
}
constexpr auto form_of(const Choice*) {
    return message("choice", field("id", &Choice::id, k_number), field("title", &Choice::title, k_text),
                   field("options", &Choice::options, k_list),
                   field("default", &Choice::preset, or_missing(k_number)));
}
constexpr auto form_of(const Progress*) {
    return message("progress", field("step", &Progress::step, k_name), field("text", &Progress::text, k_text),
                   field("state", &Progress::state), field("index", &Progress::index, k_number),
                   field("of", &Progress::of, k_number));
}
constexpr auto form_of(const Clear*) {
    return message("clear");
}

constexpr auto form_of(const Ready*) {
    return message("ready");
}
constexpr auto form_of(const Login*) {
    return message("login", field("user", &Login::user, k_name));
}
constexpr auto form_of(const Answer*) {
    return message("answer", field("id", &Answer::id, k_number), field("text", &Answer::text, k_text));
}
constexpr auto form_of(const Chosen*) {
    return message("chosen", field("id", &Chosen::id, k_number), field("index", &Chosen::index, k_number));
}
constexpr auto form_of(const Cancel*) {
    return message("cancel");
}
constexpr auto form_of(const Power*) {
    return message("power", field("action", &Power::action));
}
constexpr auto form_of(const Menu*) {
    return message("menu", field("action", &Menu::action));
}

constexpr auto form_of(const Start*) {
    return message("start", field("user", &Start::user, {.most = 256, .accepts = is_plain_text}),
                   field("tty", &Start::tty, {.most = 64, .accepts = is_plain_text}),
                   field("session", &Start::session, {.most = 32, .accepts = is_session_word}),
                   field("width", &Start::width, or_missing(k_pixels)),
                   field("height", &Start::height, or_missing(k_pixels)));
}
constexpr auto form_of(const Vm*) {
    return message("vm", field("action", &Vm::action));
}

constexpr auto form_of(const GuestScreen*) {
    return message(
        "guest-screen",
        field("socket", &GuestScreen::socket, {.most = k_longest_socket_path, .accepts = is_plain_text}),
        field("vm", &GuestScreen::vm, {.most = 256, .accepts = is_plain_text}));
}
constexpr auto form_of(const Console*) {
    return message("console", field("fd", &Console::fd), field("vm", &Console::vm, or_missing(k_name)));
}
constexpr auto form_of(const ConsoleEnd*) {
    return message("console-end");
}
constexpr auto form_of(const StatusText*) {
    return message("status", field("text", &StatusText::text, k_text),
                   field("stands", &StatusText::stands, or_missing()));
}
constexpr auto form_of(const Standing*) {
    return message("standing", field("lines", &Standing::lines, k_list));
}
constexpr auto form_of(const End*) {
    return message("end", field("result", &End::result), field("power", &End::power, or_missing()));
}

}  // namespace berth::protocol
