// SPDX-License-Identifier: GPL-3.0-or-later
// A bound for calls that cannot be ended from outside (a PAM module that never returns): when one takes too
// long, this thread ends the process cleanly.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"

namespace berth::session {

/// One call is watched at a time. Its thread starts with the first one.
class Watchdog {
  public:
    /// `expired` is called at most once, on the watchdog's thread, while the watched call is still on its
    /// way; it must end the process.
    explicit Watchdog(std::function<void(const std::string& what)> expired) : expired_(std::move(expired)) {}
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Watches while it lives. A call that comes back after `expired` was called goes no further.
    class Watch {
      public:
        Watch(Watchdog* dog, std::string what, Duration limit);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

      private:
        Watchdog* dog_;
    };
    /// Time that does not count while it lives: a person is asked.
    class Pause {
      public:
        explicit Pause(Watchdog* dog);
        ~Pause();
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;

      private:
        Watchdog* dog_;
    };

  private:
    using Time = std::chrono::steady_clock;
    void run();
    /// Never returns when it is too late.
    std::unique_lock<std::mutex> lock();

    std::function<void(const std::string&)> expired_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string what_;
    std::optional<Time::time_point> deadline_;
    Time::duration left_{};  ///< While paused.
    bool paused_ = false, late_ = false, stop_ = false;
    std::thread thread_;
};

}  // namespace berth::session
