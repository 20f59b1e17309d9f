// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace berth {

/// A field of a message that is always true: a descriptor rides on the frame (base/message.h).
struct Descriptor {
    bool operator==(const Descriptor&) const = default;
};

}  // namespace berth
