// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/greeter.h"

#include <poll.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "base/fd.h"
#include "base/message.h"
#include "base/random.h"
#include "base/spawn.h"
#include "base/wipe_stack.h"
#include "greeter/protocol/protected_memory.h"
#include "greeter/protocol/protocol.h"
#include "greeter/supervisor/boot_facts.h"
#include "greeter/supervisor/level_control.h"
#include "greeter/supervisor/peer.h"
#include "greeter/supervisor/pump.h"
#include "greeter/supervisor/seat.h"
#include "greeter/supervisor/supervisor_state.h"
#include "greeter/supervisor/terminal.h"
#include "greeter/supervisor/terminal_reset.h"
#include "greeter/supervisor/turn.h"

namespace berth::supervisor {
namespace {

constexpr std::string_view k_sak_hint = "Ctrl-]";
constexpr Duration k_facts_interval = std::chrono::seconds(2);
constexpr int k_messages_a_turn = 64;

class Greeter {
  public:
    Greeter(const Options& options, Clock& clock, Report& report, Terminal terminal, UniqueFd signals)
        : options_(options),
          clock_(clock),
          report_(report),
          terminal_(std::move(terminal)),
          signals_(std::move(signals)),
          state_(BERTH_VERSION, std::string(k_sak_hint)),
          seat_(terminal_.number(), terminal_.fd(), options.screen, clock, report,
                [this](Event event) { handle(std::move(event)); }),
          levels_(options.levels, report, [this](Event event) { handle(std::move(event)); }) {}

    void run();
    Status find_ui_user();

  private:
    void handle(Event event);
    void act(effect::StartUi);
    void act(effect::StopUi) {
        ui_.hang_up();
        ui_.child = Child();  // Killed and reaped: nothing of it can touch the terminal any more.
    }
    void act(const effect::SendUi& e);
    void act(const effect::StartSession& e);
    void act(const effect::SendSession& e);
    void act(effect::CloseSession) { session_.hang_up(); }
    void act(effect::KillSession) { session_.child.signal(SIGKILL); }
    void act(effect::StartSweeper);
    void act(effect::Settle);
    void act(effect::StartPump);
    void act(effect::SuspendPump) {
        output_.hold();
        pumping_ = false;
    }
    void act(effect::ResumePump) {
        terminal_.reset();
        terminal_.raw();
        attention_ = {};
        output_.release(console_resumes());
        pumping_ = true;
    }
    void act(effect::EndPump);
    void act(effect::SendKey) { input_ += k_attention; }
    void act(const effect::StatusLine& e) { output_.add_line(status_line(e.text)); }
    void act(effect::StartScreen) { seat_.start_screen(); }
    void act(effect::StopScreen) { seat_.stop_screen(); }
    void act(effect::ShowScreen) { seat_.show_screen(); }
    void act(effect::ShowText) { seat_.show_text(); }
    void act(const effect::SendScreen& e) { seat_.send(e.message); }
    void act(const effect::AskLevels& e) { levels_.ask(e); }
    void act(const effect::Power& e);
    void act(const effect::Log& e) { report_.event(Level::warning, e.event, {{"detail", e.detail}}); }

    Status start_peer(Peer& peer, SpawnOptions options);
    /// The session's program with that option, or `instead`.
    Result<Child> start(const std::vector<std::string>& instead, const char* option);
    void read_ui();
    void read_session();
    void flush(Peer& peer, const Event& when_gone);
    void read_terminal();
    void read_guest();
    void write_guest();
    void write_terminal();
    void read_facts(bool first);
    void read_signals();
    void wait_for(Turn& turn);
    void session_died();

    const Options& options_;
    Clock& clock_;
    Report& report_;
    Terminal terminal_;
    UniqueFd signals_;
    State state_;
    std::vector<Event>
        later_;  ///< Events that effects gave rise to; handled in order after the effects of one event.
    bool handling_ = false, stop_ = false;

    std::optional<uid_t> ui_uid_;
    gid_t ui_gid_ = 0;
    Seat seat_;
    LevelControl levels_;

    Peer ui_, session_;
    Child sweeper_, settle_, power_;

    bool pumping_ = false;
    UniqueFd guest_;
    AttentionKey attention_;
    GuestOutput output_;
    std::string input_;

