// SPDX-License-Identifier: GPL-3.0-or-later
// A workstation without processes: the greeter's state machine, the screen program's model and a session in a
// world in memory, joined as their sockets join them. One thread; a test types and looks at the screen.
#pragma once

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/plain_text.h"
#include "greeter/protocol/protocol.h"
#include "greeter/supervisor/boot_facts.h"
#include "greeter/supervisor/supervisor_state.h"
#include "greeter/supervisor/terminal_reset.h"
#include "tests/testing/fake_world.h"
#include "tests/testing/picture_lines.h"

namespace berth {

/// PAM that knows one user and one password.
class OnePassword final : public session::Authenticator {
  public:
    OnePassword(session::FrontEnd& front_end, session::FakeWorld& world)
        : front_end_(front_end), rest_(world) {}
    Status authenticate() override {
        const auto typed = front_end_.ask("Password: ", false);
        if (!typed) return fail(typed.error());
        return typed->view() == "secret" ? rest_.authenticate() : fail(ErrorCode::L01);
    }
    Status account() override { return rest_.account(); }
    Status open() override { return rest_.open(); }
    const session::User& user() const override { return rest_.user(); }
    Status end() override { return rest_.end(); }

  private:
    session::FrontEnd& front_end_;
    session::FakeAuthenticator rest_;
};

class Desk final : public session::FrontEnd {
  public:
    Desk() {
        config.session = "s1";
        config.owner = {.client = "m-0012", .host = "berth-12", .user = "", .boot_id = "boot-1"};
        config.host_memory = 4ULL << 30;
        config.host_cpus = 2;
        world.domain_states = {guest::DomainState::running};
        world.clock.set_wall(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) +
                             std::chrono::minutes(18 * 60 + 41));
        boot(R"({"data":"persistent","clock":"synchronised","kvm":{"usable":true,"why":""},"network":true})");
        tell(supervisor::event::Started{});
    }
    ~Desk() override { std::filesystem::remove_all(folder_); }

    session::FakeWorld world;
    session::SessionConfig config;
    session::StateStore& store() { return store_; }
    /// What comes while the guest runs, one at each look; behind the last one the guest ends.
    std::deque<std::function<void()>> while_it_runs;

    /// What berth-setup found out (boot.json).
    void boot(std::string_view facts) {
        const auto found = supervisor::parse_boot_facts(facts);
        tell(
            supervisor::event::Facts{.host = "berth-12", .notices = found.notices, .going_down = going_down});
    }
    std::string going_down;

    void tell(const supervisor::Event& event) {
        for (const auto& effect : state_.handle(event, world.clock.now()))
            std::visit([this](const auto& e) { act(e); }, effect);
    }
    void press(ui::Key key) {
        if (const auto said = ui::press(*model_, key)) tell(supervisor::event::UiSaid{across(*said)});
    }
    void type(std::wstring_view text) {
        for (const wchar_t c : text) press({ui::Key::character, c});
    }
    void enter(std::wstring_view text) {
        type(text);
        press({ui::Key::enter});
    }
    void attention() { tell(supervisor::event::Attention{}); }

    /// Does `then` once when the session shows something that contains `what`: "prompt TEXT", "choice TITLE",
    /// "info TEXT", "error TEXT", "STEP STATE TEXT", "status TEXT", "console", "end".
    void when(std::string what, std::function<void()> then) {
        wanted_.emplace_back(std::move(what), std::move(then));
    }
    /// From the user name to the login screen again.
    void log_in() {
        enter(L"ann");
        OnePassword authenticator(*this, world);
        session::FakeSessionResources resources(world);
        session::FakeHypervisor hypervisor(world);
        session::FakeProcessTable processes(world);
        session::Sweeper sweeper(
            {world.clock, world.report, resources, hypervisor, store_, processes, "boot-1", {}});
        session::Session session(
            config, {world.clock, world.report, *this, authenticator, resources, hypervisor, store_, sweeper,
                     [](const std::string&, const std::string&, const std::string&) {}});
        const Status done = session.run();
        end(done.has_value());
        tell(supervisor::event::SessionDied{});
        if (!wanted_.empty()) throw std::logic_error("the session never showed: " + wanted_.front().first);
    }

    /// What is on the terminal. Of three blank lines and more two are kept.
    std::string picture() const {
        if (state_.phase() == supervisor::Phase::console) return console_;
        std::string text;
        int blank = 0;
        for (const auto& line : ui::as_lines(ui::layout(*model_, {}), {})) {
            blank = line.empty() ? blank + 1 : 0;
            if (blank > 2) continue;
            for (const wchar_t c : line) append_utf8(text, static_cast<char32_t>(c));
            text += '\n';
        }
        return text;
    }

