// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/engine.h"

#include <cerrno>

#include "volume/core/file_store.h"

namespace berth::volume {

Engine::Engine(VolumeConfig config, Clock& clock, Report& report)
    : config_(std::move(config)),
      clock_(clock),
      report_(report),
      lease_(clock, config_.hold),
      guard_(config_, lease_, clock, report),
      core_(config_, lease_, clock, report,
            {[this](bool shared) { guard_.want_line(shared); }, [this] { return guard_.silent_since(); }}),
      driver_(core_, lease_, clock),
      locals_(config_.disks.size()) {}

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
        [this](bool shared, std::unique_ptr<Line> line) { driver_.line_up(shared, std::move(line)); },
        [this] { driver_.call(); });
    driver_.start();
    return {};
}

Engine::~Engine() {
    end();
}

void Engine::end() {
    guard_.stop();
    driver_.end();
}

std::optional<size_t> Engine::find(std::string_view name) const {
    for (size_t i = 0; i < config_.disks.size(); i++)
        if (config_.disks[i].name == name) return i;
    return std::nullopt;
}

int Engine::run(size_t index, const std::shared_ptr<BlockRequest>& request) {
    if (!locals_[index]) return driver_.run(index, request);
    int result = EIO;  // of a FileStore: known when submit() returns
    request->done = [&result](int error) { result = error; };
    locals_[index]->submit(request);
    return result;
}

int Engine::read(size_t index, char* buffer, uint32_t count, uint64_t offset) {
    auto request = std::make_shared<BlockRequest>();
    request->offset = offset;
    request->count = count;
    request->buffer = buffer;
    return run(index, request);
}

int Engine::write(size_t index, const char* data, uint32_t count, uint64_t offset, bool fua) {
    if (disk(index).read_only) return EROFS;
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::write;
    request->offset = offset;
    request->count = count;
    request->from = data;
    request->fua = fua;
    return run(index, request);
}

int Engine::flush(size_t index) {
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::flush;
    return run(index, request);
}

int Engine::perform(size_t index, const std::shared_ptr<BlockRequest>& request) {
    using Kind = BlockRequest::Kind;
    const bool changes =
        request->kind == Kind::write || request->kind == Kind::zero || request->kind == Kind::trim;
    return changes && disk(index).read_only ? EROFS : run(index, request);
}

Result<Drained> Engine::flush_all() {
    driver_.stopping(true);
    // All at once: under a silent server each would wait for its whole time.
    CoreDriver::Requests flushes;
    for (size_t i = 0; i < disks(); i++) {
        if (disk(i).read_only || disk(i).mode == DiskMode::local) continue;
        auto request = std::make_shared<BlockRequest>();
        request->kind = BlockRequest::Kind::flush;
        flushes.emplace_back(i, std::move(request));
    }
    const auto errors = driver_.run_all(flushes);
    std::string failed;
    for (size_t i = 0; i < errors.size(); i++)
        if (errors[i] != 0) failed += (failed.empty() ? "" : ", ") + disk(flushes[i].first).name;
    if (failed.empty()) {
        Drained drained;
        if (const auto lost = core_.write_lost())
            drained.write_lost = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - *lost);
        return drained;
    }
    driver_.stopping(false);
    return fail(ErrorCode::V04, "disk {}", failed);
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
    status.state = driver_.state();
    if (const auto since = driver_.silent_since())
        status.silent_seconds =
            std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - *since).count();
    return status;
}

}  // namespace berth::volume