    BootTime facts_read_;
    std::string facts_text_, going_down_, chord_;
};

Status Greeter::find_ui_user() {
    if (geteuid() != 0) return {};
    const passwd* entry = getpwnam(options_.ui_user.c_str());
    if (entry == nullptr) return fail(ErrorCode::G05, "no user {}", options_.ui_user);
    if (entry->pw_uid == 0) return fail(ErrorCode::G05, "user {} is root", options_.ui_user);
    ui_uid_ = entry->pw_uid;
    ui_gid_ = entry->pw_gid;
    return {};
}

void Greeter::handle(Event event) {
    later_.push_back(std::move(event));
    if (handling_) return;
    handling_ = true;
    const WipeStack wiped;  // an answer may have been a password
    while (!later_.empty()) {
        Event next = std::move(later_.front());
        later_.erase(later_.begin());
        for (const auto& effect : state_.handle(next, clock_.now()))
            std::visit([this](const auto& e) { act(e); }, effect);
    }
    handling_ = false;
}

// --- Processes ---

Status Greeter::start_peer(Peer& peer, SpawnOptions options) {
    auto pair = BERTH_TRY(message_pair());
    options.descriptors[3] = pair.second.get();
    peer.child = BERTH_TRY(spawn(options));
    peer.outbox.clear();
    peer.socket.emplace(std::move(pair.first));
    return {};
}

void Greeter::act(effect::StartUi) {
    terminal_.reset();
    auto tty = terminal_.open_for_child();
    if (!tty) return handle(event::UiStartFailed{tty.error().to_log()});
    SpawnOptions options;
    options.arguments = {options_.ui};
    options.environment = {{"TERM", term_for(terminal_.path())}, {"LANG", "C.UTF-8"}};
    options.descriptors = {{0, tty->get()}, {1, tty->get()}, {2, tty->get()}};
    options.uid = ui_uid_;
    if (ui_uid_) options.gid = ui_gid_;
    options.new_session = true;
    options.die_with_parent = true;
    if (auto started = start_peer(ui_, std::move(options)); !started)
        handle(event::UiStartFailed{started.error().to_log()});
}

void Greeter::act(const effect::SendUi& e) {
    if (!ui_.socket) return;
    if (auto put = ui_.outbox.put(protocol::frame_of(e.message)); !put) {
        act(effect::StopUi{});
        handle(event::UiDied{put.error().to_log()});
    }
}

void Greeter::act(const effect::StartSession& e) {
    SpawnOptions options;
    options.arguments = {options_.session};
    options.environment = {{"LANG", "C.UTF-8"}};
    options.new_session = true;
    if (auto started = start_peer(session_, std::move(options)); !started)
        return handle(event::SessionStartFailed{started.error().to_log()});
    const std::string name = "s-" + random_hex(4);
    report_.event(Level::info, "session started",
                  {{"session", name}});  // No name: passwords are typed there by mistake.
    protocol::Start start{.user = e.user, .tty = terminal_.path(), .session = name};
    if (const auto shown = seat_.display()) {
        start.width = shown->mode.width;
        start.height = shown->mode.height;
    }
    act(effect::SendSession{std::move(start)});
}

void Greeter::act(const effect::SendSession& e) {
    if (!session_.socket) return;
    if (auto put = session_.outbox.put(protocol::frame_of(e.message)); !put)
        handle(event::SessionClosed{put.error().to_log()});
}

Result<Child> Greeter::start(const std::vector<std::string>& instead, const char* option) {
    SpawnOptions options;
    options.arguments = instead.empty() ? std::vector<std::string>{options_.session, option} : instead;
    options.new_session = true;
    return spawn(options);
}

void Greeter::act(effect::StartSweeper) {
    auto child = start(options_.sweep, "--sweep");
    if (child) {
        sweeper_ = std::move(*child);
        return;
    }
    report_.error("sweeper not started", child.error());
    handle(event::SweeperDone{});
}

void Greeter::act(effect::Settle) {
    auto child = start(options_.settle, "--settle");
    if (child)
        settle_ = std::move(*child);
    else
        handle(event::Settled{child.error().to_log()});
}

void Greeter::act(const effect::Power& e) {
    const std::string action = e.action == protocol::PowerAction::reboot ? "reboot" : "poweroff";
    report_.event(Level::info, "power", {{"action", action}});
    SpawnOptions options;
    options.arguments = {options_.power, action};
    auto child = spawn(options);
    if (child)
        power_ = std::move(*child);
    else
        handle(event::PowerFailed{child.error().to_log()});
}

// --- The guest's console ---

void Greeter::act(effect::StartPump) {
    terminal_.reset();
    terminal_.raw();
    output_ = {};
    attention_ = {};
    input_.clear();
    pumping_ = true;
    output_.add_line(console_begins(k_sak_hint));
}

void Greeter::act(effect::EndPump) {
    pumping_ = false;
    guest_.reset();
    output_ = {};
    input_.clear();
    // With the menu up the terminal is the UI's, and clean.
    if (!ui_.socket) terminal_.reset();
}

void Greeter::read_terminal() {
    char bytes[4096];
    const ssize_t n = read(terminal_.fd(), bytes, sizeof bytes);
    if (n <= 0) return;
    const auto typed = attention_.feed({bytes, static_cast<size_t>(n)});
    // The terminal is read always, or a guest that reads nothing would take the attention key away; what it
    // leaves too long is dropped.
    if (guest_) input_ += typed.for_guest.substr(0, k_pump_bytes - std::min(k_pump_bytes, input_.size()));
    if (typed.attention) handle(event::Attention{});
}

void Greeter::read_guest() {
    char bytes[16384];
    const ssize_t n = read(guest_.get(), bytes, std::min(sizeof bytes, output_.room()));
    if (n > 0) output_.put({bytes, static_cast<size_t>(n)});
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        // The session says what that means: "console" again, or "console-end".
        guest_.reset();
        input_.clear();
    }
}

void Greeter::write_guest() {
    const ssize_t n = send(guest_.get(), input_.data(), input_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) input_.erase(0, static_cast<size_t>(n));
}

void Greeter::write_terminal() {
    const auto next = output_.next();
    const ssize_t n = write(terminal_.fd(), next.data(), next.size());
    if (n > 0) output_.written(static_cast<size_t>(n));
}

// --- Messages ---

void Greeter::read_ui() {
    for (int i = 0; i < k_messages_a_turn && ui_.socket; ++i) {
        auto message = ui_.socket->receive();
        if (message && !*message) return;
        Result<protocol::FromUi> said =
            message ? protocol::read<protocol::FromUi>(**message) : fail(message.error());
        if (!said) {
            ui_.hang_up();
            ui_.child.signal(SIGKILL);
            handle(
                event::UiDied{fmt::format("{}, {}", said.error().to_log(), how_it_ended(ui_.child.wait()))});
            return;
        }
        handle(event::UiSaid{std::move(*said)});
    }
}

void Greeter::read_session() {
    for (int i = 0; i < k_messages_a_turn && session_.socket; ++i) {
        auto message = session_.socket->receive();
        if (message && !*message) return;
        Result<protocol::FromSession> said =
            message ? protocol::read<protocol::FromSession>(**message) : fail(message.error());
        if (!said) return handle(event::SessionClosed{said.error().to_log()});
        if (std::holds_alternative<protocol::Console>(*said)) guest_ = std::move((*message)->fd);
        handle(event::SessionSaid{std::move(*said)});
    }
}

void Greeter::flush(Peer& peer, const Event& when_gone) {
    if (!peer.socket || peer.outbox.empty()) return;
    if (peer.outbox.flush(peer.socket->fd())) return;
    if (&peer == &ui_) act(effect::StopUi{});
    handle(when_gone);
}

void Greeter::read_facts(bool first) {
    facts_read_ = clock_.now();
    seat_.look();
    auto text = read_file(options_.boot_facts, 64 * 1024);
    std::string now = text ? std::move(*text) : std::string();
    auto going_down = read_file(options_.going_down, 256);
    std::string down = going_down ? std::move(*going_down) : std::string();
    if (!first && now == facts_text_ && down == going_down_ && seat_.chord() == chord_) return;
    chord_ = seat_.chord();
    facts_text_ = std::move(now);
    going_down_ = std::move(down);
    BootFacts facts = parse_boot_facts(facts_text_);
    if (facts.host.empty()) {
        char name[256]{};
        if (gethostname(name, sizeof name - 1) == 0) facts.host = name;
    }
    handle(event::Facts{.host = std::move(facts.host),
                        .notices = std::move(facts.notices),
                        .going_down = going_down_,
                        .chord = chord_});
}

void Greeter::read_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGTERM) stop_ = true;
        if (info.ssi_signo == SIGWINCH) ui_.child.signal(SIGWINCH);
    }
}

