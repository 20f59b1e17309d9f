// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/chord_filter.h"

#include <gmock/gmock.h>
#include <linux/input-event-codes.h>

#include <map>
#include <set>

namespace berth::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr KeyboardId k_one = 1, k_two = 2;
constexpr KeyEvent k_report{.type = EV_SYN, .code = SYN_REPORT, .value = 0};

KeyEvent key(uint16_t code, int32_t value) {
    return {.type = EV_KEY, .code = code, .value = value};
}

class ChordFilterTest : public testing::Test {
  protected:
    ChordFilterTest() {
        filter_.add(k_one);
        filter_.add(k_two);
    }
    ChordFilter::Out press(uint16_t code, KeyboardId keyboard = k_one) {
        return filter_.handle(keyboard, key(code, 1));
    }
    ChordFilter::Out release(uint16_t code, KeyboardId keyboard = k_one) {
        return filter_.handle(keyboard, key(code, 0));
    }
    ChordFilter filter_{default_chords()};
};

TEST_F(ChordFilterTest, passes_what_is_no_chord) {
    EXPECT_THAT(press(KEY_A).events, ElementsAre(Pair(k_one, key(KEY_A, 1))));
    EXPECT_THAT(filter_.handle(k_one, k_report).events, ElementsAre(Pair(k_one, k_report)));
    EXPECT_THAT(release(KEY_A).events, ElementsAre(Pair(k_one, key(KEY_A, 0))));
    EXPECT_FALSE(press(KEY_DELETE).chord);
    EXPECT_FALSE(press(KEY_LEFTCTRL, k_two).chord);
}

TEST_F(ChordFilterTest, keeps_the_chord_to_itself) {
    for (const uint16_t ctrl : {KEY_LEFTCTRL, KEY_RIGHTCTRL})
        for (const uint16_t alt : {KEY_LEFTALT, KEY_RIGHTALT})
            for (const uint16_t last : {KEY_DELETE, KEY_KPDOT, KEY_ESC}) {
                press(ctrl);
                press(alt);
                const auto out = press(last);
                EXPECT_TRUE(out.chord);
                EXPECT_THAT(out.events,
                            testing::UnorderedElementsAre(Pair(k_one, key(ctrl, 0)), Pair(k_one, key(alt, 0)),
                                                          Pair(k_one, k_report)));
                EXPECT_EQ(out.events.back().second, k_report);
                EXPECT_THAT(release(last).events, IsEmpty());
                EXPECT_THAT(release(alt).events, IsEmpty());
                EXPECT_THAT(release(ctrl).events, IsEmpty());
            }
}

TEST_F(ChordFilterTest, passes_no_key_that_was_held_in_a_chord_until_it_is_pressed_anew) {
    press(KEY_A);
    press(KEY_LEFTCTRL);
    press(KEY_LEFTALT);
    EXPECT_TRUE(press(KEY_DELETE).chord);
    EXPECT_THAT(filter_.handle(k_one, key(KEY_A, 2)).events, IsEmpty());
    EXPECT_THAT(release(KEY_A).events, IsEmpty());
    EXPECT_THAT(press(KEY_A).events, ElementsAre(Pair(k_one, key(KEY_A, 1))));
    EXPECT_THAT(press(KEY_B).events, ElementsAre(Pair(k_one, key(KEY_B, 1))));
}

TEST_F(ChordFilterTest, takes_the_next_chord_with_the_modifiers_still_held) {
    press(KEY_LEFTCTRL);
    press(KEY_LEFTALT);
    EXPECT_TRUE(press(KEY_DELETE).chord);
    release(KEY_DELETE);
    EXPECT_TRUE(press(KEY_DELETE).chord);
    EXPECT_TRUE(press(KEY_ESC).chord);
}

