// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>

#include "base/no_throw.h"

namespace berth::volume {
namespace {

constexpr int k_tick_ms = 50;

}  // namespace

Engine::Engine(VolumeConfig config, Clock& clock, Report& report)
    : config_(std::move(config)),
      clock_(clock),
      report_(report),
      lease_(clock, config_.hold),
      guard_(config_, lease_, clock, report),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<Engine>> Engine::start(VolumeConfig config, Clock& clock, Report& report) {
    std::unique_ptr<Engine> engine(new Engine(std::move(config), clock, report));
    BERTH_TRY(engine->open());
    return engine;
}

Status Engine::open() {
    BERTH_TRY(guard_.open());
    disks_.resize(config_.disks.size());
    for (size_t i = 0; i < disks_.size(); i++) {
        const VolumeDisk& disk = config_.disks[i];
        if (disk.mode != DiskMode::local) continue;
        auto opened = LocalDisk::open(disk.path, disk.read_only);
        if (!opened) return fail(opened.error().with_prefix("disk " + disk.name));
        disks_[i].local = std::move(*opened);
        disks_[i].size = disks_[i].local->size();
    }
    NfsDisk::Settings settings;
    settings.request_timeout = config_.request_timeout;
    for (const ServedFile& file : guard_.files()) {
        Disk& disk = disks_[file.disk];
        disk.size = file.attributes.size;
        disk.shared = file.shared;
        disk.nfs = std::make_unique<NfsDisk>(file.handle, disk.size, lease_, clock_, memory_, settings);
        lines_[file.shared].used = true;
    }
    for (bool shared : {false, true})
        if (lines_[shared].used) {
            lines_[shared].lost_at = clock_.now();
            guard_.want_connection(shared);
        }
    guard_.start([this](BlockConnection connection) {
        std::lock_guard lock(mutex_);
        delivered_.push_back(std::move(connection));
        wake();
    });
    io_ = std::thread([this] { run(); });
    pthread_setname_np(io_.native_handle(), "berth-io");
    return {};
}

Engine::~Engine() {
    end();
}

void Engine::end() {
    guard_.stop();
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        wake();
    }
    if (io_.joinable()) io_.join();
}

void Engine::wake() {
    uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
}

std::optional<size_t> Engine::find(std::string_view name) const {
    for (size_t i = 0; i < config_.disks.size(); i++)
        if (config_.disks[i].name == name) return i;
    return std::nullopt;
}

std::future<int> Engine::submit(size_t index, const std::shared_ptr<BlockRequest>& request) {
    auto answer = std::make_shared<std::promise<int>>();
    request->done = [answer](int error) { answer->set_value(error); };
    std::lock_guard lock(mutex_);
    if (ended_) {
        answer->set_value(ESHUTDOWN);
    } else {
        submitted_.emplace_back(index, request);
        wake();
    }
    return answer->get_future();
}

int Engine::wait_for(size_t index, const std::shared_ptr<BlockRequest>& request) {
    return submit(index, request).get();
}

int Engine::read(size_t index, char* buffer, uint32_t count, uint64_t offset) {
    if (disks_[index].local) return disks_[index].local->read(buffer, count, offset);
    auto request = std::make_shared<BlockRequest>();
    request->offset = offset;
    request->count = count;
    request->buffer = buffer;
    return wait_for(index, request);
}

int Engine::write(size_t index, const char* data, uint32_t count, uint64_t offset, bool fua) {
    if (disk(index).read_only) return EROFS;
    if (disks_[index].local) return disks_[index].local->write(data, count, offset, fua);
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::write;
    request->offset = offset;
    request->count = count;
    request->from = data;
    request->fua = fua;
    return wait_for(index, request);
}

int Engine::flush(size_t index) {
    if (disks_[index].local) return disks_[index].local->flush();
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::flush;
    return wait_for(index, request);
}

Result<Drained> Engine::flush_all() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        wake();
    }
    // All at once: under a silent server each would wait for its whole time.
    std::vector<std::pair<size_t, std::future<int>>> flushes;
    for (size_t i = 0; i < disks_.size(); i++) {
        if (disk(i).read_only || disk(i).mode == DiskMode::local) continue;
        auto request = std::make_shared<BlockRequest>();
        request->kind = BlockRequest::Kind::flush;
        flushes.emplace_back(i, submit(i, request));
    }
    std::string failed;
    for (auto& [i, flushed] : flushes)
        if (flushed.get() != 0) failed += (failed.empty() ? "" : ", ") + disk(i).name;
    std::lock_guard lock(mutex_);
    if (failed.empty()) {
        Drained drained;
        if (write_lost_)
            drained.write_lost =
                std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - *write_lost_);
        return drained;
    }
    stopping_ = false;
    wake();
    return fail(ErrorCode::V04, "disk {}", failed);
}

void Engine::on_change(std::function<void()> changed) {
    std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
}

VolumeStatus Engine::status() const {
    VolumeStatus status;
    for (size_t i = 0; i < disks_.size(); i++) {
        const auto& c = disks_[i].local ? disks_[i].local->counters() : disks_[i].nfs->counters();
        status.disks.push_back(
            {config_.disks[i].name, c.reads, c.writes, c.bytes_read, c.bytes_written, c.uncommitted});
    }
    status.lease_left = std::chrono::duration_cast<std::chrono::milliseconds>(lease_.left());
    if (lease_.is_claimed()) {
        const lock::LockOwner by = guard_.claimant().value_or(lock::LockOwner{});
        status.claim = {by.host, by.user};
    }
    std::lock_guard lock(mutex_);
    status.state = state_;
    if (silent_since_)
        status.silent_seconds =
            std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - *silent_since_).count();
    return status;
}

