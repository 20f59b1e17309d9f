// SPDX-License-Identifier: GPL-3.0-or-later
// What a machine does at power-on : one truth table. The first row
// that fits counts.
//
//  | machine         | mode    | mark | its disk | again | policy   | decision             | database        |
//  |-----------------|---------|------|----------|-------|----------|----------------------|-----------------|
//  | unknown         |         |      |          |       | local    | local disk           |                 |
//  | unknown         |         |      |          |       | discover | local disk           | added, disabled |
//  | unknown         |         |      |          |       | enrol    | run from the network | added, enabled  |
//  | known, disabled | any     | any  | any      | any   |          | local disk           |                 |
//  | known           | network | any  | any      | > 3   |          | local disk (**)      | again = 0       |
//  | known           | network | any  | any      | <= 3  |          | run from the network |                 |
//  | known           | install | yes  | any      | any   |          | cannot install (*)   |                 |
//  | known           | install | no   | none     | any   |          | no disk (*)          |                 |
//  | known           | install | no   | else     | any   |          | local disk           |                 |
//  | known           | local   | any  | none     | any   |          | no disk (*)          |                 |
//  | known           | local   | any  | else     | any   |          | local disk           |                 |
//
// Unknown is also a conflict, a machine with something of another's record (server/model/machine_identity.h).
// (*) A message; after it the machine continues with its local disk. Mode install never installs without the
// mark, and the mark never without mode install; this release does not install at all and says so. An unknown
// machine that policy enrols in a mode other than network follows that mode's row. Firmware (BIOS, UEFI)
// changes how a decision is written (server/boot/ipxe_script.h), never which it is.
//
// (**) A machine whose initramfs and image are not of one build boots again: it posts stage "again" and
// restarts only when that was answered, so the count here is the count of its restarts. A prompt sets it to
// 0.
#pragma once

#include "server/model/machine.h"

namespace berth::server {

/// So often in a row a machine boots again from the network.
inline constexpr int k_max_again = 3;

/// What the provisioner knows of the machine's disks: only what an earlier boot reported.
enum class DiskKnowledge { unknown, none, present };
DiskKnowledge disk_knowledge(const Machine& machine);

enum class Action { run_from_network, local_disk, message };
enum class Addition { none, disabled, enabled };

struct Decision {
    Action action = Action::local_disk;
    Addition add = Addition::none;  ///< How an unknown machine enters the database.
    std::string why;                ///< One line for the machine's screen and the log.
    friend bool operator==(const Decision&, const Decision&) = default;
};

/// `machine` is null when unknown. Pure.
Decision decide(const Machine* machine, const Policy& policy, DiskKnowledge disk);

std::string_view to_text(Action action);

}  // namespace berth::server