    // The greeter as the session knows it.
    Result<session::Secret> ask(std::string_view text, bool echo) override {
        say_to_greeter(protocol::Prompt{++id_, echo, std::string(text)});
        shown("prompt", text);
        if (!answer_) return fail(ErrorCode::L05);
        return session::Secret::from(std::exchange(answer_, std::nullopt)->view());
    }
    Result<size_t> choose(std::string_view title, const std::vector<std::string>& options,
                          size_t preset) override {
        say_to_greeter(protocol::Choice{++id_, std::string(title), options, preset});
        shown("choice", title);
        if (!chosen_) return fail(ErrorCode::L05);
        return *std::exchange(chosen_, std::nullopt);
    }
    void say(session::MessageStyle style, std::string_view text) override {
        const char* name = style == session::MessageStyle::info ? "info" : "error";
        say_to_greeter(protocol::Note{style, std::string(text)});
        shown(name, text);
    }
    void progress(protocol::Progress progress) override {
        say_to_greeter(progress);
        shown(fmt::format("{} {}", progress.step, session::phase_name(progress.state)), progress.text);
    }
    void guest_screen(std::string_view socket, std::string_view vm) override {
        say_to_greeter(protocol::GuestScreen{.socket = std::string(socket), .vm = std::string(vm)});
    }
    void console(int, std::string_view vm) override {
        say_to_greeter(protocol::Console{{}, std::string(vm)});
        shown("console", vm);
    }
    void console_end() override { say_to_greeter(protocol::ConsoleEnd{}); }
    void status(std::string_view text, bool stands) override {
        say_to_greeter(protocol::StatusText{.text = std::string(text), .stands = stands});
        shown("status", text);
    }
    void standing(const std::vector<std::string>& lines) override {
        say_to_greeter(protocol::Standing{lines});
    }
    void end(bool done) override {
        say_to_greeter(protocol::End{done ? protocol::Outcome::done : protocol::Outcome::failed});
        shown("end", "");
    }
    session::Heard listen(Duration timeout, std::span<const session::Watched>) override {
        world.clock.sleep(timeout);
        if (while_it_runs.empty()) {
            world.domain_states = {guest::DomainState::gone};
        } else {
            const auto next = std::move(while_it_runs.front());
            while_it_runs.pop_front();
            next();
        }
        if (!world.volume_events.empty()) return {.wish = session::Wish::descriptor, .fd = -3};
        return {.wish = std::exchange(wish_, session::Wish::none)};
    }
    bool stopping() override { return stop_; }
    void ignore_cancel() override { stop_ = false; }

  private:
    /// What the other end reads of it.
    template <typename Direction>
    static Direction across(const Direction& message) {
        auto frame = protocol::frame_of(message);
        if (!frame) throw std::logic_error(frame.error().to_log());
        auto body = take_frame(*frame);
        Message come{.body = std::move(body.value().value()), .fd = UniqueFd(dup(0))};
        auto good = protocol::read<Direction>(come);
        if (!good) throw std::logic_error(good.error().to_log());
        return std::move(*good);
    }
    void say_to_greeter(const protocol::FromSession& message) {
        tell(supervisor::event::SessionSaid{across(message)});
    }
    void shown(std::string_view kind, std::string_view text) {
        if (wanted_.empty() || !fmt::format("{} {}", kind, text).contains(wanted_.front().first)) return;
        const auto then = std::move(wanted_.front().second);
        wanted_.pop_front();
        then();
    }

    void act(const supervisor::effect::StartUi&) {
        model_.emplace();
        model_->clock = L"Sun 22 Nov 2026  18:41";
        model_->caps_lock = false;
        tell(supervisor::event::UiSaid{protocol::Ready{}});
    }
    void act(const supervisor::effect::SendUi& e) { ui::take(*model_, across(e.message)); }
    void act(const supervisor::effect::SendSession& e) {
        if (const auto* answer = std::get_if<protocol::Answer>(&e.message)) answer_ = answer->text;
        if (const auto* chosen = std::get_if<protocol::Chosen>(&e.message)) chosen_ = chosen->index;
        if (std::holds_alternative<protocol::Cancel>(e.message)) stop_ = true;
        if (const auto* vm = std::get_if<protocol::Vm>(&e.message))
            wish_ = vm->action == protocol::VmAction::close       ? session::Wish::close
                    : vm->action == protocol::VmAction::force_off ? session::Wish::force_off
                                                                  : session::Wish::status;
    }
    void act(const supervisor::effect::StartPump&) { print(supervisor::console_begins("Ctrl-]")); }
    void act(const supervisor::effect::ResumePump&) { print(supervisor::console_resumes()); }
    void act(const supervisor::effect::EndPump&) { console_.clear(); }
    void act(const supervisor::effect::StatusLine& e) { print(supervisor::status_line(e.text)); }
    void act(const auto&) {}

    /// On the guest's console, without the bytes that only set colours.
    void print(std::string text) {
        for (const std::string_view drop : {"\x1b[0m", "\r"})
            for (size_t at = 0; (at = text.find(drop)) != std::string::npos;) text.erase(at, drop.size());
        console_ += text;
    }

    static std::string make_folder() {
        char name[] = "/tmp/berth-desk-XXXXXX";
        if (mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
        return name;
    }

    supervisor::State state_{"0.1.0", "Ctrl-]"};
    std::optional<ui::Model> model_;
    std::string folder_ = make_folder();
    session::StateStore store_{folder_, nullptr, world.report};
    std::deque<std::pair<std::string, std::function<void()>>> wanted_;
    std::string console_;
    uint64_t id_ = 0;
    std::optional<WipedText> answer_;
    std::optional<size_t> chosen_;
    session::Wish wish_ = session::Wish::none;
    bool stop_ = false;
};

}  // namespace berth
