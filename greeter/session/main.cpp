// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/program.h"

int main(int argc, char** argv) {
    return berth::session::run_program(argc, argv);
}
