// SPDX-License-Identifier: GPL-3.0-or-later
// What a machine does at power-on (DESIGN "Boot", REQUIREMENTS B2, B4-B6): one truth table. The first row
// that fits counts.
//
//  | machine         | mode    | mark | its disk | policy   | decision             | database        |
//  |-----------------|---------|------|----------|----------|----------------------|-----------------|
//  | unknown         |         |      |          | local    | local disk           |                 |
//  | unknown         |         |      |          | discover | local disk           | added, disabled |
//  | unknown         |         |      |          | enrol    | run from the network | added, enabled  |
//  | known, disabled | any     | any  | any      |          | local disk           |                 |
//  | known           | network | any  | any      |          | run from the network |                 |
//  | known           | install | yes  | any      |          | cannot install (*)   |                 |
//  | known           | install | no   | none     |          | no disk (*)          |                 |
//  | known           | install | no   | else     |          | local disk           |                 |
//  | known           | local   | any  | none     |          | no disk (*)          |                 |
//  | known           | local   | any  | else     |          | local disk           |                 |
//
// Unknown is also a conflict, a machine with something of another's record (server/machine_identity.h).
// (*) A message; after it the machine goes on to its local disk. Mode install never installs without the
// mark, and the mark never without mode install; this release does not install at all and says so. An unknown
// machine that policy enrols in a mode other than network follows that mode's row. Firmware (BIOS, UEFI)
// changes how a decision is written (server/ipxe_script.h), never which it is.
#pragma once

#include "server/machine.h"

namespace berth::server {

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
