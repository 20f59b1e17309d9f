// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/image_tool.h"

int main(int argc, char** argv) {
    return berth::boot::image_main(argc, argv);
}
