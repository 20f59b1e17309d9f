// SPDX-License-Identifier: GPL-3.0-or-later
// These tests run beside a libvirtd of their own: the program starts itself again under
// tests/lib/with-libvirt.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (getenv("BERTH_LIBVIRTD") == nullptr && !testing::GTEST_FLAG(list_tests)) {
        const std::string with_libvirt = std::string(BERTH_SOURCE_DIR) + "/tests/lib/with-libvirt";
        const std::string filter = "--gtest_filter=" + testing::GTEST_FLAG(filter);
        const std::string output = "--gtest_output=" + testing::GTEST_FLAG(output);
        std::vector<const char*> arguments{with_libvirt.c_str(), "--net", "/proc/self/exe", filter.c_str()};
        std::string self(4096, '\0');
        const ssize_t length = readlink("/proc/self/exe", self.data(), self.size());
        if (length < 0) return 125;
        self.resize(static_cast<size_t>(length));
        arguments[2] = self.c_str();
        if (!testing::GTEST_FLAG(output).empty()) arguments.push_back(output.c_str());
        arguments.push_back(nullptr);
        execv(arguments[0], const_cast<char* const*>(arguments.data()));
        perror(arguments[0]);
        return 125;
    }
    return RUN_ALL_TESTS();
}
