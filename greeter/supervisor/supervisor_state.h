// SPDX-License-Identifier: GPL-3.0-or-later
// What the greeter does next, as a pure state machine: events in, effects out, no system call. Which process
// owns the terminal, what is relayed to whom, and the crash-loop policy are here.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "greeter/protocol/messages.h"
#include "greeter/supervisor/effects.h"
#include "greeter/supervisor/guest_screen.h"
#include "greeter/supervisor/message_rate.h"

namespace berth::supervisor {

/// Who has the terminal and why.
enum class Phase {
    login,    ///< UI asks for a name; no session.
    session,  ///< UI shows a session's prompts and progress.
    console,  ///< The guest has the terminal, or its screen is in front; no UI.
    menu,     ///< UI shows the secure-attention menu; the guest waits behind it.
    power,    ///< The workstation is going down.
};

namespace event {
struct Started {};
struct UiStartFailed {
    std::string why;
};
struct UiSaid {
    protocol::FromUi message;
};
struct UiDied {
    std::string why;
};  ///< Gone, or ended because of what it sent.
struct SessionStartFailed {
    std::string why;
};
struct SessionSaid {
    protocol::FromSession message;
};  ///< Of a Console: whoever calls has taken its descriptor.
struct SessionClosed {
    std::string why;
};  ///< Its socket closed or it broke the protocol; the process may still undo.
struct SessionDied {
    std::string why;
};
struct SweeperDone {};
struct Settled {
    std::string why;  ///< Empty: nothing is left that power-off would cut.
};
struct PowerFailed {
    std::string why;
};
struct Attention {};  ///< The secure-attention key, of the terminal or of the keyboards.
struct ScreenSaid {
    protocol::FromScreen message;
};
struct ScreenGone {
    std::string why;
};  ///< Compositor or viewer ended, could not be started, or broke the protocol.
struct Facts {
    std::string host;
    std::vector<std::string> notices;
    std::string going_down;  ///< Not empty: somebody else switches the workstation off; what it waits for.
    std::string
        chord;  ///< Not empty: what to press, for the keyboards' reader keeps it for us (keyboards.h).
};
struct Levels {
    std::string volume, brightness;  ///< In words; empty: the workstation has none.
};
struct Tick {};
}  // namespace event
using Event =
    std::variant<event::Started, event::UiStartFailed, event::UiSaid, event::UiDied,
                 event::SessionStartFailed, event::SessionSaid, event::SessionClosed, event::SessionDied,
                 event::SweeperDone, event::Settled, event::PowerFailed, event::Attention, event::ScreenSaid,
                 event::ScreenGone, event::Facts, event::Levels, event::Tick>;

/// The policy's times.
struct Policy {
    Duration first_restart_delay = std::chrono::milliseconds(250);  ///< Doubles with each UI that dies young.
    Duration longest_restart_delay = std::chrono::seconds(5);
    Duration old_enough = std::chrono::seconds(10);  ///< A UI that lived so long died of something new.
    Duration ui_ready = std::chrono::seconds(20);    ///< A UI that did not say "ready" by then is ended.
    unsigned ui_messages_a_second = 500;  ///< More than a keyboard can cause: a UI gone wild is ended.
    Duration session_exit = std::chrono::seconds(20);  ///< From "end" to the process's exit.
    Duration sweep_wait = std::chrono::seconds(60);    ///< The longest a login waits for the sweeper.
    Duration settle_notice = std::chrono::seconds(1);  ///< Until the user is told what power-off waits for.
    Duration settle_wait = std::chrono::seconds(240);  ///< The longest that power-off waits.
    ScreenPolicy screen;
};

class State {
  public:
    State(std::string version, std::string sak_hint, Policy policy = {});

    Effects handle(const Event& event, BootTime now);
    /// When the next Tick is wanted.
    std::optional<BootTime> deadline() const;
    Phase phase() const { return phase_; }

  private:
    enum class Ui { absent, starting, ready };
    using Question = std::variant<std::monostate, protocol::Prompt, protocol::Choice>;

