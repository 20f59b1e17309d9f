// SPDX-License-Identifier: GPL-3.0-or-later
// main() of the integration tests that need no more than a machine of their own.
#include "tests/lib/run_under.h"

int main(int argc, char** argv) {
    return berth::test::run_under(argc, argv, "BERTH_OWN_MACHINE", {});
}
