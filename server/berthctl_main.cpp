// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl(1).
#include <cstdio>

#include "server/berthctl.h"

int main(int argc, char** argv) {
    CLI::App app("Berth's administration", "berthctl");
    app.require_subcommand(1);
    berth::server::Ctl ctl;
    berth::server::add_machine_commands(app, ctl);
    berth::server::add_policy_commands(app, ctl);
    berth::server::add_network_commands(app, ctl);
    CLI11_PARSE(app, argc, argv);
    const auto done = ctl.run();
    if (done) return 0;
    fmt::print(stderr, "berthctl: {}\n", done.error().to_user());
    return 1;
}
