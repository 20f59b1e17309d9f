// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/bootstrap.h"

#include "base/record/machine_record.h"
#include "base/strict_json.h"
#include "bootstrap/initramfs/backoff.h"
#include "bootstrap/initramfs/fetch.h"
#include "bootstrap/initramfs/status_post.h"

namespace berth::boot {
namespace {

const JsonFormat k_kept_record{
    .name = "kept machine record",
    .code = ErrorCode::B08,
    .unknown = JsonFormat::ignore,
    .why = "kept for later programs, which read it as the machine record, as it is"};

Result<MachineRecord> take_record(const BootPlan& plan, BootSystem& system, net::HttpClient& http,
                                  BootProgress& progress) {
    net::HttpTimes times = plan.times;
    times.total = std::chrono::seconds(30);
    auto text = BERTH_TRY(net::fetch_text(http, machine_request(plan.parameters, "record"), times,
                                          k_max_machine_record, ErrorCode::B02));
    auto record = BERTH_TRY(parse_machine_record(text));
    if (record.id != plan.parameters.machine)
        return fail(ErrorCode::B08, "machine record: id {}: must be {}", record.id, plan.parameters.machine);
    for (const auto& error : record.left_out) progress.problem(error);
    // Later programs talk to the provisioner with this boot's token.
    auto value = BERTH_TRY(parse_json(text, k_kept_record));
    if (!plan.parameters.token.empty()) value["boot_token"] = plan.parameters.token;
    BERTH_TRY(system.keep_record(dump_json(value) + "\n"));
    return record;
}

}  // namespace

Status boot_once(const BootPlan& plan, BootSystem& system, net::HttpClient& http, Clock& clock,
                 BootProgress& progress, bool& other_build) {
    other_build = false;
    if (plan.parameters.image.empty())
        return fail(ErrorCode::B09, "berth.image is missing: where is the system?");
    BERTH_TRY(system.network(plan.parameters));
    progress.stage("bootstrap");
    MachineRecord record;
    if (plan.parameters.has_record()) record = BERTH_TRY(take_record(plan, system, http, progress));
    auto folder = BERTH_TRY(system.image_folder());
    FetchOrder order{
        .url = plan.parameters.image,
        .kind = ManifestKind::image,
        .key = plan.trust.key,
        .minimum_version = version_floor(record.minimum_version, record.allow_older, plan.trust.version),
        .build_version = record.allow_older ? 0 : plan.trust.version,
        .file = "root.squashfs",
        .folder = folder,
        .times = plan.times};
    auto root = fetch_verified(order, http, clock, progress);
    const auto refuse = [&](const FetchFailure& failure) {
        other_build = failure.other_build;
        return fail(failure.error);
    };
    if (!root) return refuse(root.error());
    std::string site_path;
    if (!plan.parameters.site.empty()) {
        order.url = plan.parameters.site;
        order.kind = ManifestKind::site;
        order.minimum_version = order.build_version = 0;  // Site archives have numbers of their own.
        order.file = "site.squashfs";
        auto site = fetch_verified(order, http, clock, progress);
        if (!site) return refuse(site.error());
        site_path = site->path;
    }
    BERTH_TRY(system.mount_root(root->path, site_path));
    progress.stage("root");
    return system.switch_root();
}

void boot_until_it_works(const BootPlan& plan, BootSystem& system, net::HttpClient& http, Clock& clock,
                         BootProgress& progress, std::optional<unsigned> attempts) {
    Backoff pause;
    for (unsigned n = 0; !attempts || n < *attempts; ++n) {
        bool other_build = false;
        const Status status = boot_once(plan, system, http, clock, progress, other_build);
        if (status) return;
        progress.problem(status.error());
        if (other_build && progress.count_boot_again(status.error())) {
            const Status restarted = system.restart();
            if (restarted) return;
            progress.problem(restarted.error());
        }
        clock.sleep(pause.next());
    }
}

}  // namespace berth::boot
