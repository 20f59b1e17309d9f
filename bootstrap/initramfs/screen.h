// SPDX-License-Identifier: GPL-3.0-or-later
// Lines for people before there is a greeter: on every kernel console and on berth.console, and into the
// kernel log so that the journal has them later.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "bootstrap/initramfs/progress.h"
#include "bootstrap/initramfs/status_post.h"

namespace berth::boot {

class Screen {
  public:
    /// `devices`: another folder than /dev for a test.
    explicit Screen(std::string berth_console, std::string devices = "/dev")
        : console_(std::move(berth_console)), devices_(std::move(devices)) {}
    void set_console(std::string name) { console_ = std::move(name); }
    /// One line. A terminal that cannot be written is passed over; one that blocks (flow control) is not
    /// waited for.
    void line(std::string_view text);

  private:
    std::string console_, devices_;
};

/// Stages and problems to the screen and, when there is a network, to the provisioner.
class ScreenAndPosts final : public BootProgress {
  public:
    ScreenAndPosts(Screen& screen, StatusPoster& poster)
        : screen_(screen), poster_(poster), boot_id_(read_boot_id()) {}
    void stage(std::string_view name, int percent) override;
    void problem(const Error& error) override;
    bool count_boot_again(const Error& error) override;

  private:
    Screen& screen_;
    StatusPoster& poster_;
    std::string boot_id_;
    std::string stage_ = "bootstrap";
    int percent_ = -1;
};

}  // namespace berth::boot
