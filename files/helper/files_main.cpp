// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/files_server.h"

int main() {
    return berth::files::run_files();
}
