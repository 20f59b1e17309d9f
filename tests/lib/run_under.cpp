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
    const std::string lib = BERTH_SOURCE_DIR "/tests/lib/";
    std::vector<std::string> arguments;
    if (getenv("BERTH_OWN_MACHINE") == nullptr) arguments.push_back(lib + "own-machine");
    if (!wrapper.empty()) arguments.push_back(lib + wrapper.front());
    arguments.insert(arguments.end(), wrapper.begin() + (wrapper.empty() ? 0 : 1), wrapper.end());
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
