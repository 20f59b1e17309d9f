// SPDX-License-Identifier: GPL-3.0-or-later
// What this workstation is, as the status post says it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/record/boot_record.h"
#include "bootstrap/setup/data_partition.h"

namespace berth::boot {

/// berth-kvm-probe's answer; anything else is "not usable" and says so.
KvmFacts parse_kvm_probe(std::string_view text);

struct CpuFacts {
    std::string model;
    unsigned cores = 0;
};
/// From /proc/cpuinfo's text.
CpuFacts parse_cpuinfo(std::string_view text);
/// MemTotal of /proc/meminfo's text.
uint64_t parse_memory_mib(std::string_view text);

/// At most so many disks and so many cards are told.
inline constexpr size_t k_most_listed = 64;

/// `facts` of a status post, read from the workstation below `root`, in a form that the provisioner takes as
/// it is: what hardware and firmware make odd (a card without a MAC of Ethernet's form, a text with control
/// characters or too long, a number that is not known) is left out or changed, and their member `left_out`
/// says so, behind what the caller left out.
nlohmann::json hardware_facts(const std::vector<DiskFacts>& disks, const KvmFacts& kvm,
                              const std::string& root = "", std::vector<std::string> left_out = {});

/// Their member `data`: where /var/lib/berth is, and why.
nlohmann::json data_facts(const DataPlace& place);

}  // namespace berth::boot
