// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/step_table.h"

#include <algorithm>
#include <stdexcept>

namespace berth::session {

using std::chrono::seconds;

// Undo order: seed Fig. 7, blocks 120 to 130. The lock is released only when neither QEMU nor berth-volume
// can write any more; the swap file is deleted only when QEMU cannot use it any more.
std::span<const StepFacts> session_steps() {
    static const StepFacts table[] = {
        {step::authenticate, "Checking your password", "Logging you off", seconds(60), 7, {}},
        {step::account, "Checking your account", "", seconds(60), 0, {}},
        {step::credentials, "Opening your login session", "", seconds(60), 0, {}},
        {step::locate, "Finding your file server", "", seconds(20), 0, {}},
        {step::mount, "Opening your files", "Closing your files", seconds(60), 5, {}},
        {step::choose, "Looking for your virtual machines", "", seconds(60), 0, {}},
        {step::check, "Checking your virtual machine", "", seconds(60), 0, {}},
        {step::lock,
         "Reserving your virtual machine",
         "Releasing your virtual machine",
         seconds(180),
         4,
         {step::vm, step::volume}},
        {step::configure, "Reading its configuration", "", seconds(60), 0, {}},
        {step::swap,
         "Preparing its swap disk",
         "Deleting its swap disk",
         seconds(120),
         6,
         {step::vm, step::volume}},
        {step::volume, "Connecting its disks", "Saving the last changes", seconds(60), 3, {step::vm}},
        {step::vm, "Starting your virtual machine", "Closing your virtual machine", seconds(120), 2, {}},
        {step::console, "Handing over the screen", "Taking the screen back", seconds(20), 1, {}},
    };
    return table;
}

Duration step_deadline(std::string_view name) {
    const auto steps = session_steps();
    const auto found = std::ranges::find(steps, name, &StepFacts::name);
    if (found == steps.end()) throw std::logic_error(fmt::format("no step \"{}\"", name));
    return found->deadline;
}

}  // namespace berth::session