// --- The loop ---

void Greeter::session_died() {
    // Its last messages first: "end" may be among them.
    while (session_.socket) {
        pollfd p{.fd = session_.socket->fd(), .events = POLLIN, .revents = 0};
        if (poll(&p, 1, 0) <= 0) break;
        read_session();
    }
    const auto status = session_.child.wait();
    session_.hang_up();
    handle(event::SessionDied{how_it_ended(status)});
}

void Greeter::wait_for(Turn& turn) {
    turn.watch(signals_.get(), POLLIN, [this] { read_signals(); });
    // Sent here first, so that POLLOUT is wanted only when the other end is slow.
    flush(ui_, event::UiDied{"closed"});
    flush(session_, event::SessionClosed{"closed"});
    if (ui_.socket) turn.watch(ui_.socket->fd(), POLLIN, [this] { read_ui(); });
    if (session_.socket) turn.watch(session_.socket->fd(), POLLIN, [this] { read_session(); });
    for (const Peer* peer : {&ui_, &session_})
        if (peer->socket && !peer->outbox.empty()) turn.watch(peer->socket->fd(), POLLOUT, [] {});
    turn.watch(session_.child, [this] { session_died(); });
    turn.watch(sweeper_, [this] {
        report_.event(Level::info, "sweeper ended", {{"how", how_it_ended(sweeper_.wait())}});
        handle(event::SweeperDone{});
    });
    turn.watch(settle_, [this] {
        const auto status = settle_.wait();
        handle(event::Settled{status && *status == 0 ? "" : how_it_ended(status)});
    });
    turn.watch(power_, [this] {
        const auto status = power_.wait();
        if (!status || *status != 0) handle(event::PowerFailed{how_it_ended(status)});
    });
    seat_.wait_for(turn);
    levels_.wait_for(turn);
    if (pumping_) {
        turn.watch(terminal_.fd(), POLLIN, [this] { read_terminal(); });
        if (!output_.next().empty()) turn.watch(terminal_.fd(), POLLOUT, [this] { write_terminal(); });
    }
    // An action before may have closed the guest's descriptor.
    if (guest_ && output_.room() > 0)
        turn.watch(guest_.get(), POLLIN, [this] {
            if (guest_) read_guest();
        });
    if (guest_ && !input_.empty())
        turn.watch(guest_.get(), POLLOUT, [this] {
            if (guest_) write_guest();
        });
}

