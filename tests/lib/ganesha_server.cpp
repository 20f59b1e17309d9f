// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lib/ganesha_server.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "base/spawn.h"

namespace berth::test {

GaneshaServer::GaneshaServer(std::vector<std::string> options) : options_(std::move(options)) {
    char name[] = "/tmp/berth-ganesha-XXXXXX";
    if (!mkdtemp(name)) throw std::runtime_error("mkdtemp");
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    std::filesystem::create_directory(exported());
    std::filesystem::create_directory(shared());
    start(options_);
}

GaneshaServer::~GaneshaServer() {
    try {
        stop();
        std::filesystem::remove_all(folder_);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
    }
}

std::string GaneshaServer::script(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), BERTH_SOURCE_DIR "/tests/lib/ganesha");
    SpawnOptions spawn_options;
    spawn_options.arguments = std::move(arguments);
    auto output = run_checked(spawn_options, std::chrono::seconds(60));
    if (!output) throw std::runtime_error(output.error().detail());
    return *output;
}

void GaneshaServer::start(std::vector<std::string> options) {
    std::vector<std::string> arguments = {"start", exported(), folder_ / "state", "--shared", shared()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    unsigned nfs = 0, mount = 0;
    if (std::sscanf(script(arguments).c_str(), "nfs_port=%u mount_port=%u", &nfs, &mount) != 2)
        throw std::runtime_error("unexpected answer of tests/lib/ganesha");
    nfs_port_ = static_cast<uint16_t>(nfs);
    mount_port_ = static_cast<uint16_t>(mount);
}

void GaneshaServer::stop() {
    script({"stop", folder_ / "state"});
}
void GaneshaServer::pause() {
    script({"pause", folder_ / "state"});
}
void GaneshaServer::resume() {
    script({"resume", folder_ / "state"});
}

NfsLocation GaneshaServer::location(const std::string& below) const {
    return {"127.0.0.1", below.empty() ? exported() : exported() / below, nfs_port_, mount_port_};
}

NfsLocation GaneshaServer::shared_location() const {
    return {"127.0.0.1", shared(), nfs_port_, mount_port_};
}

}  // namespace berth::test
