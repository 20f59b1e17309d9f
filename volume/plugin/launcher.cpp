// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/plugin/launcher.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/output.h"

namespace berth::volume {
namespace {

Result<VolumeConfig> load(const std::string& file) {
    auto text = BERTH_TRY(read_file(file));
    return parse_volume_config(text);
}

}  // namespace

std::vector<std::string> nbdkit_arguments(const NbdkitPaths& paths, const std::string& config_file,
                                          const VolumeConfig& config) {
    const std::string socket = config.run_dir + "/nbd.sock";
    return {paths.nbdkit, "--foreground",          "--threads",    "32", "--unix", socket,
            paths.plugin, "config=" + config_file, "nbd=" + socket};
}

int launch_volume(int argc, char** argv) {
    CLI::App app{"Serves the disks of one VM from its file server (becomes nbdkit with Berth's plugin)"};
    NbdkitPaths paths;
    std::string file;
    app.add_option("--config", file, "volume.json")->required();
    app.add_option("--nbdkit", paths.nbdkit, "nbdkit")->envname("BERTH_NBDKIT");
    app.add_option("--plugin", paths.plugin, "nbdkit-berth-plugin.so")->envname("BERTH_NBDKIT_PLUGIN");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return print_usage(app, e);
    }

    auto config = load(file);
    if (!config) {
        complain("berth-volume: {}\n", config.error().to_log());
        return 1;
    }
    auto arguments = nbdkit_arguments(paths, file, *config);
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    // nbdkit binds its socket by the umask; what a dead predecessor left would be in the way.
    ::umask(0117);
    ::unlink((config->run_dir + "/nbd.sock").c_str());
    ::execv(pointers[0], pointers.data());
    complain("berth-volume: {}: {}\n", pointers[0], std::strerror(errno));
    return 1;
}

}  // namespace berth::volume
