// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cctype>
#include <sstream>

#include "base/fd.h"
#include "guest/machine_text.h"
#include "server/ctl/verbs.h"
#include "server/ctl/vm/vm_work.h"

namespace berth::server {
namespace {

constexpr size_t k_max_users_file = 1 << 20;
/// How many copies are made durable at once.
constexpr size_t k_batch = 64;

/// One name a line; empty lines and what follows "#" do not count.
Result<std::vector<std::string>> read_users(const std::string& path) {
    auto text = BERTH_TRY(read_file(path, k_max_users_file));
    std::vector<std::string> users;
    std::istringstream lines(text);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line = line.substr(0, line.find('#'));
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.pop_back();
        if (line.empty()) continue;
        if (Status s = guest::check_vm_name(line); !s)
            return fail(s.error().with_prefix(fmt::format("{}, line {}", path, number)));
        if (std::ranges::find(users, line) != users.end())
            return fail(ErrorCode::M36, "{}, line {}: \"{}\" appears twice", path, number, line);
        users.push_back(line);
    }
    if (users.empty()) return fail(ErrorCode::P06, "{}: must name a user on each line", path);
    return users;
}

class VmClone final : public Verb {
  public:
    explicit VmClone(CLI::App& command) : places_(command), lock_(command), progress_(command) {
        command.add_option("SOURCE", source_, "USER/VM")->required();
        command.add_option("TARGET", target_, "USER/VM");
        command.add_option("--users", users_file_, "file with a user's name on each line");
        command.add_option("--name", name_, "the copies' name with --users; default the source's");
    }

    Result<Answer> run(Ctl& ctl) override {
        const auto source = BERTH_TRY(parse_vm_name(source_));
        const auto targets = BERTH_TRY(targets_of(ctl, source));
        auto from = BERTH_TRY(find_vm(ctl, places_, source_));
        auto lock = BERTH_TRY(lock_.take(ctl, from.place, source.vm));

        Answer answer{.json = nlohmann::json::array()};
        auto line = progress_.line(ctl);
        for (size_t at = 0; at < targets.size() && answer.then; at += k_batch) {
            const std::span batch(targets.data() + at, std::min(k_batch, targets.size() - at));
            answer.then = clone(ctl, from.place, source.vm, batch, lock, line, answer);
        }
        // The answer names the VMs that were made before a fault, beside the fault.
        if (answer.then) answer.then = lock.release();
        return answer;
    }

  private:
    /// Every name is looked up before anything is made.
    Result<std::vector<VmName>> targets_of(Ctl& ctl, const VmName& source) const {
        if (target_.empty() == users_file_.empty())
            return fail(ErrorCode::P06, "give one of a target USER/VM and --users FILE");
        std::vector<VmName> targets;
        if (!users_file_.empty()) {
            auto users = BERTH_TRY(read_users(users_file_));
            for (const auto& user : users) targets.push_back({user, name_.empty() ? source.vm : name_});
        } else {
            const auto target = BERTH_TRY(parse_vm_name(target_));
            targets.push_back(target);
        }
        for (const auto& target : targets) {
            BERTH_TRY(guest::check_vm_name(target.vm));
            BERTH_TRY(ctl.places.credentials_of(target.user));
        }
        return targets;
    }

    Status clone(Ctl& ctl, UserPlace& from, const std::string& vm, std::span<const VmName> targets,
                 HeldLock& lock, Progress::Line& line, Answer& answer) {
        std::vector<CloneJob> jobs;
        for (const auto& target : targets) {
            auto place = BERTH_TRY(places_.open(ctl, target.user, true));
            // A class is cloned again when pupils join later.
            if (!users_file_.empty() && place.ops->lookup(place.ops->root(), target.vm)) {
                answer.lines.push_back(target.text() + ": is there already");
                continue;
            }
            jobs.push_back({std::move(place), target.vm, guest::fresh_uuid(), guest::fresh_mac()});
        }
        BERTH_TRY(clone_vms(from, vm, &lock, jobs, std::ref(line), ctl.clock));
        for (const auto& job : jobs) {
            answer.json.push_back(
                {{"user", job.place.user}, {"vm", job.vm}, {"uuid", job.uuid}, {"mac", job.mac}});
            answer.lines.push_back(fmt::format("{}/{}: made, uuid {}", job.place.user, job.vm, job.uuid));
        }
        return {};
    }

    PlaceArguments places_;
    LockArguments lock_;
    Progress progress_;
    std::string source_, target_, users_file_, name_;
};

}  // namespace

const MakeVerb vm_clone = make_verb<VmClone>;

}  // namespace berth::server
