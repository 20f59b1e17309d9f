// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/store/bookkeeper.h"

#include "base/no_throw.h"

namespace berth::server {
namespace {

Status run(Job& job) {
    try {
        return job.run();
    } catch (...) {
        report_exception("berth-provisioner: bookkeeping");
        return fail(ErrorCode::P04);
    }
}

}  // namespace

Bookkeeper::Bookkeeper(Report& report)
    : report_(report), thread_([this](const std::stop_token& stop) {
          // No job is lost: the one at the front is taken away when it is done.
          while (!no_throw("berth-provisioner: bookkeeping", false, [&] { return work(stop), true; }) &&
                 !stop.stop_requested()) {
          }
      }) {}

Bookkeeper::~Bookkeeper() {
    thread_.request_stop();
    thread_.join();
}

void Bookkeeper::add(Job job) {
    std::optional<Job> oldest;
    {
        std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        if (jobs_.size() > k_max_jobs) {
            const auto second = std::next(jobs_.begin());  // the first may be running
            oldest = std::move(*second);
            jobs_.erase(second);
        }
    }
    changed_.notify_one();
    if (!oldest) return;
    report_.event(Level::error, "bookkeeping dropped", {{"what", oldest->what}});
    if (oldest->dropped) oldest->dropped();
}

void Bookkeeper::work(const std::stop_token& stop) {
    bool told = false;
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !jobs_.empty(); }) || !jobs_.empty()) {
        Job& job = jobs_.front();
        lock.unlock();
        const Status done = run(job);
        lock.lock();
        if (done) {
            jobs_.pop_front();
            told = false;
            continue;
        }
        if (!told)
            report_.event(Level::error, "bookkeeping failed",
                          {{"what", job.what}, {"error", done.error().to_log()}});
        told = true;
        if (stop.stop_requested()) {
            report_.event(Level::error, "bookkeeping lost", {{"jobs", std::to_string(jobs_.size())}});
            return;
        }
        changed_.wait_for(lock, stop, k_bookkeeping_pause, [] { return false; });
    }
}

}  // namespace berth::server
