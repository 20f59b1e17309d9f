// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/machine/machine_arguments.h"
#include "server/ctl/question.h"
#include "server/ctl/store_access.h"
#include "server/ctl/verbs.h"
#include "server/model/machine_view.h"

namespace berth::server {
namespace {

/// The record, and the one that the new hardware has so far and loses.
std::vector<std::string> lines_of(const Machine& machine, const Machine* other) {
    auto lines = editable_lines(machine);
    if (other != nullptr) lines.push_back(fmt::format("machine: {} {}", other->id, other->name));
    return lines;
}

class MachineReplace final : public Verb {
  public:
    explicit MachineReplace(CLI::App& command) : hardware_(command), question_(command) {
        add_machine_word(command, word_);
        command.add_option("NEW", other_, "id, name or MAC of the record that the new hardware has so far");
    }

    Result<Answer> run(Ctl& ctl) override {
        auto store = BERTH_TRY(open_store(ctl));
        const auto machine = BERTH_TRY(store->find(word_));
        Machine hardware;
        BERTH_TRY(hardware_.apply(hardware));
        auto other = BERTH_TRY(find_other(*store, machine.id));
        const Machine* from = other ? &*other : nullptr;

        Machine after = machine;
        const Machine& source = from != nullptr ? *from : hardware;
        after.macs = source.macs, after.uuid = source.uuid, after.serial = source.serial;
        const auto before = lines_of(machine, from);
        const auto go = BERTH_TRY(question_.confirm(ctl, before, lines_of(after, nullptr)));
        const auto still_so = [&](const Machine& now, const Machine* other_now) -> Status {
            if (lines_of(now, other_now) != before ||
                (other_now != nullptr && editable_lines(*other_now) != editable_lines(*from)))
                return fail(ErrorCode::P07, "machine {}: was changed by someone else meanwhile", now.id);
            return {};
        };
        if (go) BERTH_TRY(store->replace(machine.id, hardware, from != nullptr ? from->id : "", still_so));
        return changed_answer(ctl, *store, machine.id, go);
    }

  private:
    Result<std::optional<Machine>> find_other(Store& store, const std::string& id) const {
        if (other_.empty()) return std::nullopt;
        if (hardware_.any())
            return fail(ErrorCode::P06, "replace: must have another machine's record or options, not both");
        auto found = BERTH_TRY(store.find(other_));
        if (found.id == id) return fail(ErrorCode::P06, "machine {}: must be replaced by another one", id);
        return std::optional(std::move(found));
    }

    HardwareArguments hardware_;
    Question question_;
    std::string word_, other_;
};

}  // namespace

const MakeVerb machine_replace = make_verb<MachineReplace>;

}  // namespace berth::server