TEST_F(ChordFilterTest, takes_a_chord_in_any_order_of_its_keys) {
    press(KEY_DELETE);
    press(KEY_LEFTALT);
    const auto out = press(KEY_LEFTCTRL);
    EXPECT_TRUE(out.chord);
    EXPECT_THAT(out.events, ElementsAre(Pair(k_one, key(KEY_LEFTALT, 0)), Pair(k_one, key(KEY_DELETE, 0)),
                                        Pair(k_one, k_report)));
}

TEST_F(ChordFilterTest, takes_a_chord_that_is_spread_over_keyboards) {
    press(KEY_LEFTCTRL, k_one);
    press(KEY_LEFTALT, k_two);
    const auto out = press(KEY_ESC, k_two);
    EXPECT_TRUE(out.chord);
    EXPECT_THAT(out.events, ElementsAre(Pair(k_one, key(KEY_LEFTCTRL, 0)), Pair(k_one, k_report),
                                        Pair(k_two, key(KEY_LEFTALT, 0)), Pair(k_two, k_report)));
}

TEST_F(ChordFilterTest, takes_a_chord_whatever_else_is_held) {
    for (const uint16_t stuck : {KEY_A, KEY_LEFTSHIFT, KEY_DELETE, KEY_ESC}) press(stuck, k_two);
    press(KEY_LEFTCTRL);
    press(KEY_LEFTSHIFT);
    press(KEY_LEFTALT);
    EXPECT_TRUE(press(KEY_DELETE).chord);
}

TEST_F(ChordFilterTest, lets_a_stuck_key_end_one_chord_only) {
    press(KEY_DELETE, k_two);
    press(KEY_LEFTCTRL);
    EXPECT_TRUE(press(KEY_LEFTALT).chord);
    release(KEY_LEFTALT);
    EXPECT_FALSE(press(KEY_LEFTALT).chord);
    EXPECT_FALSE(press(KEY_T).chord);
}

TEST_F(ChordFilterTest, forgets_what_a_keyboard_held_that_is_gone) {
    press(KEY_LEFTCTRL, k_two);
    press(KEY_LEFTALT, k_two);
    filter_.remove(k_two);
    EXPECT_FALSE(press(KEY_DELETE).chord);
    EXPECT_THAT(press(KEY_A, k_two).events, IsEmpty());
}

TEST_F(ChordFilterTest, counts_keys_that_were_held_when_the_keyboard_came_and_passes_no_release_of_them) {
    filter_.add(3, {KEY_LEFTCTRL, KEY_LEFTALT, KEY_ENTER});
    EXPECT_THAT(release(KEY_ENTER, 3).events, IsEmpty());
    EXPECT_TRUE(press(KEY_ESC, 3).chord);
}

TEST_F(ChordFilterTest, drops_repeats_scan_codes_and_what_is_set_on_a_keyboard) {
    press(KEY_A);
    for (const auto& event :
         {key(KEY_A, 2), KeyEvent{EV_MSC, MSC_SCAN, 30}, KeyEvent{EV_MSC, MSC_RAW, 30},
          KeyEvent{EV_LED, LED_CAPSL, 1}, KeyEvent{EV_REP, REP_DELAY, 250}, KeyEvent{EV_SYN, SYN_DROPPED, 0}})
        EXPECT_THAT(filter_.handle(k_one, event).events, IsEmpty()) << event.type << " " << event.code;
    for (const auto& event :
         {KeyEvent{EV_REL, REL_X, -3}, KeyEvent{EV_ABS, ABS_VOLUME, 7}, KeyEvent{EV_SW, SW_LID, 1}})
        EXPECT_THAT(filter_.handle(k_one, event).events, ElementsAre(Pair(k_one, event)));
}

