// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/site/chord.h"

#include <gmock/gmock.h>

namespace berth {
namespace {

using testing::HasSubstr;

TEST(Chord, is_read_as_people_write_it) {
    EXPECT_EQ(parse_chord("Ctrl+Alt+Del").value(), default_chords()[0]);
    EXPECT_EQ(parse_chord(" alt + CTRL + esc ").value(), default_chords()[1]);
    EXPECT_EQ(parse_chord("Shift+Meta+F12").value(),
              (Chord{.modifiers = {Modifier::shift, Modifier::meta}, .key = ChordKey::f12}));
    EXPECT_EQ(parse_chords("Ctrl+Alt+Del, Ctrl+Alt+Esc").value(), default_chords());
}

TEST(Chord, is_printed_as_it_is_read) {
    for (const char* text :
         {"Ctrl+Alt+Del", "Ctrl+Alt+Esc", "Alt+Shift+Meta+End", "Ctrl+Meta+F1", "Shift+Meta+F12"})
        EXPECT_EQ(format_chord(parse_chord(text).value()), text);
}

TEST(Chord, names_a_wrong_one_with_what_is_allowed) {
    for (const char* text :
         {"", "+", "Del", "Ctrl+Del", "Ctrl+Ctrl+Del", "Ctrl+Alt", "Ctrl+Alt+A", "Del+Ctrl+Alt", "Ctrl+Alt+",
          "Ctrl++Del", "Ctrl Alt Del", "Ctrl+Alt+F13", "Ctrl+Alt+Del\n"}) {
        const auto chord = parse_chord(text);
        ASSERT_FALSE(chord) << text;
        EXPECT_THAT(chord.error().to_log(), HasSubstr("two or more of Ctrl, Alt, Shift and Meta")) << text;
    }
    EXPECT_THAT(parse_chord("Ctrl+\x1b[2J").error().detail(), HasSubstr(R"("Ctrl+\x1b[2J")"));
    EXPECT_FALSE(parse_chords(""));
    EXPECT_FALSE(parse_chords("Ctrl+Alt+Del,"));
    std::string many = "Ctrl+Alt+Del";
    for (int i = 0; i < 8; ++i) many += ",Ctrl+Alt+Esc";
    EXPECT_THAT(parse_chords(many).error().detail(), HasSubstr("9 chords: must be 1 to 8"));
}

}  // namespace
}  // namespace berth
