// SPDX-License-Identifier: GPL-3.0-or-later
// Where the boot tells how far it is: the screen and the provisioner in production, a list in tests.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::boot {

class BootProgress {
  public:
    virtual ~BootProgress() = default;
    /// `name` is one of docs/architecture.md's stages; `percent` -1 where there is none.
    virtual void stage(std::string_view name, int percent = -1) = 0;
    /// A failure that will be tried again, or a fact the operator must see.
    virtual void problem(const Error& error) = 0;
    /// Has the provisioner count that this workstation boots again because of `error`. False: it did not, so
    /// the workstation must not.
    virtual bool count_boot_again(const Error& error) = 0;
};

}  // namespace berth::boot
