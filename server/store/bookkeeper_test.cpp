// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/store/bookkeeper.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/testing/recording_report.h"

namespace berth::server {
namespace {

Job job(std::function<Status()> run, std::function<void()> dropped = {}) {
    return {"test", std::move(run), std::move(dropped)};
}

TEST(Bookkeeper, runs_jobs_in_order_and_tries_a_failed_one_again) {
    RecordingReport report;
    std::vector<int> ran;
    std::promise<void> done;
    int failures = 1;
    Bookkeeper books(report);
    books.add(job([&]() -> Status {
        ran.push_back(1);
        return failures-- > 0 ? Status(fail(ErrorCode::P04)) : Status();
    }));
    books.add(job([&]() -> Status {
        ran.push_back(2);
        done.set_value();
        return {};
    }));
    done.get_future().wait();
    EXPECT_EQ(ran, (std::vector<int>{1, 1, 2}));
    EXPECT_TRUE(report.has("bookkeeping failed"));
}

TEST(Bookkeeper, finishes_at_its_end_and_gives_up_at_the_first_failure) {
    RecordingReport report;
    int ran = 0;
    std::promise<void> begun, go_on;
    {
        Bookkeeper books(report);
        books.add(job([&]() -> Status {
            begun.set_value();
            go_on.get_future().wait();
            return {};
        }));
        begun.get_future().wait();
        for (int i = 0; i < 3; ++i)
            books.add(job([&, i]() -> Status {
                ++ran;
                return i < 1 ? Status() : Status(fail(ErrorCode::P04));
            }));
        go_on.set_value();
    }
    EXPECT_GE(ran, 2);
    EXPECT_TRUE(report.has("bookkeeping lost"));
}

TEST(Bookkeeper, drops_the_oldest_that_waits_beyond_its_bound) {
    RecordingReport report;
    std::vector<int> dropped;
    std::promise<void> begun, go_on;
    Bookkeeper books(report);
    books.add(job([&]() -> Status {
        begun.set_value();
        go_on.get_future().wait();
        return {};
    }));
    begun.get_future().wait();
    for (int i = 1; i <= static_cast<int>(k_max_jobs) + 1; ++i)
        books.add(job([] { return Status(); }, [&dropped, i] { dropped.push_back(i); }));
    EXPECT_EQ(dropped, (std::vector<int>{1, 2}));
    EXPECT_TRUE(report.has("bookkeeping dropped"));
    go_on.set_value();
}

TEST(Bookkeeper, takes_whatever_a_job_throws_as_its_failure) {
    RecordingReport report;
    std::promise<void> done;
    int tries = 0;
    Bookkeeper books(report);
    books.add(job([&]() -> Status {
        if (++tries == 1) throw 7;
        if (tries == 2) throw std::bad_alloc();
        done.set_value();
        return {};
    }));
    done.get_future().wait();
    EXPECT_EQ(tries, 3);
    EXPECT_TRUE(report.has("bookkeeping failed"));
}

}  // namespace
}  // namespace berth::server