TEST(ChordFilter, takes_a_chord_of_any_of_ten_keyboards_while_keys_are_stuck_on_the_nine_others) {
    for (KeyboardId mine = 0; mine < 10; ++mine) {
        ChordFilter filter(default_chords());
        for (KeyboardId id = 0; id < 10; ++id) filter.add(id);
        for (KeyboardId id = 0; id < 10; ++id)
            if (id != mine) filter.handle(id, key(static_cast<uint16_t>(KEY_Q + id), 1));
        for (int i = 0; i < 3; ++i)
            for (KeyboardId id = 0; id < 10; ++id)
                filter.handle(id, key(static_cast<uint16_t>(KEY_Q + id), 2));
        EXPECT_FALSE(filter.handle(mine, key(KEY_LEFTCTRL, 1)).chord);
        EXPECT_FALSE(filter.handle(mine, key(KEY_RIGHTALT, 1)).chord);
        const auto out = filter.handle(mine, key(KEY_ESC, 1));
        EXPECT_TRUE(out.chord) << mine;
        std::set<KeyboardId> released;
        for (const auto& [id, event] : out.events) {
            EXPECT_EQ(event.value, 0);
            released.insert(id);
        }
        EXPECT_EQ(released.size(), 10U) << "nobody goes on holding a key down";
    }
}

TEST(ChordFilter, takes_a_chord_whose_keys_are_on_a_keyboard_each) {
    ChordFilter filter({parse_chord("Ctrl+Alt+Shift+Meta+F12").value()});
    for (KeyboardId id = 0; id < 10; ++id) filter.add(id);
    EXPECT_FALSE(filter.handle(9, key(KEY_F12, 1)).chord);
    EXPECT_FALSE(filter.handle(1, key(KEY_LEFTSHIFT, 1)).chord);
    EXPECT_FALSE(filter.handle(5, key(KEY_RIGHTMETA, 1)).chord);
    EXPECT_FALSE(filter.handle(0, key(KEY_RIGHTCTRL, 1)).chord);
    EXPECT_TRUE(filter.handle(3, key(KEY_LEFTALT, 1)).chord);
}

TEST(ChordFilter, takes_every_chord_that_a_site_can_name_and_nothing_less) {
    const std::map<std::string, uint16_t> keys = {
        {"Del", KEY_DELETE}, {"Esc", KEY_ESC}, {"End", KEY_END}, {"F1", KEY_F1},   {"F2", KEY_F2},
        {"F3", KEY_F3},      {"F4", KEY_F4},   {"F5", KEY_F5},   {"F6", KEY_F6},   {"F7", KEY_F7},
        {"F8", KEY_F8},      {"F9", KEY_F9},   {"F10", KEY_F10}, {"F11", KEY_F11}, {"F12", KEY_F12}};
    const std::vector<std::pair<std::string, uint16_t>> modifiers = {
        {"Ctrl", KEY_LEFTCTRL}, {"Alt", KEY_LEFTALT}, {"Shift", KEY_LEFTSHIFT}, {"Meta", KEY_LEFTMETA}};
    for (const auto& [name, code] : keys)
        for (size_t one = 0; one < modifiers.size(); ++one)
            for (size_t two = one + 1; two < modifiers.size(); ++two) {
                const auto text = modifiers[one].first + "+" + modifiers[two].first + "+" + name;
                ChordFilter filter({parse_chord(text).value()});
                filter.add(k_one);
                for (const auto& [other, other_code] : keys)
                    EXPECT_FALSE(filter.handle(k_one, key(other_code, 1)).chord) << text;
                for (const auto& [other, other_code] : keys) filter.handle(k_one, key(other_code, 0));
                filter.handle(k_one, key(modifiers[one].second, 1));
                EXPECT_FALSE(filter.handle(k_one, key(code, 1)).chord) << text;
                filter.handle(k_one, key(code, 0));
                filter.handle(k_one, key(modifiers[two].second, 1));
                for (const auto& [other, other_code] : keys)
                    EXPECT_EQ(filter.handle(k_one, key(other_code, 1)).chord, other == name)
                        << text << " " << other;
            }
}

}  // namespace
}  // namespace berth::supervisor
