// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/testing/code_of.h"

namespace berth {
namespace {

using std::chrono::seconds;

TEST(Spawn, gives_output_and_exit_code) {
    auto output = run({.arguments = {"/bin/sh", "-c", "cat; echo bad >&2; exit 3"}}, seconds(10), "good");
    ASSERT_TRUE(output);
    EXPECT_EQ(output->exit_code, 3);
    EXPECT_EQ(output->out, "good");
    EXPECT_EQ(output->err, "bad\n");
}

TEST(Spawn, reports_a_program_that_is_missing) {
    auto child = spawn({.arguments = {"/nonexistent/program"}});
    ASSERT_FALSE(child);
    EXPECT_EQ(code_of(child), "BERTH-I02");
}

TEST(Spawn, ends_a_program_that_takes_too_long) {
    auto output = run({.arguments = {"/bin/sleep", "100"}}, std::chrono::milliseconds(50));
    ASSERT_FALSE(output);
    EXPECT_EQ(code_of(output), "BERTH-I05");
}

TEST(Spawn, passes_only_the_named_descriptors) {
    UniqueFd leak(open("/dev/null", O_RDWR));  // not close-on-exec on purpose
    UniqueFd wanted(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    auto output = run({.arguments = {"/bin/sh", "-c", "echo /proc/$$/fd/*; readlink /proc/self/fd/7"},
                       .descriptors = {{7, wanted.get()}}},
                      seconds(10));
    ASSERT_TRUE(output);
    EXPECT_TRUE(output->out.ends_with("/fd/7\n/dev/zero\n")) << output->out;
    EXPECT_EQ(std::count(output->out.begin(), output->out.end(), '/'), 4 * 5 + 2)
        << output->out;  // 0, 1, 2, the shell's own 3, 7
}

TEST(Spawn, passes_only_the_named_environment) {
    auto output = run({.arguments = {"/usr/bin/env"}, .environment = {{"PATH", "/bin"}, {"TERM", "linux"}}},
                      seconds(10));
    ASSERT_TRUE(output);
    EXPECT_EQ(output->out, "PATH=/bin\nTERM=linux\n");
}

TEST(Spawn, kills_a_child_that_nobody_waits_for) {
    pid_t pid = 0;
    {
        auto child = spawn({.arguments = {"/bin/sleep", "100"}});
        ASSERT_TRUE(child);
        pid = child->pid();
    }
    EXPECT_NE(kill(pid, 0), 0);
}

TEST(Spawn, names_program_code_and_last_error_line) {
    auto text =
        run_checked({.arguments = {"/bin/sh", "-c", "echo one >&2; echo two >&2; exit 4"}}, seconds(10));
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().detail(), "/bin/sh ended with code 4: two");
}

}  // namespace
}  // namespace berth
