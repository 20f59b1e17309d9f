// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/leftovers/process_table.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace berth::session {
namespace {

using std::chrono::milliseconds;

/// Field 22 of proc(5) stat; nullopt: no such process, or a zombie.
std::optional<uint64_t> start_time_of(pid_t pid) {
    auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!stat) return std::nullopt;
    size_t at = stat->rfind(')');  // the name before may hold anything
    if (stat->find_first_of("ZX", at) == at + 2) return std::nullopt;
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
    return std::strtoull(stat->c_str() + at, nullptr, 10);
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
            const auto start_time = start_time_of(pid);
            if (pid == getpid() || !start_time) continue;
            const bool recorded = state.volume_pid == pid && state.volume_start == start_time;
            auto line =
                recorded ? Result<std::string>("") : read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 20);
            if (recorded || (line && names(*line, config))) found.push_back(pid);
        }
        return found;
    }
    Status stop_volume(const std::string& run_dir, milliseconds timeout) override {
        auto control = BERTH_TRY(volume::VolumeControl::connect(run_dir));
        BERTH_TRY(control.stop(timeout));
        return {};
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

}  // namespace berth::session
