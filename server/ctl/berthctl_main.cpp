// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl(1).
#include "base/output.h"
#include "server/ctl/berthctl.h"

int main(int argc, char** argv) {
    CLI::App app("Berth's administration", "berthctl");
    app.require_subcommand(1);
    app.fallthrough();  // The two options below may stand before or behind the subcommand; subcommands
                        // inherit this.
    berth::server::Ctl ctl;
    app.add_option("--db,--database", ctl.database, "the provisioner's database file")->capture_default_str();
    app.add_flag("--json", ctl.json, "print JSON");
    berth::server::add_machine_commands(app, ctl);
    berth::server::add_policy_commands(app, ctl);
    berth::server::add_network_commands(app, ctl);
    berth::server::add_image_commands(app, ctl);
    berth::server::add_vm_commands(app, ctl);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return berth::print_usage(app, e);
    }
    const auto done = ctl.run();
    if (done) return 0;
    berth::complain("berthctl: {}\n", done.error().to_user());
    return 1;
}
