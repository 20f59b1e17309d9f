// SPDX-License-Identifier: GPL-3.0-or-later
// What an import reads of files from elsewhere (server/vmtools/ovf.h, tar_index.h, image_source.h): whatever comes,
// no crash; what is accepted stays inside the appliance and inside its ranges.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/vmtools/image_source.h"
#include "server/vmtools/ovf.h"
#include "server/vmtools/tar_index.h"

namespace {

using namespace berth;

void must(bool condition) {
    if (!condition) std::abort();
}

void ovf(std::string_view text) {
    const auto machine = server::parse_ovf(text, "x.ovf");
    if (!machine) {
        must(code_name(machine.error().code()) == "BERTH-P25" &&
             machine.error().detail().starts_with("x.ovf"));
        return;
    }
    must(machine->cpus >= 1 && machine->cpus <= 128);
    must(machine->memory >= 16ULL << 20 && machine->memory <= 4ULL << 40 && machine->memory % (1 << 20) == 0);
    must(!machine->disks.empty() && machine->disks.size() <= 32);
    for (const auto& disk : machine->disks)
        must(!disk.file.empty() && disk.file != ".." && disk.file.find('/') == std::string::npos);
}

void archive(std::string_view bytes) {
    const auto members = server::read_tar_index(
        [&](uint64_t offset, size_t length) -> Result<std::string> {
            return std::string(bytes.substr(std::min<uint64_t>(offset, bytes.size()), length));
        },
        bytes.size(), "x.ova");
    if (!members) return;
    for (const auto& m : *members) {
        must(!m.name.empty() && m.offset <= bytes.size() && m.size <= bytes.size() - m.offset);
        if (m.name.ends_with(".ovf")) ovf(bytes.substr(m.offset, m.size));
    }
}

void head(std::string_view bytes) {
    if (const auto format = server::format_of(bytes)) (void)server::check_image_head(*format, bytes, "x");
    (void)server::check_image_head(server::ImageFormat::qcow2, bytes, "x");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    ovf(bytes);
    archive(bytes);
    head(bytes.substr(0, server::k_image_head));
    return 0;
}
