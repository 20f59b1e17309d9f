// SPDX-License-Identifier: GPL-3.0-or-later
// Drivers for the hardware that is there, as udev would load them: every modalias below /sys/devices through
// libkmod.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

struct kmod_ctx;

namespace berth::boot {

class Modules {
  public:
    /// Those of the running kernel.
    Modules();
    ~Modules();
    Modules(const Modules&) = delete;
    Modules& operator=(const Modules&) = delete;

    /// By name or alias, with what it depends on. False: no such module here, or it refused to load. Built-in
    /// counts as loaded.
    bool load(const std::string& alias);
    /// Loads for each modalias not yet seen. Returns how many were new: call again until none is, for a bus
    /// driver finds devices.
    size_t load_for_hardware();

  private:
    kmod_ctx* context_;
    std::set<std::string> seen_;
};

}  // namespace berth::boot
