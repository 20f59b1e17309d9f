// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/volume_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/no_links.h"
#include "volume/api/control_wire.h"

namespace berth::volume {
namespace {

using std::chrono::milliseconds;

Result<uint64_t> process_start_time(pid_t pid) {
    auto stat = BERTH_TRY(read_file(fmt::format("/proc/{}/stat", pid)));
    // The second field is a name in parentheses that may hold anything; the 22nd is the 20th after it.
    size_t at = stat.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; field++) at = stat.find(' ', at + 1);
    if (at == std::string::npos) return fail(ErrorCode::I01, "/proc/{}/stat: too short", pid);
    return std::strtoull(stat.c_str() + at, nullptr, 10);
}

Result<VolumeStatus> read_status(Message& message) {
    auto reply = BERTH_TRY(read<ControlReply>(message));
    if (auto* status = std::get_if<VolumeStatus>(&reply)) return std::move(*status);
    return fail(ErrorCode::I03, "another answer than a status");
}

/// Private to the folder's group from its first byte.
Status write_config(const std::string& path, const std::string& text, const VolumeProgram& program) {
    std::optional<FileOwner> owner;
    if (program.uid || program.gid)
        owner = {program.uid.value_or(static_cast<uid_t>(-1)), program.gid.value_or(static_cast<gid_t>(-1))};
    return write_file_durably(path, text, 0640, owner);
}

}  // namespace

Result<VolumeControl> VolumeControl::connect(const std::string& run_dir) {
    UniqueFd fd = connect_in(run_dir, "control.sock");
    if (!fd) return fail(ErrorCode::V05, "{}/control.sock: {}", run_dir, std::strerror(errno));
    return VolumeControl(std::move(fd));
}

Status VolumeControl::send(const ControlRequest& request) {
    return socket_.send(frame_of(request));
}

Result<VolumeStatus> VolumeControl::status(milliseconds timeout) {
    BERTH_TRY(send(AskStatus{}));
    auto message = BERTH_TRY(socket_.wait(static_cast<int>(timeout.count())));
    if (!message) return fail(ErrorCode::V05, "no status within {} ms", timeout.count());
    return read_status(*message);
}

Status VolumeControl::watch() {
    return send(Watch{});
}

Result<std::optional<VolumeStatus>> VolumeControl::next() {
    auto message = BERTH_TRY(socket_.receive());
    if (!message) return std::nullopt;
    return read_status(*message);
}

Result<Drained> VolumeControl::stop(milliseconds timeout) {
    BERTH_TRY(send(Stop{}));
    auto message = BERTH_TRY(socket_.wait(static_cast<int>(timeout.count())));
    if (!message) return fail(ErrorCode::V05, "no answer to stop within {} ms", timeout.count());
    const auto reply = read<ControlReply>(*message);
    if (!reply) return fail(ErrorCode::V04, "{}", reply.error().detail());
    if (const auto* drained = std::get_if<Drained>(&*reply)) return *drained;
    const auto* failed = std::get_if<StopFailed>(&*reply);
    return fail(ErrorCode::V04, "{}", failed != nullptr ? failed->text : "");
}

Result<VolumeProcess> VolumeProcess::start(const VolumeConfig& config, const VolumeProgram& program) {
    const std::string file = config.run_dir + "/volume.json";
    if (auto written = write_config(file, format_volume_config(config), program); !written)
        return fail(ErrorCode::V03, "{}", written.error().detail());
    auto output = make_file_in(config.run_dir, "volume.log", 0640);
    if (!output) return fail(ErrorCode::V03, "{}", output.error().detail());
    SpawnOptions options;
    options.arguments = {program.program, "--config", file};
    options.environment = program.environment;
    options.descriptors[2] = output->get();
    options.uid = program.uid;
    options.gid = program.gid;
    options.groups = program.groups;
    if (program.uid && *program.uid != 0) options.ambient_capabilities = {CAP_NET_BIND_SERVICE};
    options.new_session = true;
    auto child = spawn(options);
    if (!child) return fail(ErrorCode::V03, "{}", child.error().detail());
    auto started = process_start_time(child->pid());
    if (!started) return fail(ErrorCode::V03, "{}", started.error().detail());
    return VolumeProcess(std::move(*child), config.run_dir, *started);
}

std::string VolumeProcess::last_log_line() const {
    auto text = read_file_below(run_dir_, "volume.log");
    if (!text) return text.error().detail();
    while (!text->empty() && text->back() == '\n') text->pop_back();
    size_t newline = text->rfind('\n');
    return newline == std::string::npos ? *text : text->substr(newline + 1);
}

Status VolumeProcess::wait_ready(milliseconds timeout) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    std::string last = "no control socket";
    while (clock.now() < deadline) {
        if (child_.wait(milliseconds(0))) return fail(ErrorCode::V03, "it ended: {}", last_log_line());
        auto status = this->status();
        if (status && status->state == VolumeState::running) return {};
        if (status && status->claim) return fail(ErrorCode::K06, "workstation {}", status->claim->host);
        if (status && status->state == VolumeState::lost) return fail(ErrorCode::K05);
        last = status ? fmt::format("state {}", volume_state_name(status->state)) : status.error().detail();
        clock.sleep(milliseconds(50));
    }
    return fail(ErrorCode::V03, "not ready after {} ms: {}", timeout.count(), last);
}

Result<VolumeControl*> VolumeProcess::control() {
    if (!control_) control_ = BERTH_TRY(VolumeControl::connect(run_dir_));
    return &*control_;
}

Result<VolumeStatus> VolumeProcess::status() {
    auto connection = BERTH_TRY(control());
    auto status = connection->status();
    if (!status) control_.reset();
    return status;
}

Result<int> VolumeProcess::watch_fd() {
    if (!watch_) {
        auto made = BERTH_TRY(VolumeControl::connect(run_dir_));
        BERTH_TRY(made.watch());
        watch_ = std::move(made);
    }
    return watch_->fd();
}

Result<std::optional<VolumeStatus>> VolumeProcess::next_status() {
    if (!watch_) return fail(ErrorCode::V05, "nobody watches");
    return watch_->next();
}

Result<Drained> VolumeProcess::stop(milliseconds timeout) {
    SystemClock clock;
    const BootTime deadline = clock.now() + timeout;
    if (!drained_) {
        auto connection = BERTH_TRY(VolumeControl::connect(run_dir_));
        auto drained = connection.stop(timeout);
        if (!drained) return drained;
        drained_ = *drained;
    }
    auto left = std::max(Duration(milliseconds(100)), deadline - clock.now());
    if (child_.running() && !child_.wait(left))
        return fail(ErrorCode::V05, "everything is written, but the process has not ended");
    return *drained_;
}

void VolumeProcess::kill() {
    if (!child_.running()) return;
    child_.signal(SIGKILL);
    child_.wait();
}

}  // namespace berth::volume
