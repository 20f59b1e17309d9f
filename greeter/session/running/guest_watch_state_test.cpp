// SPDX-License-Identifier: GPL-3.0-or-later
// The state machine as a table: after these events, at this one, it does that.
#include "greeter/session/running/guest_watch_state.h"

#include <gtest/gtest.h>

namespace berth::session {
namespace {

using namespace std::chrono_literals;
using guest::DomainState;
using volume::VolumeState;

using watch_event::Alone;
using watch_event::CloseWanted;
using watch_event::ConsoleClosed;
using watch_event::Destroyed;
using watch_event::ForceOffWanted;
using watch_event::NoAnswer;
using watch_event::PowerButtonPressed;
using watch_event::StatusWanted;
using watch_event::VolumeGone;

using watch_effect::Destroy;
using watch_effect::LetGoOfConsole;
using watch_effect::Log;
using watch_effect::PressPowerButton;
using watch_effect::Resume;
using watch_effect::Tell;
using watch_effect::TellStatus;

const auto k_running = watch_event::Domain{DomainState::running};
const auto k_stopped = watch_event::Domain{DomainState::paused_io_error};
const auto k_crashed = watch_event::Domain{DomainState::crashed};
const auto k_gone = watch_event::Domain{DomainState::gone};
const auto k_failed = watch_event::Domain{DomainState::gone, true};
const auto k_no_answer = NoAnswer{Error(ErrorCode::H02, "no word")};
const auto k_destroyed = Destroyed{};
const auto k_not_destroyed = Destroyed{fail(ErrorCode::H02, "no word")};

watch_event::Volume volume_is(VolumeState state) {
    return {{.state = state}};
}
watch_event::Volume claimed(std::chrono::milliseconds left = 50s, VolumeState state = VolumeState::claimed) {
    return {{.state = state, .lease_left = left, .claim = volume::VolumeClaim{"berth-7", "ann"}}};
}

Log logged(const char* state) {
    return {Level::info, "volume", {{"state", state}}};
}
const Log k_claim_logged{
    Level::info, "another workstation asks for the VM", {{"host", "berth-7"}, {"vm", "work"}}};
const Tell k_closing{"Asking your virtual machine to shut down. This can take a while."};
const Tell k_off{"Your virtual machine did not shut down in time and is switched off."};
const Tell k_taken{"Another workstation has taken your virtual machine over."};
const Tell k_refuses{
    "The file server fs1 refuses your virtual machine's changes; is it full? Your virtual machine waits and "
    "tries again automatically.",
    true};
const Tell k_silent{
    "The file server fs1 is not answering. Your virtual machine waits and continues automatically.", true};
Tell error(ErrorCode code) {
    return {Error(code).to_user(), true};
}
Tell asks(int button, int off) {
    return {fmt::format("Workstation berth-7 asks for your virtual machine: save your work now. It will be "
                        "asked to shut down in {} s and switched off in {} s.",
                        button, off),
            true};
}
Tell moves(int seconds) {
    return {fmt::format("Your virtual machine is being closed to move to workstation berth-7: {} s are left.",
                        seconds),
            true};
}

/// An event and how long after the one before it.
struct At {
    WatchEvent event;
    Duration after = 0s;
};

struct Row {
    const char* sentence;
    std::vector<At> before;  ///< What they lead to is another row's matter.
    At at;
    WatchEffects does;
    std::optional<Status> ends = std::nullopt;
};

const std::vector<Row> k_table{
    // libvirt
    {"a guest that runs is left alone", {}, {k_running}, {}},
    {"its shutdown is the end", {{k_running}}, {k_gone}, {}, Status{}},
    {"the end of its QEMU is an error", {}, {k_failed}, {}, fail(ErrorCode::H10, "work")},
    {"silence of libvirt is told",
     {},
     {k_no_answer},
     {Log{Level::error, "libvirt does not tell the VM's state", {{"error", "BERTH-H02 no word"}}},
      error(ErrorCode::H02)}},
    {"silence of libvirt is told once, and the guest runs on", {{k_no_answer}}, {k_no_answer, 1h}, {}},
    {"an answer of libvirt is told",
     {{k_no_answer}},
     {k_running, 1s},
     {Tell{"The virtual machine service answers again."}}},
    {"silence of libvirt while the guest should end is the end after a while",
     {{CloseWanted{}}, {k_no_answer}},
     {k_no_answer, 30s},
     {},
     fail(ErrorCode::H02, "no word")},
    {"silence of libvirt while the guest should end may be short",
     {{CloseWanted{}}, {k_no_answer}},
     {k_no_answer, 29s},
     {}},
    {"silence of libvirt after the console's end is the end after a while",
     {{ConsoleClosed{}}, {k_no_answer}},
     {k_no_answer, 30s},
     {},
     fail(ErrorCode::H02, "no word")},
    {"silence is counted from its begin",
     {{CloseWanted{}}, {k_no_answer}, {k_running, 29s}, {k_no_answer}},
     {k_no_answer, 29s},
     {}},
    {"a crash is told and the guest stands still",
     {{k_running}},
     {k_crashed},
     {Log{Level::warning, "the guest crashed", {{"vm", "work"}}}, error(ErrorCode::H09)}},
    {"a crash is told once", {{k_crashed}}, {k_crashed, 1h}, {}},
    {"a crashed guest that should close is switched off at once",
     {{k_crashed}, {CloseWanted{}}},
     {k_crashed},
     {Destroy{}}},

    // A request that failed
    {"a guest that stopped at a failed request goes on", {}, {k_stopped}, {Resume{}}},
    {"a guest that stops again right away is refused, which is told",
     {{k_stopped}},
     {k_stopped, 1s},
     {k_refuses}},
    {"a refusal is told once", {{k_stopped}, {k_stopped, 1s}}, {k_stopped, 1s}, {}},
    {"a refused guest tries again after a while",
     {{k_stopped}, {k_stopped, 1s}},
     {k_stopped, 4s},
     {Resume{}}},
    {"a guest that runs for a while after a refusal is told",
     {{k_stopped}, {k_stopped, 1s}},
     {k_running, 4s},
     {Tell{"The file server fs1 takes your virtual machine's changes again."}}},
    {"a guest that runs just after a refusal proves nothing",
     {{k_stopped}, {k_stopped, 1s}},
     {k_running, 3s},
     {}},
    {"a guest that stopped waits while the file server is silent",
     {{volume_is(VolumeState::silent)}},
     {k_stopped},
     {}},
    {"a guest that stopped goes on under a claim", {{claimed()}}, {k_stopped}, {Resume{}}},

    // The user
    {"close presses the power button", {{k_running}}, {CloseWanted{}}, {k_closing, PressPowerButton{}}},
    {"close again presses it again", {{CloseWanted{}}}, {CloseWanted{}, 1s}, {k_closing, PressPowerButton{}}},
    {"a guest that closes has its time", {{CloseWanted{}}}, {k_running, 59s}, {}},
    {"a guest that does not close is switched off", {{CloseWanted{}}}, {k_running, 60s}, {k_off, Destroy{}}},
    {"the time of a guest begins when its power button has been pressed",
     {{CloseWanted{}}, {PowerButtonPressed{}, 20s}},
     {k_running, 59s},
     {}},
    {"no later press begins it anew",
     {{CloseWanted{}}, {PowerButtonPressed{}, 20s}, {CloseWanted{}, 30s}, {PowerButtonPressed{}}},
     {k_running, 30s},
     {k_off, Destroy{}}},
    {"the second wish to close does not begin the time anew",
     {{CloseWanted{}}, {CloseWanted{}, 30s}},
     {k_running, 30s},
     {k_off, Destroy{}}},
    {"with nobody at the screen the console is let go of",
     {{Alone{}}},
     {CloseWanted{}},
     {k_closing, LetGoOfConsole{}, PressPowerButton{}}},
    {"force switches off at once", {{k_running}}, {ForceOffWanted{}}, {Destroy{}}},
    {"a guest that was switched off ends by libvirt's word only", {{ForceOffWanted{}}}, {k_destroyed}, {}},
    {"a guest that cannot be switched off is left to the undo",
     {{ForceOffWanted{}}},
     {k_not_destroyed},
     {},
     fail(ErrorCode::H02, "no word")},
    {"status is answered", {{k_running}}, {StatusWanted{}}, {TellStatus{""}}},
    {"status names the seconds under a claim",
     {{claimed()}},
     {StatusWanted{}, 10s},
     {TellStatus{" " + moves(31).text}}},

    // The volume engine
    {"silence of the file server is told",
     {},
     {volume_is(VolumeState::silent)},
     {logged("silent"), k_silent}},
    {"a state that is no news is not told",
     {{volume_is(VolumeState::silent)}},
     {volume_is(VolumeState::silent)},
     {}},
    {"an answer of the file server is told",
     {{volume_is(VolumeState::silent)}},
     {volume_is(VolumeState::running)},
     {logged("running"), Tell{"The file server fs1 answers again."}}},
    {"a guest that closes is not switched off while the file server is silent",
     {{volume_is(VolumeState::silent)}, {CloseWanted{}}, {k_running, 59s}},
     {k_running, 59s},
     {}},
    {"with nobody at the screen the time runs on while the file server is silent",
     {{volume_is(VolumeState::silent)}, {Alone{}}, {CloseWanted{}}, {k_running, 59s}},
     {k_running, 1s},
     {k_off, Destroy{}}},
    {"the end of the volume engine switches the guest off and is the end",
     {{k_running}},
     {VolumeGone{"why"}},
     {Log{Level::error, "berth-volume is gone", {{"error", "why"}}}, Destroy{}},
     fail(ErrorCode::V30)},
    {"a lost lock switches the guest off",
     {{k_running}},
     {volume_is(VolumeState::lost)},
     {logged("lost"), k_taken, Destroy{}}},
    {"a lost lock is the end when the guest is off",
     {{volume_is(VolumeState::lost)}},
     {k_destroyed},
     {},
     fail(ErrorCode::K05)},
    {"a guest that cannot be switched off at a lost lock is left to the undo",
     {{volume_is(VolumeState::lost)}},
     {k_not_destroyed},
     {},
     fail(ErrorCode::H02, "no word")},

    // Moving away
    {"a claim is told with the seconds",
     {{k_running}},
     {claimed()},
     {k_claim_logged, asks(10, 41), logged("claimed")}},
    {"a claim that comes with another state is kept",
     {},
     {claimed(50s, VolumeState::running)},
     {k_claim_logged}},
    {"a claim is told once", {{claimed()}}, {claimed(40s)}, {}},
    {"a claimed guest may save for a while", {{claimed()}}, {k_running, 9s}, {}},
    {"a claimed guest gets its power button",
     {{claimed()}},
     {k_running, 10s},
     {moves(31), PressPowerButton{}}},
    {"a claimed guest gets its power button without libvirt's word",
     {{k_no_answer}, {claimed()}},
     {k_no_answer, 10s},
     {moves(31), PressPowerButton{}}},
    {"a claimed guest gets its power button once", {{claimed()}, {k_running, 10s}}, {k_running, 1s}, {}},
    {"a claimed guest that does not close is switched off in time for its last writes",
     {{claimed()}, {k_running, 10s}},
     {k_running, 32s},
     {k_off, Destroy{}}},
    {"a guest that closes already has no more than the lease",
     {{CloseWanted{}}, {claimed()}, {k_running, 1s}},
     {k_running, 41s},
     {k_off, Destroy{}}},
    {"a lease that ends first is told as the loss that it is",
     {{claimed()}, {claimed(0s, VolumeState::lost)}},
     {k_destroyed},
     {},
     fail(ErrorCode::K33, "\"work\"")},

    // The end
    {"nothing is done any more once it is over", {{k_gone}}, {CloseWanted{}}, {}, Status{}},
};

TEST(GuestWatch, does_what_its_table_says) {
    for (const Row& row : k_table) {
        SCOPED_TRACE(row.sentence);
        BootTime now{5h};
        GuestWatch watch("work", "fs1", {});
        for (const At& at : row.before) (void)watch.handle(at.event, now = now + at.after);
        EXPECT_TRUE(watch.handle(row.at.event, now + row.at.after) == row.does);
        ASSERT_EQ(watch.ended().has_value(), row.ends.has_value());
        if (!row.ends) continue;
        ASSERT_EQ(watch.ended()->has_value(), row.ends->has_value());
        if (*row.ends) continue;
        EXPECT_EQ(watch.ended()->error().to_log(), row.ends->error().to_log());
    }
}

struct Stands {
    const char* sentence;
    std::vector<At> events;
    std::vector<Tell> lines;
};

const std::vector<Stands> k_standing{
    {"nothing stands over a guest that runs", {{k_running}}, {}},
    {"a silent file server stands, however long",
     {{volume_is(VolumeState::silent)}, {k_running, 1h}},
     {k_silent}},
    {"it stands until it answers", {{volume_is(VolumeState::silent)}, {volume_is(VolumeState::running)}}, {}},
    {"a refusal stands, however long", {{k_stopped}, {k_stopped, 1s}, {k_stopped, 1h}}, {k_refuses}},
    {"it stands until the changes are taken", {{k_stopped}, {k_stopped, 1s}, {k_running, 5s}}, {}},
    {"silence of libvirt stands, however long", {{k_no_answer}, {k_no_answer, 1h}}, {error(ErrorCode::H02)}},
    {"it stands until libvirt answers", {{k_no_answer}, {k_running}}, {}},
    {"a crash stands, however long", {{k_crashed}, {k_crashed, 1h}}, {error(ErrorCode::H09)}},
    {"it stands until the guest was reset", {{k_crashed}, {k_running}}, {}},
    {"a claim counts down to the power button", {{claimed()}, {k_running, 4s}}, {asks(6, 37)}},
    {"both of its numbers change at once", {{claimed()}, {k_running, 3500ms}}, {asks(6, 37)}},
    {"and behind it to the switch", {{claimed()}, {k_running, 10s}, {k_running, 20s}}, {moves(11)}},
    {"without libvirt's word, too",
     {{claimed()}, {k_no_answer, 10s}, {k_no_answer, 20s}},
     {moves(11), error(ErrorCode::H02)}},
    {"nothing is counted that is over", {{claimed()}, {k_running, 10s}, {k_running, 32s}}, {}},
    {"a guest that closes already under a claim is not asked to",
     {{CloseWanted{}}, {PowerButtonPressed{}}, {claimed(), 10s}},
     {moves(41)}},
    {"it has no more time than its user's wish left it",
     {{CloseWanted{}}, {PowerButtonPressed{}}, {claimed(), 40s}},
     {moves(20)}},
    {"a claim that came with another state counts, too",
     {{claimed(50s, VolumeState::running)}},
     {asks(10, 41)}},
    {"a claim of a silent file server's is the first of two",
     {{claimed(50s, VolumeState::silent)}},
     {asks(10, 41), k_silent}},
    {"a wish to close does not end what stands",
     {{volume_is(VolumeState::silent)}, {CloseWanted{}}},
     {k_silent}},
    {"nothing stands behind a lost lock", {{claimed()}, {claimed(0s, VolumeState::lost)}}, {}},
    {"nothing stands behind the guest's end", {{k_no_answer}, {k_gone}}, {}},
};

TEST(GuestWatch, says_what_stands_for_as_long_as_it_is_true) {
    for (const Stands& row : k_standing) {
        SCOPED_TRACE(row.sentence);
        BootTime now{5h};
        GuestWatch watch("work", "fs1", {});
        for (const At& at : row.events) (void)watch.handle(at.event, now = now + at.after);
        std::vector<std::string> lines;
        for (const Tell& line : row.lines) lines.push_back(line.text);
        EXPECT_EQ(watch.standing(now), lines);
    }
}

TEST(GuestWatch, counts_down_second_by_second_until_it_is_over) {
    BootTime now{5h};
    GuestWatch watch("work", "fs1", {});
    (void)watch.handle(claimed(), now);
    for (int left = 41; left >= 0; --left) {
        (void)watch.handle(k_running, now);
        const Tell line = left > 31 ? asks(left - 31, left) : moves(left);
        EXPECT_EQ(watch.standing(now), std::vector{line.text});
        now = now + 1s;
    }
    EXPECT_EQ(watch.standing(now), std::vector<std::string>{});
}

TEST(GuestWatch, looks_again_at_once_when_it_has_switched_off_and_soon_when_the_console_ended) {
    const BootTime now{5h};
    GuestWatch watch("work", "fs1", {});
    EXPECT_EQ(watch.take_pause(), 500ms);
    (void)watch.handle(ForceOffWanted{}, now);
    EXPECT_EQ(watch.take_pause(), 0ms);
    EXPECT_EQ(watch.take_pause(), 500ms);
    EXPECT_TRUE(watch.console_open());
    (void)watch.handle(ConsoleClosed{}, now);
    EXPECT_EQ(watch.take_pause(), 20ms);
    EXPECT_FALSE(watch.console_open());
}

TEST(GuestWatch, says_whether_its_end_tells_of_a_loss) {
    const BootTime now{5h};
    for (const bool asked : {false, true}) {
        GuestWatch watch("work", "fs1", {});
        if (asked) (void)watch.handle(claimed(), now);
        (void)watch.handle(volume_is(VolumeState::lost), now);
        (void)watch.handle(k_destroyed, now);
        EXPECT_EQ(watch.move().has_value(), asked);
        EXPECT_EQ(watch.tells_loss(), asked);
    }
}

}  // namespace
}  // namespace berth::session
