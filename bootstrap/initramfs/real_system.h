// SPDX-License-Identifier: GPL-3.0-or-later
// BootSystem on the real workstation: PID 1 of the initramfs.
#pragma once

#include <memory>

#include "base/clock.h"
#include "bootstrap/initramfs/bootstrap.h"
#include "bootstrap/initramfs/kernel_log.h"
#include "bootstrap/initramfs/modules.h"
#include "bootstrap/initramfs/network.h"
#include "bootstrap/initramfs/screen.h"

namespace berth::boot {

/// proc, sysfs, devtmpfs and a tmpfs at /run. The first thing PID 1 does.
Status mount_api_file_systems();

class RealSystem final : public BootSystem, private NetworkCards {
  public:
    RealSystem(Screen& screen, Clock& clock) : screen_(screen), clock_(clock) {}
    Status network(const BootParameters& parameters) override;
    Result<std::string> image_folder() override;
    Status keep_record(const std::string& text) override;
    Status mount_root(const std::string& root, const std::string& site) override;
    Status switch_root() override;
    Status restart() override;

  private:
    std::vector<Nic> list() override;
    void set_up(const std::string& name) override;
    Status ask_for_address(const std::string& name) override;
    /// Tells missing_firmware_ from that place on.
    void name_firmware(size_t from);
    Status load_drivers();

    Screen& screen_;
    Clock& clock_;
    std::unique_ptr<Modules> modules_;
    bool network_up_ = false;
    KernelLog kernel_log_;
    std::vector<std::string> missing_firmware_;
};

}  // namespace berth::boot
