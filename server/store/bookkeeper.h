// SPDX-License-Identifier: GPL-3.0-or-later
// What a boot leaves to be written is written behind its answer: a locked database or a full disk then costs
// no machine its boot.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/report.h"

namespace berth::server {

struct Job {
    std::string what;  ///< For the log.
    std::function<Status()> run;
    std::function<void()> dropped;  ///< Called instead when it will never be run again; may be empty.
};

/// One thread runs the jobs in their order. A failed one is reported once and tried again every
/// k_bookkeeping_pause until it works; beyond k_max_jobs the oldest is dropped and reported.
class Bookkeeper {
  public:
    explicit Bookkeeper(Report& report);
    /// Tries what is left once more, until the first failure.
    ~Bookkeeper();
    /// Any thread; does not wait.
    void add(Job job);

  private:
    void work(const std::stop_token& stop);

    Report& report_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::list<Job> jobs_;  ///< So that the first stays where it is while it runs.
    std::jthread thread_;  ///< Last: it uses all of the above.
};

inline constexpr size_t k_max_jobs = 4096;
inline constexpr std::chrono::seconds k_bookkeeping_pause{1};

}  // namespace berth::server
