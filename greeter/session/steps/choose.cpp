// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/steps/choose.h"

#include "base/plain_text.h"
#include "base/text.h"

namespace berth::session {
namespace {

/// More rows than that the greeter takes for nonsense (greeter/protocol/protocol.h).
constexpr size_t k_most_vms = 256;

}  // namespace

Status ChooseStep::make_from_template(const guest::MountOptions& user) {
    const ClientConfig& client = session_.config.client;
    auto source = parse_location(client.template_vm);
    if (!source) return fail(ErrorCode::I04, "vm.template \"{}\": must be server:/path", client.template_vm);
    source->nfs_port = client.locate.nfs_port;
    source->mount_port = client.locate.mount_port;
    const auto progress = [this](const std::string&, uint64_t done, uint64_t size) -> Status {
        session_.tell_progress(fmt::format("Making your virtual machine: {} of {} MiB", done >> 20,
                                           (size + (1 << 20) - 1) >> 20));
        return session_.seams.front_end.stopping() ? Status(fail(ErrorCode::L05)) : Status{};
    };
    return session_.seams.resources.make_from_template(user, *source, session_.config.owner.client, progress);
}

Result<std::vector<std::string>> ChooseStep::list_or_make(UserFiles& files, BootTime deadline) {
    UserFiles::Bound bound(files, deadline);
    auto vms = files->list_vms();
    if (!vms || !vms->empty() || session_.config.client.template_vm.empty()) return vms;
    BERTH_TRY(make_from_template(files.options()));
    bound.renew(session_.seams.clock.now() + facts.deadline);
    return files->list_vms();
}

Result<Chosen> ChooseStep::run(Mounted home, BootTime deadline) {
    auto vms = BERTH_TRY(list_or_make(*home.files, deadline));
    if (vms.empty()) return fail(ErrorCode::M31, "{}:{}", home.location.server, home.location.directory);
    FrontEnd& front_end = session_.seams.front_end;
    if (vms.size() > k_most_vms) {
        front_end.say(MessageStyle::info,
                      fmt::format("You have {} virtual machines: the first {} of them are listed.",
                                  vms.size(), k_most_vms));
        vms.resize(k_most_vms);
    }
    size_t chosen = 0;
    if (vms.size() > 1) {
        chosen = BERTH_TRY(front_end.choose("Which virtual machine do you want to use?", vms, 0));
    }
    const std::string& name = vms[chosen];
    // It has to come back the same from the session's state file and the volume engine's configuration.
    if (!is_plain_text(name))
        return fail(ErrorCode::M33,
                    "the name of its folder, \"{}\", must be UTF-8 without control characters",
                    printable(name, 255));
    session_.record.vm = name;
    return Chosen{std::move(home), name};
}

}  // namespace berth::session