    void on(const event::Started&) { start_ui(); }
    void on(const event::UiStartFailed& e) { ui_failed(e.why); }
    void on(const event::UiSaid&);
    void on(const event::UiDied& e) { ui_failed(e.why); }
    void on(const event::SessionStartFailed&);
    void on(const event::SessionSaid&);
    void on(const event::SessionClosed&);
    void on(const event::SessionDied&);
    void on(const event::SweeperDone&);
    void on(const event::Settled&);
    void on(const event::PowerFailed&);
    void on(const event::Attention&);
    void on(const event::ScreenSaid& e) { screen_.said(e.message, now_); }
    void on(const event::ScreenGone& e) { screen_.gone(e.why, now_); }
    void on(const event::Facts&);
    void on(const event::Levels&);
    void on(const event::Tick&);

    void do_now(Effect effect) { out_.push_back(std::move(effect)); }
    void to_ui(protocol::ToUi message);
    void start_ui();
    void stop_ui();
    void ui_failed(const std::string& why);
    protocol::Screen screen() const;
    std::string attention_hint() const;
    std::string sak_hint() const;
    void enter(Phase phase);
    void tell(std::string text) { relay(protocol::Note{protocol::NoteStyle::info, std::move(text)}); }
    void tell(const Error& error) { relay(protocol::Note{protocol::NoteStyle::error, error.to_user()}); }
    void forget();
    void forget_remarks();
    void show_again();

    // What the UI says, once it is ready.
    void hear(const protocol::Ready&) {}
    void hear(const protocol::Login&);
    void hear(const protocol::Answer&);
    void hear(const protocol::Chosen&);
    void hear(const protocol::Cancel&);
    void hear(const protocol::Power&);
    void hear(const protocol::Menu&);

    // What the session says.
    void relay(const protocol::Note&);
    void relay(const protocol::Progress&);
    void relay(const protocol::Prompt&);
    void relay(const protocol::Choice&);
    void relay(const protocol::Clear&) { forget(); }
    void relay(const protocol::GuestScreen&);
    void relay(const protocol::Console&);
    void relay(const protocol::ConsoleEnd&) { take_terminal_back(); }
    void relay(const protocol::StatusText&);
    void relay(const protocol::Standing&);
    void relay(const protocol::End&);

    void ask(const Question& question);
    void say_over_guest(const std::string& text);
    std::vector<std::string> what_stands() const;
    void show_standing();
    std::string question_text() const;
    void give_guest_the_screen();
    void lose_screen();
    void tell_screen_lost();
    void question_answered();
    void begin_closing();
    void take_terminal_back();
    void login(const WipedText& user);
    void back_to_login();
    void go_down(protocol::PowerAction action);
    void power_now();

    std::string version_, sak_hint_, chord_, host_;
    std::vector<std::string> notices_;
    Policy policy_;
    Phase phase_ = Phase::login;

    // What a UI that is started anew must be told.
    std::vector<protocol::Note> notes_;
    std::vector<protocol::Progress> progress_;
    Question question_;  ///< Without an answer.

    Ui ui_ = Ui::absent;
    BootTime ui_since_;
    unsigned ui_young_deaths_ = 0;
    std::optional<BootTime> ui_start_at_;
    MessageRate ui_rate_;

    bool session_alive_ = false;
    bool session_linked_ = false;
    bool closing_ = false;               ///< It is being undone: nothing can cancel that.
    std::vector<std::string> standing_;  ///< What the session says of its guest for as long as it is true.
    std::optional<protocol::End> session_end_;
    std::optional<BootTime> session_kill_at_;

    bool sweeping_ = false;
    std::optional<WipedText> waiting_login_;
    std::optional<BootTime> sweep_until_;

    std::optional<protocol::PowerAction> power_;  ///< Wanted, and held until all is settled.
    std::optional<BootTime> settle_tell_at_, settle_until_;
    std::string going_down_;
    event::Levels levels_;

    BootTime now_;
    Effects out_;
    GuestScreen screen_;
    bool screen_lost_ = false;  ///< And not told yet.
};

}  // namespace berth::supervisor
