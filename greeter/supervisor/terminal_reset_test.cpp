// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/terminal_reset.h"

#include <gtest/gtest.h>

#include "greeter/supervisor/terminal.h"

namespace berth::supervisor {
namespace {

TEST(TerminalReset, undoes_each_mode_that_a_guest_can_set) {
    const std::string_view bytes = terminal_reset();
    for (std::string_view part : {"\x1b"
                                  "c",
                                  "\x1b[!p",
                                  "\x1b(B",
                                  "\x0f",
                                  "\x1b[?1049l",
                                  "\x1b[?1000l",
                                  "\x1b[?1003l",
                                  "\x1b[?1006l",
                                  "\x1b[?2004l",
                                  "\x1b[r",
                                  "\x1b[?1l",
                                  "\x1b>",
                                  "\x1b[4l",
                                  "\x1b[?6l",
                                  "\x1b[?7h",
                                  "\x1b[?25h",
                                  "\x1b[0m",
                                  "\x1b]0;Berth\x07",
                                  "\x1b[2J",
                                  "\x1b[3J"})
        EXPECT_NE(bytes.find(part), std::string_view::npos) << part.substr(1);
}

TEST(TerminalReset, first_ends_whatever_sequence_is_open) {
    EXPECT_TRUE(terminal_reset().starts_with("\x18\x1b\\"));
}

TEST(StatusLine, cannot_carry_a_control_sequence) {
    const std::string line = status_line(
        "a\x1b[2Jb\nc\x07\x7f\xc2\x9b"
        "2J");
    EXPECT_EQ(line, "\x1b[0m\r\n[Berth: a\\x1b[2Jb\\x0ac\\x07\\x7f\\xc2\\x9b2J]\r\n");
}

TEST(StatusLine, is_short_however_long_its_text_is) {
    EXPECT_LE(status_line(std::string(10000, 'x')).size(), 230U);
}

TEST(TerminalSettings, leave_no_key_a_meaning_to_the_kernel) {
    termios t{};
    t.c_lflag = ISIG | ICANON | ECHO | IEXTEN;
    t.c_iflag = BRKINT | IXON;
    t.c_cc[VINTR] = 3;
    for (const termios& s : {sane_settings(t), raw_settings(t)}) {
        EXPECT_EQ(s.c_lflag & (ISIG | ICANON | ECHO | IEXTEN), 0U);
        EXPECT_EQ(s.c_iflag & (BRKINT | IXON | IXOFF | PARMRK), 0U);
        EXPECT_NE(s.c_iflag & IGNBRK, 0U);
        EXPECT_EQ(s.c_cc[VINTR], _POSIX_VDISABLE);
    }
}

TEST(TerminalSettings, raw_changes_no_byte) {
    termios t{};
    t.c_iflag = ICRNL | ISTRIP;
    t.c_oflag = OPOST | ONLCR;
    EXPECT_EQ(raw_settings(t).c_iflag, static_cast<tcflag_t>(IGNBRK));
    EXPECT_EQ(raw_settings(t).c_oflag, 0U);
    EXPECT_EQ(raw_settings(t).c_cflag & CSIZE, static_cast<tcflag_t>(CS8));
}

}  // namespace
}  // namespace berth::supervisor
