// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>

#include "base/fd.h"

namespace berth::supervisor {
namespace {

/// A program with a guard, whose deed is a byte in a pipe; all of them close it when they end.
class Guarded {
  public:
    explicit Guarded(const std::function<void(Child&)>& life) {
        std::array<int, 2> ends{};
        EXPECT_EQ(pipe(ends.data()), 0);
        read_ = UniqueFd(ends[0]);
        UniqueFd write_end(ends[1]);
        pid_ = fork();
        if (pid_ == 0) {
            auto guard = start_guard([&] { (void)!write(write_end.get(), "d", 1); });
            if (guard) life(*guard);
            _exit(0);
        }
    }
    /// What was written once the program and its guard are gone.
    std::string deeds() {
        std::string all;
        std::array<char, 16> some{};
        for (ssize_t n = 0; (n = read(read_.get(), some.data(), some.size())) > 0;)
            all.append(some.data(), static_cast<size_t>(n));
        EXPECT_EQ(waitpid(pid_, nullptr, 0), pid_);
        return all;
    }

  private:
    UniqueFd read_;
    pid_t pid_ = -1;
};

TEST(Guard, does_its_deed_when_the_program_is_killed) {
    EXPECT_EQ(Guarded([](Child&) { raise(SIGKILL); }).deeds(), "d");
}

TEST(Guard, does_nothing_when_the_program_ends_it) {
    EXPECT_EQ(Guarded([](Child& guard) { guard = Child(); }).deeds(), "");
}

}  // namespace
}  // namespace berth::supervisor
