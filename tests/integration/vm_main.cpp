// SPDX-License-Identifier: GPL-3.0-or-later
// These tests run beside a libvirtd of their own.
#include "tests/lib/run_under.h"

int main(int argc, char** argv) {
    return berth::test::run_under(argc, argv, "BERTH_LIBVIRTD", {"with-libvirt", "--net"});
}
