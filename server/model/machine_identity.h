// SPDX-License-Identifier: GPL-3.0-or-later
// Which machine asks (docs/architecture.md "Which machine asks"): one pure function over
// what a request says of its machine and the records. Network cards travel with docks, and boards of one
// series can have one UUID; so neither alone gives a record away. A test holds the table of that page to it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/model/machine.h"

namespace berth::server {

/// What a request says of its machine. Empty: nothing, or nothing that tells one machine from another.
struct Hardware {
    std::string mac, uuid, serial;
    friend bool operator==(const Hardware&, const Hardware&) = default;
};

/// The values that many machines carry, in the one form that server/model/text.h brings them to. They are neither
/// stored nor compared. A locally administered MAC is not one of them: virtual machines have no other.
bool is_placeholder_mac(std::string_view mac);
bool is_placeholder_uuid(std::string_view uuid);
/// "None", "To be filled by O.E.M.", "0123456789" and the like, whatever their case and blanks; no text at
/// all.
bool is_placeholder_serial(std::string_view serial);

/// From the three values of /v1/boot, as they were sent. P01 for a MAC that is not hex pairs and for a
/// UUID that is not 8-4-4-4-12 hex digits. Placeholders become empty; so do an empty UUID and serial, and a
/// MAC that is not a station's or not six pairs (InfiniBand).
Result<Hardware> parse_hardware(std::string_view mac, std::string_view uuid, std::string_view serial);

/// Equal, or equal but for the byte order of the first three groups: firmware before SMBIOS 2.6 and iPXE
/// disagree about it, so one machine can send both forms.
bool same_uuid(std::string_view a, std::string_view b);
/// The other byte order of a UUID.
std::string swapped_uuid(std::string_view uuid);

enum class Match { unknown, found, mac_added, conflict };

struct Identification {
    Match match = Match::unknown;
    std::string
        record;  ///< Of `found` and `mac_added`: whose the request is. Of `conflict`: whose it is not.
    std::string
        card_of;  ///< Another record than that of `found` that has the MAC; of `conflict` any that has it.
    friend bool operator==(const Identification&, const Identification&) = default;
};

/// `records` may be all of them or those with the MAC or with UUID and serial of `seen`. Pure.
Identification identify(const Hardware& seen, std::span<const Machine> records);

/// Whether the sender, unknown or a conflict, would be known again by an own record: by its MAC if that is in
/// no record, else by UUID and serial.
bool can_be_recorded(const Hardware& seen, const Identification& who);

/// What the record of a found machine learns: UUID and serial where it has none, and the MAC of `mac_added`
/// while it has fewer than k_max_macs. Whether anything is new.
bool learn(Machine& record, const Hardware& seen, const Identification& who);
inline constexpr size_t k_max_macs = 16;

/// Another machine than the record's that asked with something of it.
struct Conflict {
    std::string machine;  ///< The record that it did not get.
    Hardware seen;
    int64_t first = 0, last = 0;  ///< Seconds since 1970.
    int64_t times = 0;
};

}  // namespace berth::server
