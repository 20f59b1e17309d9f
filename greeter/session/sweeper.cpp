// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/sweeper.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "greeter/session/firmware_files.h"
#include "greeter/session/stop_ladder.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Field 22 of proc(5) stat; nullopt: no such process.
std::optional<uint64_t> start_time_of(pid_t pid) {
    auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!stat) return std::nullopt;
    size_t at = stat->rfind(')');  // the name before may hold anything
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
    return std::strtoull(stat->c_str() + at, nullptr, 10);
}

bool is_zombie(pid_t pid) {
    auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!stat) return true;
    const size_t at = stat->rfind(')');
    return at != std::string::npos && at + 2 < stat->size() &&
           ((*stat)[at + 2] == 'Z' || (*stat)[at + 2] == 'X');
}

class RealProcessTable final : public ProcessTable {
  public:
    std::vector<pid_t> volume_processes(const SessionState& state) override {
        std::vector<pid_t> found;
        const std::string config = state.run_dir + "/volume.json";
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
            const std::string name = entry.path().filename();
            if (name.empty() || !std::ranges::all_of(name, [](unsigned char c) { return isdigit(c) != 0; }))
                continue;
            const auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
            if (pid == getpid() || is_zombie(pid)) continue;
            const bool recorded =
                state.volume_pid == pid && state.volume_start && start_time_of(pid) == state.volume_start;
            auto line =
                recorded ? Result<std::string>("") : read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 20);
            if (recorded || (line && names(*line, config))) found.push_back(pid);
        }
        return found;
    }
    Status stop_volume(const std::string& run_dir, milliseconds timeout) override {
        auto control = volume::VolumeControl::connect(run_dir);
        if (!control) return fail(control.error());
        auto stopped = control->stop(timeout);
        return stopped ? Status{} : fail(stopped.error());
    }
    Result<std::optional<volume::VolumeStatus>> volume_status(const std::string& run_dir) override {
        auto control = volume::VolumeControl::connect(run_dir);
        if (!control) return std::nullopt;
        auto status = control->status();
        if (!status) return fail(ErrorCode::V05, "{}", status.error().detail());
        return std::optional(std::move(*status));
    }
    void kill(pid_t pid) override { ::kill(pid, SIGKILL); }

  private:
    /// An argument that is the file or ends in "=file", as nbdkit's parameters do.
    static bool names(std::string_view command_line, std::string_view file) {
        while (!command_line.empty()) {
            const std::string_view argument = command_line.substr(0, command_line.find('\0'));
            if (argument == file ||
                (argument.ends_with(file) && argument[argument.size() - file.size() - 1] == '='))
                return true;
            command_line.remove_prefix(std::min(command_line.size(), argument.size() + 1));
        }
        return false;
    }
};

}  // namespace

std::unique_ptr<ProcessTable> real_process_table() {
    return std::make_unique<RealProcessTable>();
}

Status Sweeper::end_domain(const SessionState& state, const Waiting& waiting) {
    if (!state.domain || state.boot_id != seams_.boot_id) return {};  // no process outlives a boot
    auto domain = seams_.hypervisor.find(guest::domain_name(state.session));
    if (!domain) return fail(domain.error());
    if (*domain == nullptr) return {};
    seams_.report.event(Level::info, "sweeper ends a domain",
                        {{"session", state.session}, {"domain", *state.domain}});
    // Its owner was not asked: what the guest has in memory gets the same chance as at a logout. One that is
    // paused never ran, or cannot close.
    const auto now = (*domain)->state();
    const auto pause = [&](const StopLadder& ladder) {
        if (waiting && !waiting(std::chrono::ceil<seconds>(*ladder.off() - seams_.clock.now())))
            return Patience::give_up;
        seams_.clock.sleep(seconds(1));
        return Patience::wait;
    };
    return stop_guest(**domain, now && *now == guest::DomainState::running, StopLadder(seams_.power_button),
                      seams_.clock, pause);
}

Status Sweeper::may_kill(const SessionState& state) {
    using volume::VolumeState;
    // One that is busy with an earlier stop answers when that is over, which is soon.
    const BootTime give_up = seams_.clock.now() + seconds(30);
    auto asked = seams_.processes.volume_status(state.run_dir);
    while (!asked && seams_.clock.now() < give_up && !seams_.processes.volume_processes(state).empty()) {
        seams_.clock.sleep(seconds(1));
        asked = seams_.processes.volume_status(state.run_dir);
    }
    if (!asked)
        return fail(Error(ErrorCode::V05, fmt::format("it may hold changes of \"{}\"", state.vm))
                        .with_condition(Condition::unsaved));
    // Without its socket it serves no disk: it is starting, or has ended in all but name.
    if (!*asked) return {};
    const volume::VolumeStatus& now = **asked;
    if (now.state == VolumeState::lost) return {};
    // It keeps what the guest wrote and goes on when the server is back; so do we.
    if (now.state == VolumeState::silent || now.state == VolumeState::claimed ||
        now.state == VolumeState::stopping)
        return fail(ErrorCode::K32, "{} does not answer: the last changes wait for it",
                    state.location.server);
    if (now.uncommitted() == 0) return {};
    return fail(ErrorCode::V04, "{} KiB of \"{}\": {} does not take them", (now.uncommitted() + 1023) / 1024,
                state.vm, state.location.server);
}

