// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/engine_core.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace berth::volume {

EngineCore::EngineCore(const VolumeConfig& config, lock::Lease& lease, Clock& clock, Report& report,
                       Seams seams, size_t lines)
    : config_(config),
      lease_(lease),
      clock_(clock),
      report_(report),
      seams_(std::move(seams)),
      lines_wanted_(lines),
      disks_(config.disks.size()) {}

/// Lines answer what is on its way as lost, to disks that are still there.
EngineCore::~EngineCore() {
    for (auto& server : servers_) server.lines.clear();
}

void EngineCore::add_served(const ServedFile& file) {
    NfsDisk::Settings settings;
    settings.request_timeout = config_.request_timeout;
    auto disk =
        std::make_unique<NfsDisk>(file.handle, file.attributes.size, lease_, clock_, memory_, settings);
    NfsDisk* const served = disk.get();
    disks_[file.disk] = {std::move(disk), served, file.shared};
    servers_[file.shared].used = true;
    servers_[file.shared].lost_at = clock_.now();
}

void EngineCore::add(size_t index, std::unique_ptr<Volume> volume) {
    disks_[index] = {std::move(volume), nullptr, false};
}

void EngineCore::submit(size_t disk, std::shared_ptr<BlockRequest> request) {
    if (abandoned_)
        request->done(ESHUTDOWN);
    else
        disks_[disk].volume->submit(std::move(request));
}

void EngineCore::line_up(bool shared, std::unique_ptr<Line> line) {
    if (abandoned_) return;
    Server& server = servers_[shared];
    if (server.wanted > 0) server.wanted--;
    server.lines.push_back(std::move(line));
    for (auto& disk : disks_)
        if (disk.served && disk.shared == shared) disk.served->line_up(*server.lines.back());
}

BootTime EngineCore::step() {
    if (abandoned_) return k_never;
    BootTime disks;
    do {
        look_after_lines();
        disks = step_disks();
    } while (any_broken());  // no memory for one more call
    ask_for_lines();
    update_state();
    return next_step(disks);
}

void EngineCore::look_after_lines() {
    for (Server& server : servers_)
        for (size_t i = 0; i < server.lines.size();) {
            Line& line = *server.lines[i];
            keep_alive(line, clock_.now());
            reset_overdue(line, lease_, clock_.now(), config_.hold);
            if (line.broken())
                drop(server, i);
            else
                i++;
        }
}

void EngineCore::drop(Server& server, size_t index) {
    const bool shared = &server == &servers_[true];
    report_.event(Level::warning, "connection lost", {{"shared", shared ? "yes" : "no"}});
    const auto line = std::move(server.lines[index]);
    server.lines.erase(server.lines.begin() + static_cast<ptrdiff_t>(index));
    server.lost_at = clock_.now();
    if (line->may_carry_writes()) {
        lease_.connection_lost();
        write_lost_ = server.lost_at.since_boot.count();
    }
    for (auto& disk : disks_)
        if (disk.served && disk.shared == shared) disk.served->line_lost(*line);
    // And now the line answers what was on its way as lost.
}

bool EngineCore::any_broken() const {
    return std::ranges::any_of(servers_, [](const Server& s) {
        return std::ranges::any_of(s.lines, [](auto& l) { return l->broken(); });
    });
}

/// Memory that one disk frees, or waits for, concerns those before it.
BootTime EngineCore::step_disks() {
    BootTime next;
    uint64_t before = 0;
    do {
        before = memory_.changes();
        next = k_never;
        for (auto& disk : disks_)
            if (disk.volume) next = std::min(next, disk.volume->step());
    } while (memory_.changes() != before);
    return next;
}

void EngineCore::ask_for_lines() {
    for (bool shared : {false, true}) {
        Server& server = servers_[shared];
        while (server.used && server.lines.size() + server.wanted < lines_wanted_) {
            server.wanted++;
            seams_.want_line(shared);
        }
    }
}

/// The oldest moment since which something that should be answered is not.
std::optional<BootTime> EngineCore::unanswered_since() const {
    std::optional<BootTime> oldest = seams_.lock_silent_since();
    const auto consider = [&oldest](std::optional<BootTime> t) {
        if (t && (!oldest || *t < *oldest)) oldest = t;
    };
    for (const auto& server : servers_) {
        if (server.used && server.lines.empty()) consider(server.lost_at);
        for (const auto& line : server.lines) consider(line->oldest_call());
    }
    return oldest;
}

bool EngineCore::connected() const {
    return std::ranges::all_of(servers_, [](const Server& s) { return !s.used || !s.lines.empty(); });
}

VolumeState EngineCore::next_state(std::optional<BootTime> since) const {
    if (lease_.lost_for_good()) return VolumeState::lost;
    if (lease_.is_claimed()) return VolumeState::claimed;
    if (since && clock_.now() - *since >= config_.notice) return VolumeState::silent;
    if (stopping_) {
        // Behind what a stop waits for: whoever finds that it fails asks why.
        return state_ != VolumeState::silent || connected() ? VolumeState::stopping : state_;
    }
    return connected() && lease_.may_send() ? VolumeState::running : state_;
}

void EngineCore::update_state() {
    unanswered_since_ = unanswered_since();
    const VolumeState next = next_state(unanswered_since_);
    if (next == state_) return;
    report_.event(
        Level::info, "state",
        {{"from", std::string(volume_state_name(state_))}, {"to", std::string(volume_state_name(next))}});
    state_ = next;
}

BootTime EngineCore::next_step(BootTime disks) const {
    BootTime next = disks;
    for (const auto& server : servers_)
        for (const auto& line : server.lines) next = std::min(next, next_look(*line, lease_, config_.hold));
    switch (state_) {
        case VolumeState::lost:
        case VolumeState::silent:
            return next;
        case VolumeState::claimed:
            return std::min(next, lease_.ends());
        case VolumeState::starting:
        case VolumeState::running:
        case VolumeState::stopping:
            return unanswered_since_ ? std::min(next, *unanswered_since_ + config_.notice) : next;
    }
    return next;
}

std::optional<BootTime> EngineCore::silent_since() const {
    return state_ == VolumeState::silent ? unanswered_since_ : std::nullopt;
}

std::optional<BootTime> EngineCore::write_lost() const {
    const Duration::rep lost = write_lost_;
    return lost < 0 ? std::nullopt : std::optional(BootTime{Duration(lost)});
}

void EngineCore::abandon() {
    abandoned_ = true;
    for (auto& disk : disks_)
        if (disk.volume) disk.volume->abandon();
    for (auto& server : servers_)
        while (!server.lines.empty()) {
            for (auto& disk : disks_)
                if (disk.served && disk.shared == (&server == &servers_[true]))
                    disk.served->line_lost(*server.lines.back());
            server.lines.pop_back();
        }
    if (lease_.lost_for_good()) state_ = VolumeState::lost;
}

}  // namespace berth::volume
