// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/random.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <set>
#include <vector>

namespace berth {
namespace {

TEST(Random, hex_is_two_digits_a_byte_and_new_each_time) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; i++) {
        const std::string text = random_hex(16);
        EXPECT_EQ(text.size(), 32u);
        EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
        EXPECT_TRUE(seen.insert(text).second);
    }
    EXPECT_EQ(random_hex(0), "");
}

TEST(Random, fills_more_than_the_kernel_gives_at_once) {
    // getrandom(2): beyond 256 bytes it may be interrupted; at most 32 MiB - 1 come of one call.
    std::vector<unsigned char> bytes(33 << 20);
    random_bytes(bytes.data(), bytes.size());
    size_t zeros = 0;
    for (size_t i = bytes.size() - (1 << 20); i < bytes.size(); i++) zeros += bytes[i] == 0;
    EXPECT_GT(zeros, 2000u);
    EXPECT_LT(zeros, 8000u) << "of 2^20 bytes 4096 are zero";
}

TEST(Random, numbers_have_all_their_bits) {
    uint32_t ones = 0, both = ~0u;
    for (int i = 0; i < 200; i++) {
        const auto n = random_number<uint32_t>();
        ones |= n;
        both &= n;
    }
    EXPECT_EQ(ones, ~0u);
    EXPECT_EQ(both, 0u);
}

void forbid_getrandom() {
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{std::size(rules), rules};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

void ask_a_kernel_that_gives_none() {
    forbid_getrandom();
    (void)random_hex(16);
}

TEST(RandomDeathTest, a_kernel_that_gives_no_random_numbers_ends_the_program) {
    EXPECT_DEATH(ask_a_kernel_that_gives_none(), "getrandom: Function not implemented");
}

}  // namespace
}  // namespace berth
