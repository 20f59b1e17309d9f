// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/toml_table.h"
#include "guest/vm_check.h"
#include "server/ctl/verbs.h"
#include "server/ctl/vm/place_arguments.h"
#include "server/ctl/vm/vm_facts.h"
#include "server/ctl/vm/vm_running.h"

namespace berth::server {
namespace {

/// One VM, for both ways to print it.
void add_vm(UserPlace& place, const std::string& vm, nlohmann::json& list,
            std::vector<std::vector<std::string>>& rows) {
    std::string text;
    auto config = guest::read_machine_config(*place.directory, vm, text);
    auto holder = place.directory->holder(vm);
    nlohmann::json one = {{"user", place.user}, {"vm", vm}};
    std::vector<std::string> row{place.user + "/" + vm, "?", "?", "", "", ""};
    if (config) {
        one = vm_facts({place.user, vm}, *config);
        row[1] = std::to_string(config->cpus), row[2] = guest::size_text(config->memory);
    } else {
        one["error"] = config.error().to_log();
        row[5] = code_name(config.error().code());
    }
    one["holder"] = nullptr;
    if (holder && *holder) {
        one["holder"] = holder_json(**holder);
        row[3] = (*holder)->record.owner.host, row[4] = (*holder)->record.since;
    }
    list.push_back(std::move(one));
    rows.push_back(std::move(row));
}

class VmList final : public Verb {
  public:
    explicit VmList(CLI::App& command) : places_(command) {
        auto* user = command.add_option("USER", user_, "one user's only");
        command
            .add_flag("--running", running_,
                      "those in use only: by whom, where and since when; without --server and --directory "
                      "as the workstations post it")
            ->excludes(user);
    }

    Result<Answer> run(Ctl& ctl) override {
        if (running_) return running_answer(ctl, places_.options(ctl));
        std::vector<std::string> users{user_};
        if (user_.empty()) users = BERTH_TRY(places_.users(ctl));
        auto list = nlohmann::json::array();
        std::vector<std::vector<std::string>> rows{{"VM", "CPUS", "MEMORY", "IN USE ON", "SINCE", "FAULT"}};
        for (const auto& user : users) {
            Status added = add_user(ctl, user, list, rows);
            if (added) continue;
            if (!user_.empty()) return fail(added.error());
            // A folder that is not a user's must not hide the others.
            ctl.complain(added.error(), user);
        }
        return Answer{.json = std::move(list), .lines = table(std::move(rows))};
    }

  private:
    Status add_user(Ctl& ctl, const std::string& user, nlohmann::json& list,
                    std::vector<std::vector<std::string>>& rows) {
        auto place = BERTH_TRY(places_.open(ctl, user));
        auto vms = BERTH_TRY(place.directory->list_vms());
        for (const auto& vm : vms) add_vm(place, vm, list, rows);
        return {};
    }

    PlaceArguments places_;
    std::string user_;
    bool running_ = false;
};

}  // namespace

const MakeVerb vm_list = make_verb<VmList>;

}  // namespace berth::server
