// SPDX-License-Identifier: GPL-3.0-or-later
// machine.toml (guest/machine_config.h): whatever comes, no crash; what is accepted stays inside the
// VM's directory and becomes a domain whose XML holds nothing but what we meant.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "guest/domain_facts.h"
#include "guest/machine_config.h"

namespace {

using namespace berth::guest;

void must(bool condition) {
    if (!condition) std::abort();
}

void check_path(const std::string& path) {
    must(!path.empty() && path.front() != '/' && path.size() <= 255);
    must(("/" + path + "/").find("/../") == std::string::npos);
    must(path.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto config = parse_machine_config({reinterpret_cast<const char*>(data), size}, "machine.toml");
    if (!config) {
        const std::string& text = config.error().detail();
        must(text.starts_with("machine.toml"));
        return 0;
    }
    must(config->cpus >= 1 && config->cpus <= 128 && !config->disks.empty() && config->disks.size() <= 32);
    if (const auto size = config->screen.resolution)
        must(size->width >= k_least_resolution.width && size->width <= k_largest_resolution.width &&
             size->height >= k_least_resolution.height && size->height <= k_largest_resolution.height);
    must(config->sound == Sound::none || config->screen.model != ScreenModel::none);
    for (const Disk& disk : config->disks) {
        must(disk.swap.has_value() == (disk.role == DiskRole::swap));
        if (!disk.swap) check_path(disk.path);
        if (disk.swap) must(disk.swap->size >= k_min_swap && disk.swap->size <= k_max_swap);
        if (disk.swap && disk.swap->content == SwapContent::from_template)
            check_path(disk.swap->template_path);
    }
    if (!config->nvram.empty()) check_path(config->nvram);
    const auto xml = domain_xml(*config, {.domain_name = "vm",
                                          .nbd_socket = "/run/nbd.sock",
                                          .console_socket = "/run/console.sock",
                                          .screen_socket = "/run/screen.sock",
                                          .monitor = Resolution{1920, 1080},
                                          .network_bridge = "br0",
                                          .nat_network = "",
                                          .firmware_code = "/code",
                                          .nvram_copy = "/nvram",
                                          .host_memory = UINT64_MAX,
                                          .host_cpus = 128});
    must(xml.has_value());
    const auto facts = read_domain_facts(*xml);
    must(facts.has_value() && facts->uuid == config->uuid && facts->console_socket == "/run/console.sock");
    return 0;
}
