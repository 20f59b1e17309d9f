// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/resources/user_files.h"

namespace berth::session {

Status UserFiles::mount(guest::MountOptions options) {
    options_ = std::move(options);
    return remount();
}

Status UserFiles::remount() {
    directory_ = BERTH_TRY(resources_.mount(options_));
    return {};
}

}  // namespace berth::session
