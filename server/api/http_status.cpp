// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/api/http_status.h"

namespace berth::server {

int http_status(Condition condition) {
    switch (condition) {
        case Condition::invalid:
            return 400;
        case Condition::refused:
            return 403;
        case Condition::absent:
            return 404;
        case Condition::unsupported:
            return 405;
        case Condition::exists:
            return 409;
        case Condition::too_large:
            return 413;
        case Condition::busy:
            return 503;
        case Condition::full:
            return 507;
        // The sender can do nothing about these.
        case Condition::unreachable:
        case Condition::no_answer:
        case Condition::stale:
        case Condition::changed:
        case Condition::lost:
        case Condition::unsaved:
        case Condition::cancelled:
        case Condition::other:
            return 500;
    }
    return 500;
}

}  // namespace berth::server
