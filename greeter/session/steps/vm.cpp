// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/vm.h"

namespace berth::session {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<Started> VmStep::run(Served vm, BootTime deadline) {
    session_.in_flight.served = true;
    volume_ = vm.volume;
    {
        const UserFiles::Bound bound(*vm.files, deadline);
        BERTH_TRY(firmware_.fetch(vm));
    }
    const SessionConfig& config = session_.config;
    const std::string& run_dir = session_.record.run_dir;
    const std::string screen_socket = BERTH_TRY(make_screen(vm));
    const guest::ClientFacts client{.domain_name = guest::domain_name(config.session),
                                    .kvm = vm.kvm,
                                    .nbd_socket = run_dir + "/nbd.sock",
                                    .console_socket = run_dir + "/console.sock",
                                    .screen_socket = screen_socket,
                                    .monitor = config.monitor,
                                    .network_bridge = config.client.network_bridge,
                                    .guest_address_leased = config.client.guest_address_leased,
                                    .nat_network = config.nat_network,
                                    .firmware_code = config.firmware_of(vm.config).code,
                                    .nvram_copy = firmware_.paths().nvram,
                                    .host_memory = config.host_memory,
                                    .host_cpus = config.host_cpus};
    const auto xml = BERTH_TRY(guest::domain_xml(vm.config, client));
    if (!screen_socket.empty()) session_.seams.front_end.guest_screen(screen_socket, vm.vm);
    guest_.domain = BERTH_TRY(session_.seams.hypervisor.start(xml));
    return Started{std::move(vm), &guest_};
}

Result<std::string> VmStep::make_screen(const Served& vm) {
    if (!session_.config.monitor || vm.config.screen.model == guest::ScreenModel::none) return std::string();
    const auto folder = BERTH_TRY(session_.seams.resources.make_screen_dir(session_.record.run_dir));
    return folder + "/spice.sock";
}

Patience VmStep::wait_for_guest(StopLadder& ladder) {
    if (!session_.move)
        if (const auto status = volume_->status()) session_.notice_claim(*status);
    if (session_.move) ladder.no_later_than(session_.move->plan.switch_off);
    const Heard heard = session_.seams.front_end.listen(milliseconds(250), {});
    return heard.wish == Wish::force_off ? Patience::switch_off : Patience::wait;
}

Status VmStep::undo() {
    if (guest_.domain) {
        const StopLadder ladder(session_.config.times.watch.power_button);
        const Status stopped = stop_guest(*guest_.domain, guest_.ran, ladder, session_.seams.clock,
                                          [this](StopLadder& l) { return wait_for_guest(l); });
        if (!stopped) return fail(Error(ErrorCode::H30, stopped.error().to_log()));
        guest_.domain.reset();
    }
    return firmware_.put_back(guest_.ran);
}

Status VmStep::undo_left(Leftover& left) {
    const SessionState& state = left.state;
    const SweepSeams& seams = left.seams;
    if (!state.domain || !left.same_boot()) return {};
    auto domain = BERTH_TRY(seams.hypervisor.find(guest::domain_name(state.session)));
    if (domain == nullptr) return {};
    seams.report.event(Level::info, "sweeper ends a domain",
                       {{"session", state.session}, {"domain", *state.domain}});
    // Its owner was not asked: what the guest has in memory gets the same chance as at a logout. One that does
    // not run now never ran, or cannot close.
    const auto now = domain->state();
    return stop_guest(*domain, now && *now == guest::DomainState::running, StopLadder(seams.power_button),
                      seams.clock, [&](const StopLadder& ladder) {
                          const Duration more = *ladder.off() - seams.clock.now();
                          return left.wait(more, seconds(1)) ? Patience::wait : Patience::give_up;
                      });
}

}  // namespace berth::session
