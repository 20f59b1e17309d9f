// SPDX-License-Identifier: GPL-3.0-or-later
// Writes the 512-byte guest of tests/integration/vm_guest.h to standard output, for the session's integration
// test and benchmark.
#include <cstdio>

#include "tests/integration/vm_guest.h"

int main() {
    const std::string sector = berth::guest::boot_sector();
    return std::fwrite(sector.data(), 1, sector.size(), stdout) == sector.size() ? 0 : 1;
}
