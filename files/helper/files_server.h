// SPDX-License-Identifier: GPL-3.0-or-later
// berth-files: answers the calls of a root program (wire.h) with NfsSessions. It may be taken over by the
// file server whose replies it decodes, so it has a user of its own, one capability (CAP_NET_BIND_SERVICE,
// for a source port below 1024), and a seccomp filter that leaves it TCP connections and the two sockets that
// it inherited: no files, no other programs, no signals to anybody. One thread, and one for each look-up of a
// name, which the root program does for it.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace berth::files {

/// Frames of calls and replies (SOCK_STREAM); questions for a server's addresses (SOCK_SEQPACKET).
inline constexpr int k_files_calls_fd = 3, k_files_addresses_fd = 4;

/// Until the calls' end. I03: a request that is not valid.
Status serve_files(UniqueFd calls, UniqueFd addresses);

/// Drops, for this process and for good, every right that serve_files() does not need: seccomp(2), no new privileges,
/// no new files, 512 MiB of address space, 64 descriptors, no core dump. I01.
Status enter_files_sandbox();

/// The program: sandbox, then serve. The exit code.
int run_files();

}  // namespace berth::files
