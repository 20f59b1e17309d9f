// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/network.h"

#include <algorithm>
#include <map>

namespace berth::boot {
namespace {

std::string names_of(const std::vector<Nic>& nics) {
    std::string text;
    for (const auto& nic : nics)
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", nic.name, nic.mac);
    return text;
}

}  // namespace

Result<std::string> bring_up_network(NetworkCards& cards, std::string_view booted, Clock& clock) {
    const BootTime start = clock.now();
    std::map<std::string, BootTime> next_up;  // A card that fails writes to the kernel's log each time.
    std::vector<std::string> tried;
    std::string failures;
    bool booted_failed = false;
    while (true) {
        const Duration waited = clock.now() - start;
        std::vector<Nic> nics = cards.list();
        for (const auto& nic : nics) {
            BootTime& due = next_up[nic.name];
            if (clock.now() < due) continue;
            cards.set_up(nic.name);
            due = clock.now() + std::chrono::seconds(2);
        }
        std::vector<Nic> left = nics;
        std::erase_if(left, [&](const Nic& nic) { return std::ranges::count(tried, nic.name) != 0; });
        const auto chosen = choose_nic(left, booted, waited < k_wait_for_booted_card && !booted_failed);
        if (chosen) {
            const Status asked = cards.ask_for_address(*chosen);
            if (asked) return *chosen;
            tried.push_back(*chosen);
            failures += (failures.empty() ? "" : "; ") + asked.error().detail();
            booted_failed |= std::ranges::any_of(
                left, [&](const Nic& nic) { return nic.name == *chosen && nic.mac == booted; });
            continue;
        }
        if (waited > k_wait_for_carrier) {
            if (!failures.empty()) return fail(ErrorCode::B01, "{}", failures);
            if (nics.empty()) return fail(ErrorCode::B01, "no network card was found");
            return fail(ErrorCode::B01, "no cable, or nothing at its other end: {}", names_of(nics));
        }
        clock.sleep(std::chrono::milliseconds(100));
    }
}

}  // namespace berth::boot
