// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"

#include <algorithm>

#include "base/random.h"
#include "server/model/text.h"

namespace berth::server {

HardwareArguments::HardwareArguments(CLI::App& command) {
    command.add_option("--mac", macs_, "MAC address; repeat for more network cards")->take_all();
    command.add_option_function<std::string>(
        "--uuid", [this](const std::string& v) { uuid_ = v; },
        "SMBIOS UUID; with the serial number it identifies a machine whatever card it boots from");
    command.add_option_function<std::string>(
        "--serial", [this](const std::string& v) { serial_ = v; }, "SMBIOS serial number of the system");
}

Status HardwareArguments::apply(Machine& machine) const {
    if (!macs_.empty()) machine.macs.clear();
    for (const auto& text : macs_) {
        const auto mac = BERTH_TRY(parse_mac(text));
        if (std::ranges::find(machine.macs, mac) != machine.macs.end())
            return fail(ErrorCode::P06, "MAC {}: given twice", mac);
        machine.macs.push_back(mac);
    }
    if (uuid_ && uuid_->empty()) machine.uuid.clear();
    if (uuid_ && !uuid_->empty()) machine.uuid = BERTH_TRY(parse_uuid(*uuid_));
    if (serial_) machine.serial = clean_serial(*serial_);
    return {};
}

MachineArguments::MachineArguments(CLI::App& command)
    : hardware_(command), settings_(command), request_(random_hex(4)) {
    command.add_option("--name", name_, "host name, unique");
    command.add_option("--enabled", enabled_, "no: the machine goes to its local disk")
        ->check(CLI::IsMember({"yes", "no"}));
    command.add_option("--marked", marked_, "to be installed at its next boot, in mode install")
        ->check(CLI::IsMember({"yes", "no"}));
}

Status MachineArguments::apply(Machine& machine) const {
    if (!name_.empty()) machine.name = BERTH_TRY(parse_name(name_));
    BERTH_TRY(hardware_.apply(machine));
    if (!enabled_.empty()) machine.enabled = enabled_ == "yes";
    if (!marked_.empty()) machine.marked = marked_ == "yes";
    BERTH_TRY(settings_.apply(machine.settings, machine.refused));
    // Each request has a word of its own, so that the machine carries it out once.
    if (settings_.says("data", "remake")) machine.settings["data"] = "remake-" + request_;
    return {};
}

void add_machine_word(CLI::App& command, std::string& word) {
    command.add_option("MACHINE", word, "id, name or MAC")->required();
}

}  // namespace berth::server
