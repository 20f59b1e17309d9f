// SPDX-License-Identifier: GPL-3.0-or-later
// One network card with an address: the one that booted, or else any. The cards are behind a seam.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "bootstrap/initramfs/nic.h"

namespace berth::boot {

class NetworkCards {
  public:
    virtual ~NetworkCards() = default;
    /// The Ethernet cards that are there now; more may come (USB).
    virtual std::vector<Nic> list() = 0;
    /// Switches one on, for only then it tells its carrier.
    virtual void set_up(const std::string& name) = 0;
    /// Asks for an address by DHCP; without an answer it fails after some 20 s. B01.
    virtual Status ask_for_address(const std::string& name) = 0;
};

inline constexpr Duration k_wait_for_carrier = std::chrono::seconds(30);
/// So long only the card that booted is waited for.
inline constexpr Duration k_wait_for_booted_card = std::chrono::seconds(10);

/// Tries the card with the MAC `booted` (empty: unknown) first, and then each other one that has a carrier,
/// by name: a cable may have moved, and a docking station's card may be another one now. The name of the card
/// that has an address; B01 says what each card lacks when none got one and k_wait_for_carrier is over.
Result<std::string> bring_up_network(NetworkCards& cards, std::string_view booted, Clock& clock);

}  // namespace berth::boot
