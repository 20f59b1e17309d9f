// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>

namespace berth::server {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

class ProcessConsole final : public Console {
  public:
    void print(Stream stream, std::string_view text) override { print_text(stream, text); }
    Status print_file(std::string_view bytes) override {
        return say_file(bytes) ? Status() : fail_errno("write");
    }
    bool shows_progress() const override { return is_terminal(Stream::error); }
    void show_progress(std::string_view text) override { berth::show_progress(text); }
    void end_progress() override { berth::end_progress(); }
    bool can_answer() const override { return isatty(STDIN_FILENO) != 0; }

    std::string answer() override {
        // A signal that is handled is an answer; getline would continue to wait.
        pollfd line{STDIN_FILENO, POLLIN, 0};
        if (poll(&line, 1, -1) < 0) {
            print(Stream::error, "\n");
            return {};
        }
        std::string text;
        std::getline(std::cin, text);
        return text;
    }

    void heed_interrupts() override {
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
            struct sigaction action{};
            if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
            action.sa_handler = [](int) { g_interrupted = 1; };
            action.sa_flags = SA_RESETHAND | SA_RESTART;
            sigaction(number, &action, nullptr);
        }
    }
    bool interrupted() const override { return g_interrupted != 0; }
};

}  // namespace

std::unique_ptr<Console> process_console() {
    return std::make_unique<ProcessConsole>();
}

void append(std::vector<std::string>& lines, const std::vector<std::string>& more) {
    lines.insert(lines.end(), more.begin(), more.end());
}

std::vector<std::string> table(std::vector<std::vector<std::string>> rows) {
    std::vector<size_t> widths;
    for (auto& row : rows) {
        for (auto& cell : row) cell = printable(cell);
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::vector<std::string> lines;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
        while (line.ends_with(' ')) line.pop_back();
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace berth::server
