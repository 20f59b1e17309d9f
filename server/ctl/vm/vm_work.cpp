// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/vm_work.h"

#include "server/ctl/vm/vm_facts.h"

namespace berth::server {

Status not_interrupted(const Ctl& ctl, const std::string& vm) {
    if (!ctl.console.interrupted()) return {};
    return fail(ErrorCode::P30, "{}", vm);
}

Progress::Progress(CLI::App& command) {
    command.add_flag("--progress", lines_, "a line for each percent, also without a terminal");
}

Progress::Line::Line(const Ctl& ctl, bool lines)
    : ctl_(ctl), lines_(lines), terminal_(!ctl.json && ctl.console.shows_progress()) {}

Progress::Line::~Line() {
    if (shown_ && !lines_) ctl_.console.end_progress();
}

Status Progress::Line::operator()(const std::string& vm, const std::string& file, uint64_t done,
                                  uint64_t size) {
    BERTH_TRY(not_interrupted(ctl_, vm));
    const auto percent = size == 0 ? 100 : static_cast<int>(done * 100.0 / static_cast<double>(size));
    if ((!lines_ && !terminal_) || (percent == percent_ && file == file_ && vm == vm_)) return {};
    percent_ = percent, file_ = file, vm_ = vm, shown_ = true;
    const std::string text =
        fmt::format("{}: {}: {} % of {} MiB", vm, file, percent, (size + (1 << 20) - 1) >> 20);
    if (lines_)
        ctl_.console.print(Stream::error, printable(text) + "\n");
    else
        ctl_.console.show_progress(text);
    return {};
}

LockArguments::LockArguments(CLI::App& command) {
    command.add_flag("--break", may_break_, "take the lock over from a workstation that is gone: waits 90 s");
}

Result<HeldLock> LockArguments::take(Ctl& ctl, UserPlace& place, const std::string& vm) const {
    ctl.console.heed_interrupts();
    const auto waiting = [&](std::chrono::seconds left) {
        ctl.note(fmt::format("waiting for the other workstation to stop: {} s", left.count()));
        return !ctl.console.interrupted();
    };
    return HeldLock::take(place, vm, may_break_, waiting, ctl.clock);
}

Result<Answer> make_new_vm(Ctl& ctl, PlaceArguments& places, const Progress& progress, const VmName& name,
                           const VmToMake& vm) {
    ctl.console.heed_interrupts();
    auto place = BERTH_TRY(places.open(ctl, name.user, true));
    {
        auto line = progress.line(ctl);
        BERTH_TRY(make_vm(place, name.vm, vm.config, vm.disks, vm.origin, std::ref(line), ctl.clock));
    }
    return Answer{.json = vm_facts(name, vm.config),
                  .lines = {fmt::format("{}: made, uuid {}", name.text(), vm.config.uuid)}};
}

}  // namespace berth::server
