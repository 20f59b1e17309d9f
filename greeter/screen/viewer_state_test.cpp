// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/viewer_state.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berth::screen {
namespace {

using namespace protocol::screen;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Viewer : public ::testing::Test {
  protected:
    Effects on(const Event& event) { return state.handle(event, now); }
    Effects told(protocol::ToScreen message) { return on(event::Told{std::move(message)}); }
    Effects after(Duration d) {
        now = now + d;
        return on(event::Tick{});
    }
    /// The effects of the time from now to `d` later, with a Tick whenever one is wanted.
    Effects during(Duration d) {
        const BootTime end = now + d;
        Effects all;
        while (const auto next = state.deadline()) {
            if (*next > end) break;
            now = *next;
            for (auto& effect : on(event::Tick{})) all.push_back(std::move(effect));
        }
        now = end;
        return all;
    }
    void at_guest() {
        told(guest);
        on(event::Opened{});
        on(event::Ready{});
        on(event::Picture{});
        on(event::Shown{});
    }
    static bool says(const Effects& effects, const protocol::FromScreen& message) {
        return std::ranges::find(effects, Effect(effect::Say{message})) != effects.end();
    }

    const Guest guest{.socket = "/run/berth/vm/s1/screen/spice.sock", .vm = "work"};
    const effect::Connect connect{guest.socket};
    ViewerState state;
    BootTime now{seconds(1000)};
};

TEST_F(Viewer, says_hello_when_its_window_is_there) {
    EXPECT_EQ(on(event::Mapped{}), Effects{effect::Say{Hello{}}});
}

TEST_F(Viewer, shows_progress_until_the_guests_first_frame) {
    EXPECT_EQ(told(Progress{"Starting work"}), Effects{(effect::Show{.centre = "Starting work"})});
    EXPECT_EQ(told(guest), Effects{connect});
    EXPECT_EQ(on(event::Opened{}), Effects{});
    EXPECT_EQ(told(Progress{"Waiting for work"}), Effects{(effect::Show{.centre = "Waiting for work"})});
    EXPECT_EQ(on(event::Ready{}), Effects{}) << "a screen of one colour is no frame";
    EXPECT_EQ(on(event::Picture{}), Effects{(effect::Show{.guest = true})});
    EXPECT_EQ(on(event::Shown{}), Effects{effect::Say{Frame{}}});
    EXPECT_EQ(told(Progress{"late"}), Effects{});
}

TEST_F(Viewer, shows_a_guest_that_stays_dark_after_three_seconds) {
    told(guest);
    on(event::Opened{});
    on(event::Ready{});
    EXPECT_EQ(after(milliseconds(2999)), Effects{});
    EXPECT_EQ(after(milliseconds(1)), Effects{(effect::Show{.guest = true})});
    EXPECT_EQ(on(event::Picture{}), Effects{}) << "it is there already";
    EXPECT_EQ(on(event::Shown{}), Effects{effect::Say{Frame{}}});
}

TEST_F(Viewer, tries_ten_times_a_second_until_the_guest_answers_and_says_nothing) {
    EXPECT_EQ(told(guest), Effects{connect});
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(on(event::Closed{"no such file"}), Effects{effect::Disconnect{}});
        EXPECT_EQ(after(milliseconds(99)), Effects{});
        EXPECT_EQ(after(milliseconds(1)), Effects{connect});
    }
    EXPECT_EQ(on(event::Opened{}), Effects{});
    EXPECT_EQ(state.deadline(), std::nullopt);
}

TEST_F(Viewer, tries_anew_when_the_guest_does_not_answer_for_ten_seconds) {
    told(guest);
    EXPECT_EQ(during(milliseconds(9999)), Effects{});
    EXPECT_EQ(during(milliseconds(1)), Effects{effect::Disconnect{}});
    EXPECT_EQ(during(seconds(1)), Effects{connect});
}

TEST_F(Viewer, says_that_the_guest_is_gone_once_and_tries_again) {
    at_guest();
    EXPECT_EQ(on(event::Closed{"reset"}),
              (Effects{effect::Say{Gone{"reset"}}, effect::Disconnect{}, effect::Show{}}));
    EXPECT_EQ(on(event::Closed{"reset"}), Effects{});
    EXPECT_EQ(after(milliseconds(999)), Effects{})
        << "one that closes each connection is no reason for haste";
    EXPECT_EQ(after(milliseconds(1)), Effects{connect});
    EXPECT_EQ(on(event::Closed{"refused"}), Effects{effect::Disconnect{}});
}

