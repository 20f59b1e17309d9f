// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/search.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <deque>

#include "tests/sim/arena.h"
#include "tests/sim/drivers.h"

namespace berth::sim {

namespace {

/// Of this process: what else the machine does is not in it.
double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

bool DepthFirst::entered(const Point& point) {
    const uint64_t digest = point.digest();
    arena_off();
    auto& before = seen_[digest];
    for (const Purses& other : before)
        if (std::ranges::equal(point.left, other, std::less_equal<>())) {
            figures_.cuts++;
            return true;
        }
    if (before.empty()) figures_.states++;
    before.push_back(point.left);
    return false;
}

void DepthFirst::ended(size_t choices) {
    figures_.schedules++;
    figures_.deepest = std::max<uint64_t>(figures_.deepest, choices);
}

bool DepthFirst::time_is_over() {
    figures_.seconds = processor_seconds() - begun_;
    return figures_.seconds > static_cast<double>(most_.count());
}

std::optional<Outcome> DepthFirst::search(std::chrono::seconds most) {
    begun_ = processor_seconds();
    most_ = most;
    auto failed = k_has_arena ? put_back() : replayed();
    time_is_over();
    return failed;
}

// --- Each schedule from its beginning ---

class DepthFirst::Replayed final : public Chooser {
  public:
    struct Choice {
        uint16_t chosen, options;
    };
    Replayed(DepthFirst& search, std::vector<Choice>& path) : search_(search), path_(path) {}
    size_t choose(const Point& point) override {
        if (at_ < path_.size()) return path_[at_++].chosen;
        if (search_.entered(point)) return k_cut;
        path_.push_back({0, static_cast<uint16_t>(point.options.size())});
        at_++;
        return 0;
    }

  private:
    DepthFirst& search_;
    std::vector<Choice>& path_;
    size_t at_ = 0;
};

std::optional<Outcome> DepthFirst::replayed() {
    std::vector<Replayed::Choice> path;
    while (true) {
        Replayed chooser(*this, path);
        Outcome outcome = play(scenario_, chooser);
        ended(path.size());
        if (outcome.failure) return outcome;
        while (!path.empty() && path.back().chosen + 1 == path.back().options) path.pop_back();
        figures_.complete = path.empty();
        if (path.empty() || time_is_over()) return std::nullopt;
        path.back().chosen++;
    }
}

// --- Each from a copy of the memory at its last new choice ---

/// Who searches and who plays are two threads of control, each waiting while the other runs; the player's stack and
/// all that it made are in the arena, and all of this is not.
class DepthFirst::PutBack final : public Chooser {
  public:
    explicit PutBack(DepthFirst& search) : search_(search) {}
    std::optional<Outcome> search();
    size_t choose(const Point& point) override;

  private:
    /// A point that was reached. `here` waits in `memory`.
    struct Choice {
        uint16_t chosen, options;
        ucontext_t here{};
        Snapshot memory;
    };
    static void enter();
    [[noreturn]] void leave();
    void run(const ucontext_t& player);

    DepthFirst& search_;
    std::deque<Choice> path_;
    ucontext_t searcher_{};
    bool is_new_ = false;
    std::optional<Outcome> outcome_;
    static inline PutBack* one_ = nullptr;
};

size_t DepthFirst::PutBack::choose(const Point& point) {
    if (search_.entered(point)) leave();
    Choice& choice = path_.emplace_back(uint16_t{0}, static_cast<uint16_t>(point.options.size()));
    is_new_ = true;
    swapcontext(&choice.here, &searcher_);
    // Once for each option.
    return path_.back().chosen;
}

/// What it was doing is of no more use, nor is its memory.
void DepthFirst::PutBack::leave() {
    setcontext(&searcher_);
    std::abort();
}

void DepthFirst::PutBack::enter() {
    const Outcome outcome = play(one_->search_.scenario_, *one_);
    arena_off();
    one_->outcome_ = outcome;
    one_->leave();
}

void DepthFirst::PutBack::run(const ucontext_t& player) {
    arena_on();
    swapcontext(&searcher_, &player);
    arena_off();
}

std::optional<Outcome> DepthFirst::PutBack::search() {
    one_ = this;
    arena_begin();
    const Stack stack;
    ucontext_t beginning{};
    getcontext(&beginning);
    beginning.uc_stack.ss_sp = stack.bottom();
    beginning.uc_stack.ss_size = k_stack;
    makecontext(&beginning, &PutBack::enter, 0);
    run(beginning);
    while (true) {
        if (std::exchange(is_new_, false)) {
            path_.back().memory = Snapshot(path_.back().here);
        } else {
            search_.ended(path_.size());
            if (outcome_ && outcome_->failure) return outcome_;
            outcome_.reset();
            while (!path_.empty() && path_.back().chosen + 1 == path_.back().options) path_.pop_back();
            search_.figures_.complete = path_.empty();
            if (path_.empty() || search_.time_is_over()) return std::nullopt;
            path_.back().chosen++;
            path_.back().memory.put_back();
        }
        run(path_.back().here);
    }
}

std::optional<Outcome> DepthFirst::put_back() {
    // Copies come and go by the thousand: their memory stays with us.
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    // Makes the statics (arena.h).
    for (uint64_t seed = 1; seed <= 50; seed++) {
        RandomChooser chooser(seed);
        play(scenario_, chooser);
    }
    return PutBack(*this).search();
}

}  // namespace berth::sim