void Greeter::run() {
    read_facts(true);
    seat_.show_text();  // A greeter that died may have left the other terminal in front.
    handle(event::Started{});
    while (!stop_) {
        Turn turn;
        wait_for(turn);
        BootTime until = facts_read_ + k_facts_interval;
        if (const auto deadline = state_.deadline()) until = std::min(until, *deadline);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock_.now()).count();
        if (Status s = turn.run(left > 0 ? static_cast<int>(left) : 0); !s) {
            report_.error("poll", s.error());
            return;
        }
        if (clock_.now() - facts_read_ >= k_facts_interval) read_facts(false);
        handle(event::Tick{});
    }
    act(effect::StopUi{});
    seat_.end();
    session_.hang_up();
    for (Child* child : {&session_.child, &sweeper_, &settle_, &power_}) (void)child->release();
    terminal_.reset();
}

Result<UniqueFd> take_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int s : {SIGTERM, SIGWINCH}) sigaddset(&set, s);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    for (int s : {SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) signal(s, SIG_IGN);
    UniqueFd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) return fail_errno("signalfd");
    return fd;
}

}  // namespace

Status run_greeter(const Options& options, Clock& clock, Report& report) {
    std::string path = options.tty;
    if (path.empty()) {
        auto line = read_file("/proc/cmdline");
        path = console_path(line ? *line : "");
    }
    Child guard;
    if (virtual_terminal_number(path) != 0) {
        auto started = start_seat_guard(path, options.screen, clock, report);
        if (started)
            guard = std::move(*started);
        else
            report.error("no guard", started.error());
    }
    protocol::protect_memory();
    auto signals = BERTH_TRY(take_signals());
    auto terminal = BERTH_TRY(Terminal::open(path));
    Greeter greeter(options, clock, report, std::move(terminal), std::move(signals));
    BERTH_TRY(greeter.find_ui_user());
    report.event(Level::info, "greeter started", {{"tty", path}});
    greeter.run();
    report.event(Level::info, "greeter stopped");
    return {};
}

}  // namespace berth::supervisor
