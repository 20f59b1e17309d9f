// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstring>

#include "bootstrap/setup/setup.h"

// berth-setup(8): no argument, --watch or --prompt.
int main(int argc, char** argv) {
    using namespace berth;
    JournalReport report("berth-setup");
    SystemClock clock;
    auto parameters = boot::read_boot_parameters();
    if (!parameters) report.error("boot parameters not used", parameters.error());
    const auto http = net::make_http_client(ErrorCode::B02);
    const boot::SetupContext context{.parameters = parameters ? *parameters : boot::BootParameters{},
                                     .http = *http,
                                     .clock = clock,
                                     .report = report};
    const char* mode = argc == 2 ? argv[1] : "";
    if (std::strcmp(mode, "--watch") == 0) boot::watch(context);
    if (std::strcmp(mode, "--prompt") == 0) {
        boot::post_prompt(context);
        return 0;
    }
    if (argc > 1) {
        report.event(Level::error, "usage: berth-setup [--watch | --prompt]");
        return 2;
    }
    const Status status = boot::run_setup(context);
    if (!status) report.error("setup failed", status.error());
    return status ? 0 : 1;
}
