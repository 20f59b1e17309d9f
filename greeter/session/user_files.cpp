// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/user_files.h"

namespace berth::session {

Status UserFiles::mount(guest::MountOptions options) {
    options_ = std::move(options);
    return remount();
}

Status UserFiles::remount() {
    auto directory = resources_.mount(options_);
    if (!directory) return fail(directory.error());
    directory_ = std::move(*directory);
    return {};
}

}  // namespace berth::session
