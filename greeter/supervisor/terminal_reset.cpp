// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/terminal_reset.h"

#include <fmt/format.h>

#include "base/plain_text.h"

namespace berth::supervisor {

std::string_view terminal_reset() {
    static const std::string bytes =
        "\x18\x1b\\"  // CAN, ST: out of any sequence or string
        "\x1b"
        "c"                                // RIS
        "\x1b[!p"                          // DECSTR
        "\x1b%G"                           // UTF-8
        "\x1b(B\x1b)B\x1b*B\x1b+B\x0f"     // ASCII in G0 to G3, shift in
        "\x1b[?1049l\x1b[?1047l\x1b[?47l"  // main screen
        "\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?"
        "1015l\x1b[?1016l"         // no mouse, no focus
        "\x1b[?2004l\x1b[?2026l"   // no bracketed paste, no held-back output
        "\x1b[>4;0m\x1b[=0u"       // keys as plain bytes
        "\x1b[?69l\x1b[r"          // no margins
        "\x1b[?1l\x1b>"            // cursor keys and keypad
        "\x1b[4l\x1b[20l\x1b[12h"  // replace, LF is LF, no local echo
        "\x1b[?5l\x1b[?6l\x1b[?7h\x1b[?8h\x1b[?25h\x1b[?0c\x1b[0 q"  // not reverse, no origin, wrap, repeat,
                                                                     // cursor shown in its shape
        "\x1b]R\x1b\\\x1b]104\x07\x1b]110\x07\x1b]111\x07\x1b]112\x07"  // palette
        "\x1b[37;40m\x1b[8]\x1b[0m"                                     // Linux: default colours
        "\x1b[9;0]\x1b[14;0]\x1b[13]"                                   // Linux: no blanking, show
        "\x1b[0q"                                                       // lights
        "\x1b]0;Berth\x07"                                              // title
        "\x1b[3g";                                                      // tab stops: none, then every eight
    static const std::string all = [] {
        std::string text = bytes;
        for (int i = 1; i < 17; ++i) text += "\x1b[" + std::to_string(8 * i + 1) + "G\x1bH";
        return text + "\x1b[H\x1b[2J\x1b[3J";
    }();
    return all;
}

std::string status_line(std::string_view text) {
    return "\x1b[0m\r\n[Berth: " + printable(text, 200) + "]\r\n";
}

std::string console_begins(std::string_view key) {
    return fmt::format("[Berth: your VM's console. {} always brings back the real Berth screen.]\r\n", key);
}

std::string console_resumes() {
    return "[Berth: back in your VM. If its screen stays empty, press a key in it.]\r\n";
}

}  // namespace berth::supervisor
