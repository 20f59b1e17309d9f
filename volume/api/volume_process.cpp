// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/api/volume_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/no_links.h"
#include "base/strict_json.h"

namespace berth::volume {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t k_most_ms = INT64_MAX / 1'000'000;  // What a Duration, in nanoseconds, can hold.

constexpr std::array k_states = {
    std::pair{VolumeState::starting, "starting"}, std::pair{VolumeState::running, "running"},
    std::pair{VolumeState::silent, "silent"},     std::pair{VolumeState::claimed, "claimed"},
    std::pair{VolumeState::lost, "lost"},         std::pair{VolumeState::stopping, "stopping"}};

Result<uint64_t> process_start_time(pid_t pid) {
    auto stat = read_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) return fail(stat.error());
    // The second field is a name in parentheses that may hold anything; the 22nd is the 20th after it.
    size_t at = stat->rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; field++) at = stat->find(' ', at + 1);
    if (at == std::string::npos) return fail(ErrorCode::I01, "/proc/{}/stat: too short", pid);
    return std::strtoull(stat->c_str() + at, nullptr, 10);
}

/// Private to the folder's group from its first byte.
Status write_config(const std::string& path, const std::string& text, const VolumeProgram& program) {
    std::optional<FileOwner> owner;
    if (program.uid || program.gid)
        owner = {program.uid.value_or(static_cast<uid_t>(-1)), program.gid.value_or(static_cast<gid_t>(-1))};
    return write_file_durably(path, text, 0640, owner);
}

}  // namespace

std::string_view volume_state_name(VolumeState state) {
    for (auto [value, name] : k_states)
        if (value == state) return name;
    return "";
}

std::optional<VolumeState> parse_volume_state(std::string_view name) {
    for (auto [value, text] : k_states)
        if (text == name) return value;
    return std::nullopt;
}

uint64_t VolumeStatus::uncommitted() const {
    uint64_t bytes = 0;
    for (const auto& disk : disks) bytes += disk.uncommitted;
    return bytes;
}

Result<VolumeStatus> parse_volume_status(const nlohmann::json& body) {
    constexpr const char* k_place = "status of the volume engine";
    VolumeStatus status;
    JsonFields fields(body, ErrorCode::I03, k_place);
    fields.text("type", 0, 32);
    const auto state = parse_volume_state(fields.text("state", 1, 32));
    if (state)
        status.state = *state;
    else
        fields.fault("state", "is unknown");
    status.silent_seconds = fields.number("silent_seconds", 0, UINT64_MAX);
    status.lease_left = milliseconds(fields.number("lease_ms", 0, k_most_ms));
    if (const nlohmann::json* disks = fields.array("disks", 0, 64))
        for (const auto& entry : *disks) {
            JsonFields disk(entry, ErrorCode::I03, k_place);
            VolumeDiskStatus& d = status.disks.emplace_back();
            d.name = disk.text("name", 0, 255);
            d.reads = disk.number("reads", 0, UINT64_MAX);
            d.writes = disk.number("writes", 0, UINT64_MAX);
            d.bytes_read = disk.number("bytes_read", 0, UINT64_MAX);
            d.bytes_written = disk.number("bytes_written", 0, UINT64_MAX);
            d.uncommitted = disk.number("uncommitted", 0, UINT64_MAX);
            BERTH_TRY(disk.done());
        }
    if (const nlohmann::json* by = fields.has("claim") ? fields.object("claim") : nullptr) {
        JsonFields claim(*by, ErrorCode::I03, k_place);
        VolumeClaim& c = status.claim.emplace();
        c.host = claim.text("host", 0, 1024);
        c.user = claim.text("user", 0, 1024);
        BERTH_TRY(claim.done());
    }
    BERTH_TRY(fields.done());
    return status;
}

Result<Drained> parse_stop_answer(const nlohmann::json& body) {
    const auto text_of = [&](const char* name) {
        const auto value = body.is_object() ? body.find(name) : body.end();
        return value != body.end() && value->is_string() ? value->get<std::string>() : std::string();
    };
    if (text_of("type") != "stopped") return fail(ErrorCode::V04, "{}", text_of("text"));
    JsonFields fields(body, ErrorCode::V04, "answer of the volume engine");
    fields.text("type", 0, 32);
    Drained drained;
    if (fields.has("write_lost_ms"))
        drained.write_lost = milliseconds(fields.number("write_lost_ms", 0, k_most_ms));
    BERTH_TRY(fields.done());
    return drained;
}

Result<VolumeControl> VolumeControl::connect(const std::string& run_dir) {
    UniqueFd fd = connect_in(run_dir, "control.sock");
    if (!fd) return fail(ErrorCode::V05, "{}/control.sock: {}", run_dir, std::strerror(errno));
    return VolumeControl(std::move(fd));
}

Result<VolumeStatus> VolumeControl::status(milliseconds timeout) {
    BERTH_TRY(socket_.send({{"type", "status"}}));
    auto message = socket_.wait(static_cast<int>(timeout.count()));
    if (!message) return fail(message.error());
    if (!*message) return fail(ErrorCode::V05, "no status within {} ms", timeout.count());
    return parse_volume_status((*message)->body);
}

Status VolumeControl::watch() {
    return socket_.send({{"type", "watch"}});
}

Result<std::optional<VolumeStatus>> VolumeControl::next() {
    auto message = socket_.receive();
    if (!message) return fail(message.error());
    if (!*message) return std::nullopt;
    auto status = parse_volume_status((*message)->body);
    if (!status) return fail(status.error());
    return *status;
}

Result<Drained> VolumeControl::stop(milliseconds timeout) {
    BERTH_TRY(socket_.send({{"type", "stop"}}));
    auto message = socket_.wait(static_cast<int>(timeout.count()));
    if (!message) return fail(message.error());
    if (!*message) return fail(ErrorCode::V05, "no answer to stop within {} ms", timeout.count());
    return parse_stop_answer((*message)->body);
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
    if (!control_) {
        auto made = VolumeControl::connect(run_dir_);
        if (!made) return fail(made.error());
        control_ = std::move(*made);
    }
    return &*control_;
}

Result<VolumeStatus> VolumeProcess::status() {
    auto connection = control();
    if (!connection) return fail(connection.error());
    auto status = (*connection)->status();
    if (!status) control_.reset();
    return status;
}

Result<int> VolumeProcess::watch_fd() {
    if (!watch_) {
        auto made = VolumeControl::connect(run_dir_);
        if (!made) return fail(made.error());
        BERTH_TRY(made->watch());
        watch_ = std::move(*made);
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
        auto connection = VolumeControl::connect(run_dir_);
        if (!connection) return fail(connection.error());
        auto drained = connection->stop(timeout);
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
