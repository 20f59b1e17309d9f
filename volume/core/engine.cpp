// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <future>

#include "base/no_throw.h"
#include "volume/core/file_store.h"
#include "volume/core/rpc_transport.h"

namespace berth::volume {

Engine::Engine(VolumeConfig config, Clock& clock, Report& report)
    : config_(std::move(config)),
      clock_(clock),
      report_(report),
      lease_(clock, config_.hold),
      guard_(config_, lease_, clock, report),
      core_(config_, lease_, clock, report,
            {[this](bool shared) { guard_.want_line(shared); }, [this] { return guard_.silent_since(); }}),
      locals_(config_.disks.size()),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {}

Result<std::unique_ptr<Engine>> Engine::start(VolumeConfig config, Clock& clock, Report& report) {
    std::unique_ptr<Engine> engine(new Engine(std::move(config), clock, report));
    BERTH_TRY(engine->open());
    return engine;
}

Status Engine::open() {
    BERTH_TRY(guard_.open());
    for (size_t i = 0; i < locals_.size(); i++) {
        const VolumeDisk& disk = config_.disks[i];
        if (disk.mode != DiskMode::local) continue;
        auto opened = FileStore::open(disk.path, disk.read_only);
        if (!opened) return fail(opened.error().with_prefix("disk " + disk.name));
        auto local = std::make_unique<LocalDisk>(std::move(*opened));
        locals_[i] = local.get();
        core_.add(i, std::move(local));
    }
    for (const ServedFile& file : guard_.files()) core_.add_served(file);
    guard_.start(
        [this](bool shared, std::unique_ptr<Line> line) {
            std::lock_guard lock(mutex_);
            delivered_.emplace_back(shared, std::move(line));
            wake();
        },
        [this] { wake(); });
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
    if (locals_[index]) {
        locals_[index]->submit(request);
        return answer->get_future();
    }
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
    auto request = std::make_shared<BlockRequest>();
    request->offset = offset;
    request->count = count;
    request->buffer = buffer;
    return wait_for(index, request);
}

int Engine::write(size_t index, const char* data, uint32_t count, uint64_t offset, bool fua) {
    if (disk(index).read_only) return EROFS;
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::write;
    request->offset = offset;
    request->count = count;
    request->from = data;
    request->fua = fua;
    return wait_for(index, request);
}

int Engine::flush(size_t index) {
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::flush;
    return wait_for(index, request);
}

int Engine::perform(size_t index, const std::shared_ptr<BlockRequest>& request) {
    using Kind = BlockRequest::Kind;
    const bool changes =
        request->kind == Kind::write || request->kind == Kind::zero || request->kind == Kind::trim;
    return changes && disk(index).read_only ? EROFS : wait_for(index, request);
}

Result<Drained> Engine::flush_all() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        wake();
    }
    // All at once: under a silent server each would wait for its whole time.
    std::vector<std::pair<size_t, std::future<int>>> flushes;
    for (size_t i = 0; i < disks(); i++) {
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
        if (const auto lost = core_.write_lost())
            drained.write_lost = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - *lost);
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
    for (size_t i = 0; i < disks(); i++) {
        const auto& c = core_.disk(i).counters();
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
        core_.abandon();
        if (changed) changed();
    });
}

void Engine::serve() {
    while (true) {
        take_news();
        const BootTime wake = core_.step();
        publish();
        {
            std::lock_guard lock(mutex_);
            if (ended_) return;
        }
        wait_until(wake);
    }
}

void Engine::take_news() {
    decltype(submitted_) requests;
    decltype(delivered_) lines;
    {
        std::lock_guard lock(mutex_);
        requests.swap(submitted_);
        lines.swap(delivered_);
        core_.stopping(stopping_);
    }
    for (auto& [shared, line] : lines) core_.line_up(shared, std::move(line));
    for (auto& [index, request] : requests) core_.submit(index, std::move(request));
}

void Engine::publish() {
    std::function<void()> changed;
    {
        std::lock_guard lock(mutex_);
        silent_since_ = core_.silent_since();
        if (core_.state() == state_) return;
        state_ = core_.state();
        changed = changed_;
    }
    if (changed) changed();
}

/// Serves what has come on the lines; waits for it until then, or until wake().
void Engine::wait_until(BootTime wake) {
    // Armed for an earlier moment it costs one turn too many, and not a call for each request.
    if (wake < armed_) {
        armed_ = wake;
        clock_.arm(timer_.get(), wake);
    }
    polled_ = {{wake_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
    core_.each_line([this](Line& line) {
        auto& transport = static_cast<RpcTransport&>(line);
        transport.flush(lease_);
        polled_.push_back({transport.fd(), static_cast<short>(transport.events(lease_)), 0});
    });
    if (poll(polled_.data(), polled_.size(), -1) <= 0) return;
    uint64_t count = 0;
    if (polled_[0].revents) (void)!::read(wake_.get(), &count, sizeof count);
    if (polled_[1].revents) {
        (void)!::read(timer_.get(), &count, sizeof count);
        armed_ = k_never;
    }
    auto served = polled_.begin() + 2;
    core_.each_line([&](Line& line) {
        const short happened = (served++)->revents;
        if (happened) static_cast<RpcTransport&>(line).service(happened, lease_);
    });
}

}  // namespace berth::volume
