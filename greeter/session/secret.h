// SPDX-License-Identifier: GPL-3.0-or-later
// A password's bytes: never swapped out (mlock(2)) nor dumped (madvise(2) MADV_DONTDUMP), wiped when it goes.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace berth::session {

class Secret {
  public:
    Secret() = default;
    /// Copies `text` into memory of its own. I01 when such memory cannot be had.
    static Result<Secret> from(std::string_view text);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    std::string_view view() const { return {data_, size_}; }
    void wipe();

  private:
    char* data_ = nullptr;
    size_t size_ = 0, mapped_ = 0;
};

/// Makes the whole process fit to hold secrets: no core dump, no ptrace by others (PR_SET_DUMPABLE 0), every
/// page locked as it is first used (mlockall(2) MCL_ONFAULT), and the C library overwrites each block of
/// memory when it is freed (M_PERTURB), so that copies made inside parsers and PAM modules do not outlive
/// their use. Call once, before the first secret.
Status protect_process_memory();

}  // namespace berth::session
