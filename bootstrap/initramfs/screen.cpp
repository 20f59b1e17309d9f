// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/screen.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "base/fd.h"
#include "base/plain_text.h"

namespace berth::boot {
namespace {

void put(const std::string& path, std::string_view text) {
    const UniqueFd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    // The screen is a courtesy: what does not fit into the terminal's buffer now is lost.
    if (fd) [[maybe_unused]]
        const ssize_t n = write(fd.get(), text.data(), text.size());
}

std::string_view words_for(std::string_view stage) {
    if (stage == "bootstrap") return "Network is up";
    if (stage == "fetch") return "Fetching the system";
    if (stage == "verify") return "System verified";
    if (stage == "root") return "Starting the system";
    return stage;
}

}  // namespace

void Screen::line(std::string_view text) {
    std::set<std::string> terminals{console_};
    // tty0 is whichever virtual terminal is in front.
    if (auto active = read_file("/sys/class/tty/console/active", 4096)) {
        std::istringstream names(*active);
        for (std::string name; names >> name;) {
            const bool virtual_terminal = console_.starts_with("tty") && console_.size() > 3 &&
                                          console_[3] >= '0' && console_[3] <= '9';
            if (name == "tty0" && virtual_terminal) continue;
            terminals.insert(name);
        }
    }
    const std::string shown = printable(text);
    for (const auto& name : terminals) put(devices_ + "/" + name, "berth: " + shown + "\r\n");
    put(devices_ + "/kmsg", "<7>berth-bootstrap: " + shown + "\n");
}

void ScreenAndPosts::stage(std::string_view name, int percent) {
    const bool fresh = stage_ != name || percent_ < 0;
    // Every tenth percent is enough for people and for the provisioner.
    if (!fresh && percent / 10 == percent_ / 10 && percent >= percent_) return;
    stage_ = name;
    percent_ = percent;
    screen_.line(name == "fetch" ? fmt::format("{}: {} %", words_for(name), percent)
                                 : std::string(words_for(name)));
    poster_.post(stage_status(boot_id_, name, percent, {}));
}

void ScreenAndPosts::problem(const Error& error) {
    screen_.line(error.to_user());
    poster_.post(stage_status(boot_id_, stage_, -1, error.to_log()));
    percent_ = -1;
}

bool ScreenAndPosts::count_boot_again(const Error& error) {
    if (!poster_.post(stage_status(boot_id_, "again", -1, error.to_log()))) return false;
    screen_.line("Restarting, to get kernel and system of one build");
    return true;
}

}  // namespace berth::boot
