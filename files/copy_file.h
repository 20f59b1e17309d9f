// SPDX-License-Identifier: GPL-3.0-or-later
// Copies of disk images between directories, wherever each is (LocalOps, NfsSession): sparse, and by reflink
// (FICLONE, ioctl_ficlone(2)) where both are of one local file system that can.
#pragma once

#include <functional>

#include "base/clock.h"
#include "files/file_ops.h"

namespace berth::files {

/// At most `length` bytes at `offset`; fewer only at the end.
using ReadAt = std::function<Result<std::string>(uint64_t offset, uint32_t length)>;
/// Called each few MiB with how far the copy is; its error ends the copy and is returned.
using CopyStep = std::function<Status(uint64_t done)>;

/// The bytes from `begin` to `end`, once: written, committed, all under one verifier. M10: the server was
/// restarted meanwhile, they have to be sent again. Runs of zeros are not written.
Status copy_stretch(const ReadAt& source, FileOps& to, const FileHandle& target, uint64_t begin,
                    uint64_t end);

/// How long a copy asks a server again that does not answer.
inline constexpr Duration k_copy_patience = std::chrono::minutes(2);

/// Copies the bytes from `begin` to `end` into `target`, which reads as zeros there or as the same bytes.
/// Runs of zeros are not written. What the server lost between WRITE and COMMIT (another verifier) is sent
/// again; a server that does not answer is asked again for `patience`. Returns when all is committed.
Status copy_range(const ReadAt& source, FileOps& to, const FileHandle& target, uint64_t begin, uint64_t end,
                  const CopyStep& step, Clock& clock, Duration patience = k_copy_patience);

/// The same for a file of `size` bytes, which `target` gets too. Between two LocalOps the copy is in the
/// page cache only, until LocalOps::commit or sync.
Status copy_file(FileOps& from, const FileHandle& source, FileOps& to, const FileHandle& target,
                 uint64_t begin, uint64_t size, const CopyStep& step, Clock& clock);

/// Calls `write` for each run of `data` that holds more than zeros, cut at multiples of `grain`. Pure but for
/// what `write` does.
Status each_data_run(std::string_view data, size_t grain,
                     const std::function<Status(size_t at, std::string_view run)>& write);

}  // namespace berth::files
