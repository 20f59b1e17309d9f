// SPDX-License-Identifier: GPL-3.0-or-later
// For the programs through whose hands a password goes; see also wiping_heap.cpp.
#pragma once

namespace berth::protocol {

/// No core dump, no ptrace by another, and memory never swapped: what is mapped now, with a heap grown ahead, and
/// what comes later where RLIMIT_MEMLOCK is large enough that no allocation fails by it. Call first thing.
void protect_memory();

}  // namespace berth::protocol
