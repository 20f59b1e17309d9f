// SPDX-License-Identifier: GPL-3.0-or-later
// One change and what is so behind it; berth-greeter starts it for each, so that no driver that takes its time can hold up
// the keyboards.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>

#include "base/output.h"
#include "base/report.h"
#include "greeter/levels/backlight.h"
#include "greeter/levels/mixer.h"

namespace {

using berth::Status;
using berth::levels::Panel;
using berth::levels::Volume;

constexpr unsigned k_seconds = 5;

const std::vector<std::string> k_changes = {"louder", "quieter", "mute", "wake", "brighter", "darker"};

Status change(const std::string& what, std::optional<Volume>& volume, std::optional<Panel>& panel) {
    if (volume && what == "mute") return volume->mute(!volume->muted());
    if (volume && what == "wake") return volume->wake();
    if (volume && (what == "louder" || what == "quieter")) return volume->step(what == "louder");
    if (panel && (what == "brighter" || what == "darker")) return panel->step(what == "brighter");
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    alarm(k_seconds);
    std::string what, card = "default", backlights = "/sys/class/backlight";
    CLI::App app{"Changes the workstation's volume or brightness, and prints both"};
    app.add_option("CHANGE", what, "What to change (default: nothing)")->check(CLI::IsMember(k_changes));
    app.add_option("--card", card, "Sound card, as ALSA names it")->capture_default_str();
    app.add_option("--backlights", backlights, "Panels")->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return berth::print_usage(app, e);
    }
    auto volume = Volume::find(card);
    auto panel = Panel::find(backlights);
    berth::JournalReport report("berth-levels");
    if (const Status s = change(what, volume, panel); !s) report.error("not changed", s.error());
    if (volume)
        berth::say("volume {}\n", volume->muted() ? fmt::format("off ({} %)", volume->percent())
                                                  : fmt::format("{} %", volume->percent()));
    if (panel) berth::say("brightness {} %\n", panel->percent());
    return 0;
}
