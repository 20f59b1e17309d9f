// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/plugin/launcher.h"

int main(int argc, char** argv) {
    return berth::volume::launch_volume(argc, argv);
}
