// SPDX-License-Identifier: GPL-3.0-or-later

#include "base/output.h"
#include "base/random.h"
#include "server/ctl/berthctl.h"
#include "server/model/machine_view.h"
#include "server/model/text.h"

namespace berth::server {
namespace {

/// What add and set have in common.
struct MachineArguments {
    std::string word, name, uuid, serial;  ///< `word`: id, name or MAC of an existing machine.
    std::string other;                     ///< Of replace: the record that the new hardware has so far.
    std::vector<std::string> macs;
    std::string enabled, marked;  ///< "", "yes" or "no".
    bool has_uuid = false, has_serial = false, yes = false;
    std::string request = random_hex(4);  ///< For --data remake.
    SettingArguments settings;

    void add_hardware_to(CLI::App& command) {
        command.add_option("--mac", macs, "MAC address; repeat for more network cards")->take_all();
        command.add_option_function<std::string>(
            "--uuid", [this](const std::string& v) { uuid = v, has_uuid = true; },
            "SMBIOS UUID; with the serial number it identifies a machine whatever card it boots from");
        command.add_option_function<std::string>(
            "--serial", [this](const std::string& v) { serial = v, has_serial = true; },
            "SMBIOS serial number of the system");
    }

    void add_to(CLI::App& command) {
        command.add_option("--name", name, "host name, unique");
        add_hardware_to(command);
        command.add_option("--enabled", enabled, "no: the machine goes to its local disk")
            ->check(CLI::IsMember({"yes", "no"}));
        command.add_option("--marked", marked, "to be installed at its next boot, in mode install")
            ->check(CLI::IsMember({"yes", "no"}));
        settings.add_to(command);
    }

    Status apply_hardware(Machine& machine) const {
        if (!macs.empty()) machine.macs.clear();
        for (const auto& text : macs) {
            const auto mac = parse_mac(text);
            if (!mac) return fail(mac.error());
            if (std::find(machine.macs.begin(), machine.macs.end(), *mac) != machine.macs.end())
                return fail(ErrorCode::P06, "MAC {}: given twice", *mac);
            machine.macs.push_back(*mac);
        }
        if (has_uuid && uuid.empty()) machine.uuid.clear();
        if (has_uuid && !uuid.empty()) {
            const auto checked = parse_uuid(uuid);
            if (!checked) return fail(checked.error());
            machine.uuid = *checked;
        }
        if (has_serial) machine.serial = clean_serial(serial);
        return {};
    }

    Status apply(Machine& machine) const {
        if (!name.empty()) {
            const auto checked = parse_name(name);
            if (!checked) return fail(checked.error());
            machine.name = *checked;
        }
        BERTH_TRY(apply_hardware(machine));
        if (!enabled.empty()) machine.enabled = enabled == "yes";
        if (!marked.empty()) machine.marked = marked == "yes";
        BERTH_TRY(settings.apply(machine.settings, machine.refused));
        // Each request has a word of its own, so that the machine carries it out once.
        if (const auto given = settings.given.find("data");
            given != settings.given.end() && given->second == "remake")
            machine.settings["data"] = "remake-" + request;
        return {};
    }
};

Status add_machine(Ctl& ctl, const MachineArguments& arguments) {
    Machine machine;
    BERTH_TRY(arguments.apply(machine));
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto added = (*store)->add(std::move(machine));
    if (!added) return fail(added.error());
    const auto policy = (*store)->policy();
    if (!policy) return fail(policy.error());
    if (ctl.json)
        say_json(machine_json(*added, *policy));
    else
        say("{}  {}\n", added->id, added->name);
    return {};
}

Status list_machines(Ctl& ctl) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto machines = (*store)->machines();
    if (!machines) return fail(machines.error());
    const auto policy = (*store)->policy();
    if (!policy) return fail(policy.error());
    const auto conflicts = (*store)->conflicts();
    if (!conflicts) return fail(conflicts.error());
    if (ctl.json) {
        auto list = nlohmann::json::array();
        for (const auto& m : *machines) list.push_back(machine_json(m, *policy, *conflicts));
        say_json(list);
        return {};
    }
    std::vector<std::vector<std::string>> rows{list_head()};
    for (const auto& m : *machines) rows.push_back(list_row(m, *policy));
    print_text(Stream::out, table(rows));
    if (!conflicts->empty())
        print_text(Stream::out,
                   "\nConflicts: another machine asked with something of a record and did not get it.\n" +
                       table(conflict_rows(*conflicts)));
    return {};
}

Status show_machine(Ctl& ctl, const std::string& word) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto machine = (*store)->find(word);
    if (!machine) return fail(machine.error());
    const auto policy = (*store)->policy();
    if (!policy) return fail(policy.error());
    const auto conflicts = (*store)->conflicts();
    if (!conflicts) return fail(conflicts.error());
    if (ctl.json) {
        say_json(machine_json(*machine, *policy, *conflicts));
        return {};
    }
    say("id: {}\n", machine->id);
    say_lines(editable_lines(*machine));
    for (const auto& rule : setting_rules())
        if (const auto value = effective(*machine, *policy, rule.key);
            !machine->settings.contains(std::string(rule.key)) && !value.empty())
            say("{}: {} (default)\n", rule.option.substr(2), value);
    say_lines(status_lines(*machine));
    for (const auto& conflict : *conflicts)
        if (conflict.machine == machine->id) say("{}\n", conflict_line(conflict));
    return {};
}

