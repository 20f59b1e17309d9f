// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lib/run_under.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace berth::test {

int run_under(int argc, char** argv, const char* variable, const std::vector<std::string>& wrapper) {
    testing::InitGoogleTest(&argc, argv);
    if (getenv(variable) != nullptr || testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
    std::vector<std::string> arguments = wrapper;
    arguments.front() = std::string(BERTH_SOURCE_DIR) + "/tests/lib/" + wrapper.front();
    arguments.push_back(std::filesystem::read_symlink("/proc/self/exe"));
    arguments.push_back("--gtest_filter=" + testing::GTEST_FLAG(filter));
    if (!testing::GTEST_FLAG(output).empty())
        arguments.push_back("--gtest_output=" + testing::GTEST_FLAG(output));
    std::vector<char*> pointers;
    for (auto& a : arguments) pointers.push_back(a.data());
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    perror(pointers[0]);
    return 125;
}

}  // namespace berth::test
