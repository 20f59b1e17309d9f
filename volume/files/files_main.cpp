// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/files/files_server.h"

int main() {
    return berth::volume::run_files();
}
