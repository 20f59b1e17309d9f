// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/decision.h"

namespace berth::server {

DiskKnowledge disk_knowledge(const Machine& machine) {
    const auto& facts = machine.status.facts;
    if (!facts.is_object() || !facts.contains("disks") || !facts["disks"].is_array())
        return DiskKnowledge::unknown;
    return facts["disks"].empty() ? DiskKnowledge::none : DiskKnowledge::present;
}

Decision decide(const Machine* machine, const Policy& policy, DiskKnowledge disk) {
    if (machine == nullptr) {
        switch (policy.unknown) {
            case UnknownPolicy::local:
                return {Action::local_disk, Addition::none, "this machine is not known"};
            case UnknownPolicy::discover:
                return {Action::local_disk, Addition::disabled,
                        "this machine is now listed and waits to be enabled"};
            case UnknownPolicy::enrol: {
                static const Machine k_fresh;
                Decision decision = decide(&k_fresh, policy, disk);
                decision.add = Addition::enabled;
                return decision;
            }
        }
    }
    if (!machine->enabled)
        return {Action::local_disk, Addition::none, "this machine is listed but not enabled"};
    const Mode mode = effective_mode(*machine, policy);
    if (mode == Mode::network && machine->status.again > k_max_again)
        return {Action::local_disk, Addition::none,
                "its image never fitted what it had started, so it boots from its disk"};
    if (mode == Mode::network) return {Action::run_from_network, Addition::none, "runs from the network"};
    if (mode == Mode::install && machine->marked)
        return {Action::message, Addition::none, "marked for installation, which this release does not do"};
    if (disk == DiskKnowledge::none)
        return {Action::message, Addition::none, "has no disk; set its mode to network"};
    return {Action::local_disk, Addition::none,
            mode == Mode::install ? "not marked for installation" : "boots from its disk"};
}

std::string_view to_text(Action action) {
    return action == Action::run_from_network ? "network"
           : action == Action::local_disk     ? "local"
                                              : "message";
}

}  // namespace berth::server
