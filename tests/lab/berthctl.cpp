// SPDX-License-Identifier: GPL-3.0-or-later
// berthctl with a laboratory's options.
#include "server/ctl/program.h"
#include "tests/lab/lock_times.h"

int main(int argc, char** argv) {
    return berth::server::run_berthctl(argc, argv, [](CLI::App& app, berth::server::Ctl& ctl) {
        berth::add_lock_times(app, ctl.lock_times);
    });
}