Status set_machine(Ctl& ctl, const MachineArguments& arguments) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    auto machine = (*store)->find(arguments.word);
    if (!machine) return fail(machine.error());
    const auto before = editable_lines(*machine);
    Machine changed = *machine;
    BERTH_TRY(arguments.apply(changed));
    if (!confirm_diff(before, editable_lines(changed), arguments.yes, ctl.json)) {
        if (!ctl.json) say("{}: nothing changed\n", machine->id);
    } else {
        // Asking may have taken its time: what was shown must still be so.
        BERTH_TRY((*store)->update(machine->id, [&](Machine& now) -> Status {
            if (editable_lines(now) != before)
                return fail(ErrorCode::P07, "machine {}: was changed by someone else meanwhile", now.id);
            return arguments.apply(now);
        }));
    }
    if (!ctl.json) return {};
    return show_machine(ctl, machine->id);
}

Status replace_machine(Ctl& ctl, const MachineArguments& arguments) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto machine = (*store)->find(arguments.word);
    if (!machine) return fail(machine.error());
    Machine hardware;
    BERTH_TRY(arguments.apply_hardware(hardware));
    std::optional<Machine> other;
    if (!arguments.other.empty()) {
        if (!arguments.macs.empty() || arguments.has_uuid || arguments.has_serial)
            return fail(ErrorCode::P06, "replace: must have another machine's record or options, not both");
        auto found = (*store)->find(arguments.other);
        if (!found) return fail(found.error());
        if (found->id == machine->id)
            return fail(ErrorCode::P06, "machine {}: must be replaced by another one", machine->id);
        other = std::move(*found);
    }
    Machine after = *machine;
    const Machine& source = other ? *other : hardware;
    after.macs = source.macs, after.uuid = source.uuid, after.serial = source.serial;
    const auto lines = [](const Machine& m, const Machine* o) {
        auto list = editable_lines(m);
        if (o != nullptr) list.push_back(fmt::format("machine: {} {}", o->id, o->name));
        return list;
    };
    const auto before = lines(*machine, other ? &*other : nullptr);
    if (!confirm_diff(before, lines(after, nullptr), arguments.yes, ctl.json)) {
        if (!ctl.json) say("{}: nothing changed\n", machine->id);
    } else {
        BERTH_TRY((*store)->replace(
            machine->id, hardware, other ? other->id : "",
            [&](const Machine& now, const Machine* from) -> Status {
                if (lines(now, from) != before ||
                    (from != nullptr && editable_lines(*from) != editable_lines(*other)))
                    return fail(ErrorCode::P07, "machine {}: was changed by someone else meanwhile", now.id);
                return {};
            }));
    }
    if (!ctl.json) return {};
    return show_machine(ctl, machine->id);
}

Status remove_machine(Ctl& ctl, const std::string& word, bool yes) {
    auto store = open_store(ctl);
    if (!store) return fail(store.error());
    const auto machine = (*store)->find(word);
    if (!machine) return fail(machine.error());
    const auto states = (*store)->state_names(machine->id);
    if (!states) return fail(states.error());
    auto before = editable_lines(*machine);
    for (const auto& name : *states) before.push_back("session state: " + name);
    if (!confirm_diff(before, {}, yes, ctl.json)) {
        say("{}: nothing changed\n", machine->id);
        return {};
    }
    BERTH_TRY((*store)->remove(machine->id));
    if (ctl.json) say_json({{"removed", machine->id}}, -1);
    return {};
}

}  // namespace

void add_machine_commands(CLI::App& app, Ctl& ctl) {
    auto* machine = app.add_subcommand("machine", "the machines that the provisioner knows");
    machine->require_subcommand(1);
    // The options live as long as the parser.
    auto arguments = std::make_shared<MachineArguments>();
    const auto command = [&](const char* name, const char* help, auto run) {
        auto* c = machine->add_subcommand(name, help);
        c->callback([&ctl, run] { ctl.run = run; });
        return c;
    };
    auto* add = command("add", "add one", [&ctl, arguments] { return add_machine(ctl, *arguments); });
    arguments->add_to(*add);
    command("list", "all, with what they last said", [&ctl] { return list_machines(ctl); });
    auto* show =
        command("show", "one in full", [&ctl, arguments] { return show_machine(ctl, arguments->word); });
    auto* set = command("set", "change one; an empty value takes a setting away",
                        [&ctl, arguments] { return set_machine(ctl, *arguments); });
    arguments->add_to(*set);
    auto* remove = command("remove", "forget one", [&ctl, arguments] {
        return remove_machine(ctl, arguments->word, arguments->yes);
    });
    auto* replace = command("replace",
                            "move one's record to other hardware: another machine's, which is then "
                            "forgotten, or what the options say",
                            [&ctl, arguments] { return replace_machine(ctl, *arguments); });
    for (auto* c : {show, set, remove, replace})
        c->add_option("MACHINE", arguments->word, "id, name or MAC")->required();
    replace->add_option("NEW", arguments->other,
                        "id, name or MAC of the record that the new hardware has so far");
    arguments->add_hardware_to(*replace);
    for (auto* c : {set, remove, replace}) c->add_flag("--yes", arguments->yes, "do not ask");
}

}  // namespace berth::server
