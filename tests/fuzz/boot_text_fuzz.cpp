// SPDX-License-Identifier: GPL-3.0-or-later
// The line formats that early boot and setup read: kernel command line, ipconfig's file, kernel log, leases,
// chronyc, cpuinfo.
#include <cstdlib>

#include "base/record/boot_record.h"
#include "base/record/command_line.h"
#include "base/text.h"
#include "bootstrap/initramfs/boot_parameters.h"
#include "bootstrap/initramfs/kernel_log.h"
#include "bootstrap/initramfs/nic.h"
#include "bootstrap/setup/clock_state.h"
#include "bootstrap/setup/hardware_facts.h"

using namespace berth::boot;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto p = parse_boot_parameters(text)) {
        // A console is a plain name below /dev, an id is one part of a path.
        if (p->console.find('/') != std::string::npos || p->machine.find('/') != std::string::npos) abort();
        if (!p->image.empty() && !p->image.starts_with("http")) abort();
        if (!p->mac.empty() && berth::normal_mac(p->mac) != p->mac) abort();
    }
    for (char c : resolv_conf(text))
        if (c != '\n' && (c < ' ' || c > '~')) abort();
    (void)missing_firmware(text);
    for (const auto& server : ntp_of_lease(text))
        if (server.find_first_of(" \n;#") != std::string::npos) abort();
    (void)clock_state(text, std::chrono::seconds(1));
    (void)parse_cpuinfo(text);
    (void)parse_memory_mib(text);
    // What firmware and tools say can be posted.
    const berth::KvmFacts kvm{.usable = false, .why = std::string(text)};
    const auto facts =
        hardware_facts({{.path = std::string(text), .partitions = {}}}, kvm, "/nowhere", {std::string(text)});
    for (unsigned char c : facts.dump())
        if (c < ' ' || c == 0x7f) abort();
    (void)parse_kvm_probe(text);
    if (auto found = berth::parse_boot_record(text)) {
        auto again = berth::parse_boot_record(berth::format_boot_record(*found));
        // A text that is no UTF-8 is no JSON: nothing is replaced.
        if (!again || *again != *found) abort();
    }
    if (const auto values = berth::command_line_values(text); !values.empty())
        (void)berth::command_line_value(text, values.front().first);
    return 0;
}
