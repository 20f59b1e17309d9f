// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/vm_check.h"

#include <algorithm>

#include "server/ctl/verbs.h"
#include "server/ctl/vm/place_arguments.h"

namespace berth::server {
namespace {

Answer answer_of(const VmName& name, const std::vector<guest::Finding>& found) {
    auto list = nlohmann::json::array();
    Answer answer;
    for (const auto& f : found) {
        list.push_back({{"code", std::string(code_name(f.error.code()))},
                        {"stops", f.stops},
                        {"text", f.stops ? f.error.to_user() : f.error.detail()}});
        answer.lines.push_back(f.stops ? f.error.to_user() : "note: " + f.error.detail());
    }
    if (found.empty()) answer.lines.push_back(name.text() + ": nothing would stop a login");
    answer.json = {{"user", name.user}, {"vm", name.vm}, {"findings", std::move(list)}};
    const auto stops = std::ranges::count_if(found, [](const guest::Finding& f) { return f.stops; });
    if (stops != 0) answer.then = fail(ErrorCode::P28, "{}: {} found", name.text(), stops);
    return answer;
}

class VmCheck final : public Verb {
  public:
    explicit VmCheck(CLI::App& command) : places_(command) { add_vm_name(command, name_); }

    Result<Answer> run(Ctl& ctl) override {
        const auto name = BERTH_TRY(parse_vm_name(name_));
        auto place = places_.open(ctl, name.user);
        // A session would get no further either.
        if (!place) return answer_of(name, {{true, place.error()}});
        BERTH_TRY(find_vm(*place, name.vm));
        std::optional<guest::MachineConfig> config;
        return answer_of(name, guest::check_vm(*place->directory, name.vm, config));
    }

  private:
    PlaceArguments places_;
    std::string name_;
};

}  // namespace

const MakeVerb vm_check = make_verb<VmCheck>;

}  // namespace berth::server
