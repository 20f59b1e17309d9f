// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/firmware.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;

Status put_under_own_renewal(const Leftover& left, guest::UserDirectory& directory) {
    const SessionState& state = left.state;
    auto text = BERTH_TRY(directory.read(state.vm, "machine.toml", 1 << 20));
    auto config = BERTH_TRY(guest::parse_machine_config(text, "machine.toml"));
    auto stored = BERTH_TRY(stored_firmware(directory, state.vm, config));
    auto changed = BERTH_TRY(guest::changed_firmware(guest::firmware_paths(config, state.run_dir), stored));
    if (changed.empty()) return {};
    // berth-volume is gone, and nobody renews: the right to write is what one good renewal of ours gives.
    auto renewed =
        BERTH_TRY(lock::good_since(directory.renew(state.vm, state.lock->epoch, state.lock->nonce)));
    const BootTime until = renewed + left.seams.times.hold;
    const auto may_write = [&]() -> Status {
        if (left.seams.clock.now() < until) return {};
        return fail(ErrorCode::M04, "{} is too slow", state.location.server);
    };
    return put_firmware(directory, state.vm, config, changed, may_write);
}

}  // namespace

Status LocalFirmware::fetch(const Served& vm) {
    files_ = vm.files;
    volume_ = vm.volume;
    config_ = vm.config;
    paths_ = guest::firmware_paths(config_, session_.record.run_dir);
    stored_ = BERTH_TRY(stored_firmware(**files_, vm.vm, config_));
    return guest::place_firmware(paths_, stored_, session_.config.firmware_of(config_).variables);
}

Status LocalFirmware::may_write() {
    Clock& clock = session_.seams.clock;
    // A connection that was lost suspends the right until the next good renewal.
    const BootTime give_up = clock.now() + session_.config.times.lock.renew;
    while (true) {
        const BootTime asked = clock.now();
        auto status = BERTH_TRY(volume_->status());
        if (status.state == volume::VolumeState::lost || (status.claim && status.lease_left <= Duration(0)))
            return fail(ErrorCode::K05);
        if (clock.now() < asked + status.lease_left) return {};
        if (clock.now() >= give_up) return fail(ErrorCode::V05, "the lease is not renewed");
        clock.sleep(milliseconds(250));
    }
}

Status LocalFirmware::put_to_server(const guest::FirmwareBytes& changed) {
    Status put = put_firmware(**files_, session_.record.vm, config_, changed, [this] { return may_write(); });
    if (failed_as(put, Condition::no_answer)) session_.in_flight.lose_write(session_.seams.clock.now());
    return put;
}

Status LocalFirmware::put_back(bool ran) {
    if (!ran) return guest::remove_firmware(paths_);
    auto changed = BERTH_TRY(guest::changed_firmware(paths_, stored_));
    if (changed.empty()) return guest::remove_firmware(paths_);
    Status put = put_to_server(changed);
    if (!put && !failed_as(put, Condition::lost)) {
        // The connection of the login may have died in the hours between.
        BERTH_TRY(files_->remount());
        put = put_to_server(changed);
    }
    if (!put && !failed_as(put, Condition::lost)) return put;
    if (!put) {
        const SessionState& record = session_.record;
        session_.seams.report.event(Level::warning, "the lock was lost: firmware variables are kept aside",
                                    {{"vm", record.vm}});
        if (session_.move) session_.tell_loss("The firmware's settings");
        BERTH_TRY(keep_firmware_aside(**files_, record.vm, record.lock->epoch, changed));
    }
    return guest::remove_firmware(paths_);
}

Status put_left_firmware_back(const Leftover& left, guest::UserDirectory& directory) {
    const SessionState& state = left.state;
    if (!left.same_boot() || !state.domain) return {};  // the local files went with the boot
    const guest::FirmwarePaths paths = guest::possible_firmware_paths(*state.domain, state.run_dir);
    auto local = BERTH_TRY(guest::changed_firmware(paths, {}));
    if (local.empty()) return {};
    Status put = put_under_own_renewal(left, directory);
    if (failed_as(put, Condition::no_answer)) return put;
    if (!put) {
        // The VM is another's now, or the server refuses, or the configuration cannot be read any more.
        left.seams.report.error("firmware variables are kept aside", put.error());
        BERTH_TRY(keep_firmware_aside(directory, state.vm, state.lock->epoch, local));
    }
    return guest::remove_firmware(paths);
}

}  // namespace berth::session
