// SPDX-License-Identifier: GPL-3.0-or-later
// The HTTP status that a failure is answered with (RFC 9110 15.5, 15.6): it follows from the condition alone.
#pragma once

#include "base/result.h"

namespace berth::server {

int http_status(Condition condition);

}  // namespace berth::server
