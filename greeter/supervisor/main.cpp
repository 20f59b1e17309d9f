// SPDX-License-Identifier: GPL-3.0-or-later
#include <CLI/CLI.hpp>

#include "base/output.h"
#include "greeter/supervisor/configured_chords.h"
#include "greeter/supervisor/greeter.h"

int main(int argc, char** argv) {
    berth::supervisor::Options options;
    std::string config = "/etc/berth/berth.toml";
    CLI::App app{"Owns the console of a Berth workstation: login screen, session, guest"};
    app.add_option("--tty", options.tty,
                   "Terminal to use (default: berth.console= of the kernel command line, else tty1)");
    app.add_option("--ui", options.ui, "Screen program")->capture_default_str();
    app.add_option("--ui-user", options.ui_user, "User that the screen program runs as")
        ->capture_default_str();
    app.add_option("--session", options.session, "Session program")->capture_default_str();
    app.add_option("--sweep", options.sweep,
                   "Program and arguments that clean up after a dead session (default: the session program "
                   "with --sweep)");
    app.add_option(
        "--settle", options.settle,
        "Program and arguments that power-off waits for (default: the session program with --settle)");
    app.add_option("--going-down", options.going_down, "What a power-off by somebody else waits for")
        ->capture_default_str();
    app.add_option("--power", options.power, "Program called with \"poweroff\" or \"reboot\"")
        ->capture_default_str();
    app.add_option("--boot-facts", options.boot_facts, "What the boot found")->capture_default_str();
    app.add_option("--levels", options.levels, "Program that knows volume and brightness")
        ->capture_default_str();
    app.add_option("--config", config, "Site configuration, for the secure-attention chords")
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return berth::print_usage(app, e);
    }

    berth::SystemClock clock;
    berth::JournalReport report("berth-greeter");
    options.screen.chords = berth::supervisor::configured_chords(config, report);
    const auto result = berth::supervisor::run_greeter(options, clock, report);
    if (result) return 0;
    report.error("greeter ended", result.error());
    return 1;
}
