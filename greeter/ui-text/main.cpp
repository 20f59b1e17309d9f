// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui-text/ui.h"

int main() {
    return berth::ui::run_ui();
}
