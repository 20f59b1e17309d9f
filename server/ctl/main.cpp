// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/program.h"

int main(int argc, char** argv) {
    return berth::server::run_berthctl(argc, argv);
}