Status Sweeper::end_volume(const SessionState& state, Unsaved unsaved) {
    if (state.boot_id != seams_.boot_id) return {};
    if (seams_.processes.volume_processes(state).empty()) return {};
    if (Status stopped = seams_.processes.stop_volume(state.run_dir, seconds(30)); !stopped) {
        if (unsaved == Unsaved::keep) BERTH_TRY(may_kill(state));
        seams_.report.error("sweeper kills berth-volume", stopped.error());
        for (pid_t pid : seams_.processes.volume_processes(state)) seams_.processes.kill(pid);
    }
    for (int i = 0; i < 100; ++i) {
        if (seams_.processes.volume_processes(state).empty()) return {};
        seams_.clock.sleep(milliseconds(100));
    }
    return fail(ErrorCode::K32, "berth-volume does not end");
}

Status Sweeper::put_firmware_back(const SessionState& state, guest::UserDirectory& directory) {
    auto text = directory.read(state.vm, "machine.toml", 1 << 20);
    if (!text) return fail(text.error());
    auto config = guest::parse_machine_config(*text, "machine.toml");
    if (!config) return fail(config.error());
    auto stored = stored_firmware(directory, state.vm, *config);
    if (!stored) return fail(stored.error());
    auto changed = guest::changed_firmware(guest::firmware_paths(*config, state.run_dir), *stored);
    if (!changed) return fail(changed.error());
    if (changed->empty()) return {};
    // berth-volume is gone, and nobody renews: the right to write is what one good renewal of ours gives.
    auto renewed = lock::good_since(directory.renew(state.vm, state.lock->epoch, state.lock->nonce));
    if (!renewed) return fail(renewed.error());
    const BootTime until = *renewed + seams_.times.hold;
    const auto may_write = [&]() -> Status {
        if (seams_.clock.now() < until) return {};
        return fail(ErrorCode::M04, "{} is too slow", state.location.server);
    };
    return put_firmware(directory, state.vm, *config, *changed, may_write);
}

Status Sweeper::save_firmware(const SessionState& state, guest::UserDirectory& directory) {
    if (state.boot_id != seams_.boot_id || !state.domain) return {};  // the local files went with the boot
    const guest::FirmwarePaths paths = guest::possible_firmware_paths(*state.domain, state.run_dir);
    auto local = guest::changed_firmware(paths, {});
    if (!local) return fail(local.error());
    if (local->empty()) return {};
    Status put = put_firmware_back(state, directory);
    if (failed_as(put, Condition::no_answer)) return put;
    if (!put) {
        // The VM is another's now, or the server refuses, or the configuration cannot be read any more.
        seams_.report.error("firmware variables are kept aside", put.error());
        BERTH_TRY(keep_firmware_aside(directory, state.vm, state.lock->epoch, *local));
    }
    return guest::remove_firmware(paths);
}

Status Sweeper::release_lock(const SessionState& state, BootTime writers_gone, const Waiting& waiting) {
    if (!state.lock) return {};
    const BootTime free = writers_gone + seams_.times.sweep_wait;
    while (seams_.clock.now() < free) {
        const Duration left = free - seams_.clock.now();
        if (waiting && !waiting(std::chrono::ceil<seconds>(left))) return fail(ErrorCode::K32);
        seams_.clock.sleep(std::min<Duration>(left, seconds(1)));
    }
    // Without the shared tree: another server that is down must not keep the lock.
    auto directory = seams_.parts.mount(
        {.location = state.location, .shared = {}, .credentials = state.credentials, .times = seams_.times});
    if (!directory) return fail(directory.error());
    BERTH_TRY(save_firmware(state, **directory));
    return (*directory)->release(state.vm, state.lock->epoch, state.lock->nonce);
}

Status Sweeper::finish(const SessionState& state, const Waiting& waiting, Unsaved unsaved) {
    BERTH_TRY(end_domain(state, waiting));
    // Nothing of an earlier boot lives: its writers were gone when this one began.
    const bool same_boot = state.boot_id == seams_.boot_id;
    BERTH_TRY(end_volume(state, unsaved));
    BERTH_TRY(release_lock(state, same_boot ? seams_.clock.now() : BootTime{}, waiting));
    for (const auto& path : state.swap) BERTH_TRY(seams_.parts.delete_file(path));
    BERTH_TRY(seams_.parts.remove_run_dir(state.run_dir));
    BERTH_TRY(seams_.store.remove(state.session));
    seams_.report.event(Level::info, "sweeper finished a session",
                        {{"session", state.session}, {"vm", state.vm}});
    return {};
}

Result<size_t> Sweeper::round(const Waiting& waiting) {
    auto stored = seams_.store.list();
    if (!stored) return fail(stored.error());
    size_t left = 0;
    for (const auto& entry : *stored) {
        auto claim = seams_.store.claim(entry.session);
        if (!claim) return fail(claim.error());
        if (!*claim) continue;  // a live session, or a login that finishes it
        auto now = seams_.store.load(entry.session);
        if (!now) return fail(now.error());
        if (!*now) continue;
        const auto& state = (*now)->state;
        if (!state) {
            // Kept for the help desk: what it named is unknown, so nothing of it may be released.
            seams_.report.error("session state unreadable", state.error().with_prefix(entry.session));
            continue;
        }
        if (Status s = finish(*state, waiting); !s) {
            seams_.report.error("sweeper could not finish a session", s.error().with_prefix(entry.session));
            ++left;
        }
    }
    seams_.store.forget_empty_claims();
    return left;
}

}  // namespace berth::session
