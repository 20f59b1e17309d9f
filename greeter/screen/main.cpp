// SPDX-License-Identifier: GPL-3.0-or-later
#include <CLI/CLI.hpp>

#include "base/output.h"
#include "base/report.h"
#include "greeter/screen/viewer.h"

int main(int argc, char** argv) {
    std::string socket = "/run/berth/screen.sock";
    CLI::App app{"Shows the guest's screen, and Berth's words over it"};
    app.add_option("--socket", socket, "Where berth-greeter listens")->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return berth::print_usage(app, e);
    }
    berth::JournalReport report("berth-screen");
    const auto result = berth::screen::run_viewer(socket, report);
    if (result) return 0;
    report.error("viewer ended", result.error());
    return 1;
}
