// SPDX-License-Identifier: GPL-3.0-or-later
// A session's state file, as it may come back from the provisioner. What is accepted must come back the same
// when written again.
#include <cstdlib>

#include "greeter/session/leftovers/state_store.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
    const auto state = berth::session::parse_state({reinterpret_cast<const char*>(data), size});
    if (!state) return 0;
    const auto again = berth::session::parse_state(berth::session::format_state(*state));
    if (!again || !(*again == *state)) std::abort();
    return 0;
}
