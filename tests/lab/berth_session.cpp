// SPDX-License-Identifier: GPL-3.0-or-later
// berth-session with a laboratory's options.
#include "greeter/session/program.h"
#include "tests/lab/lock_times.h"

int main(int argc, char** argv) {
    return berth::session::run_program(argc, argv, [](CLI::App& app, berth::session::FixedTimes& times) {
        berth::add_lock_times(app, times.lock);
        app.add_option_function<int64_t>(
               "--libvirt-seconds",
               [&times](int64_t n) {
                   times.libvirt = {.answer = std::chrono::seconds(n), .start = std::chrono::seconds(n)};
               },
               "The longest that libvirt may leave a request unanswered")
            ->check(CLI::Range(1, 3600));
    });
}