// From here on the I/O thread.

void Engine::run() {
    // After an exception nobody can tell what was done and what was not: then nothing is sent any more,
    // every request fails, and the state is `lost`.
    const bool whole = no_throw("berth-io", false, [this] { return serve(), true; });
    if (!whole) lease_.lose_for_good();
    std::function<void()> changed;
    decltype(submitted_) rest;
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        if (!whole) state_ = VolumeState::lost, changed = changed_;
        rest.swap(submitted_);
    }
    no_throw("berth-io", [&] {
        for (auto& [index, request] : rest) request->done(ESHUTDOWN);
        for (auto& disk : disks_)
            if (disk.nfs) disk.nfs->abandon();
        for (auto& line : lines_) line.transport.reset();
        if (changed) changed();
    });
}

void Engine::serve() {
    while (true) {
        poll_lines();
        take_news();
        drop_broken_lines();
        for (auto& disk : disks_)
            if (disk.nfs) disk.nfs->step();
        update_state();
        std::lock_guard lock(mutex_);
        if (ended_) return;
    }
}

void Engine::poll_lines() {
    std::array<pollfd, 3> fds;
    fds[0] = {wake_.get(), POLLIN, 0};
    for (int i : {0, 1}) {
        auto& transport = lines_[i].transport;
        fds[1 + i] = transport ? pollfd{transport->fd(), static_cast<short>(transport->events(lease_)), 0}
                               : pollfd{-1, 0, 0};
    }
    if (poll(fds.data(), fds.size(), k_tick_ms) <= 0) return;
    uint64_t count;
    if (fds[0].revents) (void)!::read(wake_.get(), &count, sizeof count);
    for (int i : {0, 1})
        if (fds[1 + i].revents) lines_[i].transport->service(fds[1 + i].revents, lease_);
}

void Engine::take_news() {
    decltype(submitted_) requests;
    decltype(delivered_) connections;
    {
        std::lock_guard lock(mutex_);
        requests.swap(submitted_);
        connections.swap(delivered_);
    }
    for (auto& made : connections)
        attach(made.shared, std::make_unique<RpcTransport>(std::move(made.connection), made.limits, clock_));
    for (auto& [index, request] : requests) disks_[index].nfs->submit(std::move(request));
}

void Engine::attach(bool shared, std::unique_ptr<RpcTransport> transport) {
    lines_[shared].transport = std::move(transport);
    for (auto& disk : disks_)
        if (disk.nfs && disk.shared == shared) disk.nfs->line_up(*lines_[shared].transport);
}

void Engine::drop_broken_lines() {
    for (bool shared : {false, true}) {
        Line& line = lines_[shared];
        if (!line.transport) continue;
        keep_alive(*line.transport, clock_.now());
        reset_overdue(*line.transport, lease_, clock_.now(), config_.hold);
        if (!line.transport->broken()) continue;
        report_.event(Level::warning, "connection lost", {{"shared", shared ? "yes" : "no"}});
        line.lost_at = clock_.now();
        if (line.transport->may_carry_writes()) {
            lease_.connection_lost();
            std::lock_guard lock(mutex_);
            write_lost_ = line.lost_at;
        }
        for (auto& disk : disks_)
            if (disk.nfs && disk.shared == shared) disk.nfs->line_lost(*line.transport);
        line.transport.reset();  // answers what was on its way as lost
        guard_.want_connection(shared);
    }
}

/// The oldest moment since which something that should be answered is not.
std::optional<BootTime> Engine::silent_since() const {
    std::optional<BootTime> oldest = guard_.silent_since();
    auto consider = [&oldest](std::optional<BootTime> t) {
        if (t && (!oldest || *t < *oldest)) oldest = t;
    };
    for (const auto& line : lines_) {
        if (!line.used) continue;
        if (line.transport)
            consider(line.transport->oldest_call());
        else
            consider(line.lost_at);
    }
    return oldest;
}

void Engine::update_state() {
    const auto since = silent_since();
    const bool connected = std::ranges::all_of(lines_, [](const Line& l) { return !l.used || l.transport; });
    std::function<void()> changed;
    {
        std::lock_guard lock(mutex_);
        VolumeState next = state_;
        if (lease_.lost_for_good()) {
            next = VolumeState::lost;
        } else if (lease_.is_claimed()) {
            next = VolumeState::claimed;
        } else if (since && clock_.now() - *since >= config_.notice) {
            next = VolumeState::silent;
        } else if (stopping_) {
            // Behind what a stop waits for: whoever finds that it fails asks why.
            if (state_ != VolumeState::silent || connected) next = VolumeState::stopping;
        } else if (connected && lease_.may_send()) {
            next = VolumeState::running;
        }
        silent_since_ = next == VolumeState::silent ? since : std::nullopt;
        if (next == state_) return;
        report_.event(
            Level::info, "state",
            {{"from", std::string(volume_state_name(state_))}, {"to", std::string(volume_state_name(next))}});
        state_ = next;
        changed = changed_;
    }
    if (changed) changed();
}

}  // namespace berth::volume
