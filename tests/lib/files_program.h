// SPDX-License-Identifier: GPL-3.0-or-later
// berth-files as an image has it, for tests: as a user who owns nothing. Only on a machine of their own
// (own-machine): its /run is the test's alone.
#pragma once

#include <filesystem>

#include "files/helper/files_helper.h"

namespace berth::test {

inline constexpr unsigned k_files_uid = 65534;

/// A copy, for the checkout may be where that user may not look.
inline files::FilesProgram files_program() {
    const std::filesystem::path copy = "/run/berth-files";
    std::filesystem::copy_file(BERTH_FILES, copy, std::filesystem::copy_options::update_existing);
    return {copy, k_files_uid, k_files_uid};
}

}  // namespace berth::test
