// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/vm/place_arguments.h"

#include "files/helper/files_helper.h"

namespace berth::server {
namespace {

constexpr unsigned k_nobody = 65534;

/// For root it runs as the image's user for it, or as one who owns nothing.
std::shared_ptr<files::FilesHelper> files_helper(const std::string& path, Report& report) {
    auto program = files::files_program(path, "_berth-files");
    if (!program) program = files::files_program(path, "nobody");
    if (!program) program = files::FilesProgram{path, k_nobody, k_nobody};
    return std::make_shared<files::FilesHelper>(*program, report);
}

}  // namespace

PlaceArguments::PlaceArguments(CLI::App& command) : files_program_(files::installed_files_program()) {
    auto* directory = command.add_option("--directory", options_.directory,
                                         "directory of this host that holds a folder for each user");
    command.add_option("--server", options_.server, "the same by NFS: server:/path")->excludes(directory);
    command.add_option("--shared", options_.shared, "the shared tree: a directory here, or server:/path");
    command.add_option("--nfs-port", options_.nfs_port, "0: ask the port mapper");
    command.add_option("--mount-port", options_.mount_port, "0: ask the port mapper");
    command.add_option("--files-program", files_program_, "berth-files, which speaks to the server")
        ->envname("BERTH_FILES")
        ->capture_default_str();
}

const PlaceOptions& PlaceArguments::options(Ctl& ctl) {
    if (!options_.files) options_.files = files_helper(files_program_, ctl.report);
    options_.times = ctl.lock_times;
    return options_;
}

Result<UserPlace> PlaceArguments::open(Ctl& ctl, const std::string& user, bool make) {
    return ctl.places.open(options(ctl), user, make, ctl.clock, ctl.report);
}

Result<std::vector<std::string>> PlaceArguments::users(Ctl& ctl) {
    return ctl.places.users(options(ctl));
}

void add_vm_name(CLI::App& command, std::string& name) {
    command.add_option("VM", name, "USER/VM")->required();
}

Result<FoundVm> find_vm(Ctl& ctl, PlaceArguments& places, const std::string& name) {
    auto parsed = BERTH_TRY(parse_vm_name(name));
    auto place = BERTH_TRY(places.open(ctl, parsed.user));
    BERTH_TRY(find_vm(place, parsed.vm));
    return FoundVm{std::move(parsed), std::move(place)};
}

}  // namespace berth::server