TEST_F(Viewer, tells_the_first_frame_once_for_each_guest) {
    at_guest();
    on(event::Closed{"reset"});
    after(seconds(1));
    on(event::Opened{});
    EXPECT_EQ(on(event::Picture{}), Effects{(effect::Show{.guest = true})});
    EXPECT_EQ(on(event::Shown{}), Effects{}) << "the same guest";
    told(guest);
    on(event::Opened{});
    on(event::Picture{});
    EXPECT_TRUE(says(on(event::Shown{}), Frame{})) << "another";
}

TEST_F(Viewer, leaves_a_guest_for_the_next_one) {
    at_guest();
    EXPECT_EQ(told(Guest{.socket = "/other", .vm = "b"}),
              (Effects{effect::Disconnect{}, effect::Connect{"/other"}, effect::Show{}}));
}

TEST_F(Viewer, is_dark_and_idle_after_the_guests_end) {
    at_guest();
    EXPECT_EQ(told(GuestEnd{}), (Effects{effect::Disconnect{}, effect::Show{}}));
    EXPECT_EQ(on(event::Closed{"late"}), Effects{});
    EXPECT_EQ(state.deadline(), std::nullopt);
    EXPECT_EQ(told(Progress{"Closing work"}), Effects{(effect::Show{.centre = "Closing work"})});
    EXPECT_EQ(told(GuestEnd{}), Effects{effect::Show{}}) << "twice is as good as once";
}

TEST_F(Viewer, stops_trying_at_the_guests_end) {
    told(guest);
    on(event::Closed{"no such file"});
    EXPECT_EQ(told(GuestEnd{}), Effects{});
    EXPECT_EQ(during(seconds(60)), Effects{});
}

TEST_F(Viewer, shows_words_for_their_time) {
    at_guest();
    EXPECT_EQ(told(Words{.text = "Saved.", .seconds = 5}),
              Effects{(effect::Show{.guest = true, .words = "Saved."})});
    EXPECT_EQ(during(milliseconds(4999)), Effects{});
    EXPECT_EQ(during(milliseconds(1)), Effects{(effect::Show{.guest = true})});
}

TEST_F(Viewer, shows_words_without_a_time_until_the_next) {
    at_guest();
    told(Words{.text = "The file server is not answering.", .seconds = 0});
    EXPECT_EQ(during(seconds(3600)), Effects{});
    EXPECT_EQ(told(Words{.text = "It is back.", .seconds = 3}),
              Effects{(effect::Show{.guest = true, .words = "It is back."})});
    EXPECT_EQ(told(Words{}), Effects{(effect::Show{.guest = true})});
    EXPECT_EQ(state.deadline(), std::nullopt) << "no time of words that were taken away is left";
}

TEST_F(Viewer, keeps_words_when_the_guest_is_gone) {
    at_guest();
    told(Words{.text = "Quota", .seconds = 0});
    const auto effects = on(event::Closed{"reset"});
    EXPECT_EQ(effects.back(), Effect(effect::Show{.words = "Quota"}));
}

TEST_F(Viewer, answers_a_ping_only_after_the_compositor) {
    EXPECT_EQ(told(Ping{7}), Effects{effect::AskCompositor{7}});
    EXPECT_EQ(told(Ping{8}), Effects{effect::AskCompositor{8}});
    EXPECT_EQ(on(event::Answered{7}), Effects{effect::Say{Pong{7}}});
    EXPECT_EQ(on(event::Answered{8}), Effects{effect::Say{Pong{8}}});
}

TEST_F(Viewer, sends_the_key_only_to_a_guest_that_has_a_screen) {
    EXPECT_EQ(told(SendKey{}), Effects{});
    told(guest);
    EXPECT_EQ(told(SendKey{}), Effects{});
    on(event::Opened{});
    on(event::Ready{});
    EXPECT_EQ(told(SendKey{}), Effects{effect::SendKey{}});
    on(event::Picture{});
    EXPECT_EQ(told(SendKey{}), Effects{effect::SendKey{}});
}

}  // namespace
}  // namespace berth::screen
