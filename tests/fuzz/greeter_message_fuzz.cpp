// SPDX-License-Identifier: GPL-3.0-or-later
// Frames between greeter, screen program and session, as each receiver handles them: taken apart, checked,
// acted on, drawn. The first byte picks the receiver; the rest is the stream.
#include <unistd.h>

#include <clocale>
#include <cstdint>
#include <string>

#include "base/message.h"
#include "greeter/protocol/protocol.h"
#include "greeter/supervisor/pump.h"
#include "greeter/supervisor/supervisor_state.h"
#include "greeter/supervisor/terminal_reset.h"
#include "greeter/ui/keys.h"
#include "tests/testing/picture_lines.h"

using namespace berth;

namespace {

/// The next message of the stream; nullopt: it ends, or is none.
template <typename Direction>
std::optional<Direction> next(std::string& stream) {
    auto frame = take_frame(stream);
    if (!frame || !*frame) return std::nullopt;
    Message message{.body = std::move(**frame), .fd = UniqueFd(dup(0))};
    auto known = protocol::read<Direction>(message);
    return known ? std::optional(std::move(*known)) : std::nullopt;
}

/// Whatever goes out must be something that the other end takes.
template <typename Direction>
void goes_out(const Direction& message) {
    auto frame = protocol::frame_of(message);
    if (frame && next<Direction>(*frame) != message) __builtin_trap();
}

template <typename Said, typename Direction>
void to_greeter(std::string stream) {
    supervisor::State state("1", "Ctrl-]");
    BootTime now{std::chrono::seconds(1)};
    state.handle(supervisor::event::Started{}, now);
    state.handle(supervisor::event::UiSaid{protocol::Ready{}}, now);
    if constexpr (std::is_same_v<Direction, protocol::FromSession>)
        state.handle(supervisor::event::UiSaid{protocol::Login{WipedText("ann")}}, now);
    while (auto message = next<Direction>(stream)) {
        goes_out(*message);
        auto effects = state.handle(Said{std::move(*message)}, now);
        // The viewer of a guest's screen that was begun has a window at once.
        for (auto& e : state.handle(supervisor::event::ScreenSaid{protocol::screen::Hello{}}, now))
            effects.push_back(std::move(e));
        for (const auto& e : effects) {
            if (const auto* sent = std::get_if<supervisor::effect::SendScreen>(&e)) goes_out(sent->message);
            if (const auto* sent = std::get_if<supervisor::effect::SendUi>(&e)) goes_out(sent->message);
            if (const auto* sent = std::get_if<supervisor::effect::SendSession>(&e)) goes_out(sent->message);
            if (const auto* line = std::get_if<supervisor::effect::StatusLine>(&e))
                if (supervisor::status_line(line->text).find('\x1b', 1) != std::string::npos)
                    __builtin_trap();
        }
        now = now + std::chrono::milliseconds(10);
    }
}

void to_ui(std::string stream) {
    ui::Model model;
    ui::KeyDecoder decoder;
    while (const auto message = next<protocol::ToUi>(stream)) {
        ui::take(model, *message);
        for (ui::Size size : {ui::Size{24, 80}, ui::Size{1, 1}, ui::Size{13, 31}})
            ui::as_lines(ui::layout(model, size), size);
    }
    // What is left of the stream is typed.
    for (const auto& key : decoder.feed(stream))
        if (const auto message = ui::press(model, key)) goes_out(*message);
    ui::as_lines(ui::layout(model, {}), {});
}

void pump(std::string_view bytes) {
    supervisor::AttentionKey key;
    const auto typed = key.feed(bytes);
    if (typed.for_guest.find(supervisor::k_attention) != std::string_view::npos) __builtin_trap();
    supervisor::GuestOutput output;
    for (char c : bytes) {
        if (c == 'h') output.hold();
        if (c == 'r') output.release("[back]\r\n");
        if (c == 'l') output.add_line("[line]\r\n");
        output.put(bytes.substr(0, output.room()));
        if (output.next().size() > 2 * supervisor::k_pump_bytes + 8192) __builtin_trap();
        output.written(output.next().size() / 2);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool locale = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
    if (!locale || size == 0) return 0;
    const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            to_greeter<supervisor::event::UiSaid, protocol::FromUi>(rest);
            break;
        case 1:
            to_greeter<supervisor::event::SessionSaid, protocol::FromSession>(rest);
            break;
        case 2:
            to_ui(rest);
            break;
        case 3:
            pump(std::string_view(rest).substr(0, 2048));
            break;
    }
    return 0;
}
