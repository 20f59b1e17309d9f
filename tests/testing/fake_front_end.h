// SPDX-License-Identifier: GPL-3.0-or-later
// A greeter whose user answers from lists; it keeps everything it was shown.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "greeter/session/front_end.h"
#include "greeter/session/saga.h"

namespace berth::session {

class FakeFrontEnd final : public FrontEnd {
  public:
    explicit FakeFrontEnd(Clock& clock) : clock_(clock) {}

    std::deque<std::string> answers;  ///< For ask(); empty: the user cancels.
    std::deque<size_t> chosen;        ///< For choose(); empty: the user cancels.
    std::deque<Heard> heard;          ///< For listen(); empty: nothing comes and the time passes.
    std::function<void()> on_listen;  ///< Called at each listen().
    bool stop = false;
    /// Each thing shown, one line: "prompt- Password:", "prompt+ Name:", "info ...", "error ...", "choice
    /// ...", "status ...", "console VM", "console-end", "STEP PHASE".
    std::vector<std::string> shown;

    Result<Secret> ask(std::string_view text, bool echo) override {
        shown.push_back(fmt::format("prompt{} {}", echo ? '+' : '-', text));
        if (answers.empty()) return fail(ErrorCode::L05);
        const std::string answer = answers.front();
        answers.pop_front();
        return Secret::from(answer);
    }
    Result<size_t> choose(std::string_view title, const std::vector<std::string>& options, size_t) override {
        shown.push_back(fmt::format("choice {} [{}]", title, fmt::join(options, "|")));
        if (chosen.empty()) return fail(ErrorCode::L05);
        const size_t index = chosen.front();
        chosen.pop_front();
        return index;
    }
    void say(MessageStyle style, std::string_view text) override {
        shown.push_back(fmt::format("{} {}", style == MessageStyle::info ? "info" : "error", text));
    }
    void progress(protocol::Progress progress) override {
        shown.push_back(fmt::format("{} {}", progress.step, phase_name(progress.state)));
        progress_texts.push_back(std::move(progress.text));
    }
    void guest_screen(std::string_view socket, std::string_view vm) override {
        shown.push_back(fmt::format("screen of {} at {}", vm, socket));
    }
    void console(int, std::string_view vm) override { shown.push_back(fmt::format("console {}", vm)); }
    void console_end() override { shown.emplace_back("console-end"); }
    void status(std::string_view text, bool) override { shown.push_back(fmt::format("status {}", text)); }
    void standing(const std::vector<std::string>& lines) override { stood.push_back(lines); }
    void end(bool done) override { shown.emplace_back(done ? "end done" : "end failed"); }
    Heard listen(Duration timeout, std::span<const Watched>) override {
        clock_.sleep(timeout);
        if (on_listen) on_listen();
        if (heard.empty()) return {};
        const Heard next = heard.front();
        heard.pop_front();
        return next;
    }
    bool stopping() override { return stop; }
    void ignore_cancel() override { stop = false; }

    std::vector<std::string> progress_texts;
    std::vector<std::vector<std::string>> stood;  ///< Each standing().

    bool has(std::string_view line) const {
        for (const auto& s : shown)
            if (s == line) return true;
        return false;
    }
    bool mentions(std::string_view part) const {
        for (const auto& s : shown)
            if (s.contains(part)) return true;
        return false;
    }

  private:
    Clock& clock_;
};

}  // namespace berth::session
