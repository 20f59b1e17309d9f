// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/integration/plugin/world.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include "tests/lib/locked_vm.h"

namespace {

struct World {
    berth::test::LockedVm vm;
    const std::string config = vm.server.folder() / "volume.json";
};
std::unique_ptr<World> world;

}  // namespace

int world_begin() {
    try {
        world = std::make_unique<World>();
        std::ofstream(world->config) << format_volume_config(world->vm.config);
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return -1;
    }
}

void world_end() {
    world.reset();
}

const char* world_config() {
    return world->config.c_str();
}

void world_read(const char* disk, uint64_t offset, char* to, size_t count) {
    std::memset(to, '-', count);
    std::ifstream in(world->vm.file(disk), std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    in.read(to, static_cast<std::streamsize>(count));
}

uint64_t world_size(const char* disk) {
    return std::filesystem::file_size(world->vm.file(disk));
}
