// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/drivers.h"

#include <algorithm>
#include <charconv>

namespace berth::sim {

RandomChooser::RandomChooser(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 1) {
    static constexpr unsigned k_calm[] = {3, 6, 12, 25, 60};
    static constexpr unsigned k_weights[] = {0, 0, 1, 10};
    calm_ = k_calm[random_() % std::size(k_calm)];
    for (unsigned& weight : weights_) weight = k_weights[random_() % std::size(k_weights)];
}

size_t RandomChooser::choose(const Point& point) {
    // Most calls are the lock's.
    if (random_() % (point.block ? std::max(2U, calm_ / 4) : calm_) != 0) return 0;
    const auto weight = [this](const Option& o) { return weights_.at(static_cast<size_t>(o.move)); };
    unsigned all = 0;
    for (const Option& option : point.options) all += weight(option);
    if (all == 0) return 0;
    unsigned left = static_cast<unsigned>(random_() % all);
    for (size_t i = 0; i < point.options.size(); i++) {
        if (left < weight(point.options[i])) return i;
        left -= weight(point.options[i]);
    }
    return 0;
}

std::string to_text(const Schedule& schedule) {
    std::string text;
    for (size_t i = 0; i < schedule.size(); i++)
        if (schedule[i] != 0) text += fmt::format("{}{}:{}", text.empty() ? "" : ",", i, schedule[i]);
    return text.empty() ? "-" : text;
}

Schedule schedule_of(const std::string& text) {
    Schedule schedule;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end && *at != '-') {
        size_t place = 0;
        uint16_t chosen = 0;
        at = std::from_chars(at, end, place).ptr;
        if (at < end && *at == ':') at = std::from_chars(at + 1, end, chosen).ptr;
        if (place > 1'000'000) break;
        if (schedule.size() <= place) schedule.resize(place + 1);
        schedule[place] = chosen;
        if (at < end) at++;
    }
    return schedule;
}

Schedule shrink(const Scenario& scenario, Schedule failing) {
    const auto played = [&](const Schedule& list) {
        ListChooser chooser(list);
        return play(scenario, chooser);
    };
    const auto odd = [](const Schedule& list) {
        std::vector<size_t> places;
        for (size_t i = 0; i < list.size(); i++)
            if (list[i] != 0) places.push_back(i);
        return places;
    };
    // What fails may end there, too: then nothing behind it is odd. Else stretches of odd choices are made undisturbed, halves
    // first, until no single one can be. What follows a changed place means something else then, and mostly still fails.
    for (size_t stretch = odd(failing).size(); stretch > 0;) {
        bool shorter = false;
        auto places = odd(failing);
        for (size_t from = 0; from < places.size();) {
            Schedule calmer = failing;
            for (size_t i = from; i < std::min(from + stretch, places.size()); i++) calmer[places[i]] = 0;
            if (auto outcome = played(calmer); outcome.failure) {
                failing = std::move(outcome.schedule);
                places = odd(failing);
                shorter = true;
            } else {
                from += stretch;
            }
        }
        if (!shorter || stretch > odd(failing).size()) stretch /= 2;
    }
    while (!failing.empty() && failing.back() == 0) failing.pop_back();
    return failing;
}

}  // namespace berth::sim
