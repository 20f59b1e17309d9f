// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of berthctl(1). A new one: docs/how-to-add.md.
#pragma once

#include <span>

#include "server/ctl/verb.h"

namespace berth::server {

/// Declares the verb's options on its command, which lives at least as long as the verb.
using MakeVerb = std::unique_ptr<Verb> (*)(CLI::App& command);
template <typename V>
std::unique_ptr<Verb> make_verb(CLI::App& command) {
    return std::make_unique<V>(command);
}

struct VerbFacts {
    std::string_view noun, name;  ///< An empty noun: a verb without one ("berthctl dnsmasq").
    std::string_view help;
    MakeVerb make;
};
std::span<const VerbFacts> verbs();

struct NounFacts {
    std::string_view name, help;
};
std::span<const NounFacts> nouns();

extern const MakeVerb machine_add, machine_list, machine_remove, machine_replace, machine_set, machine_show;
extern const MakeVerb boot_script, dnsmasq, image_add, policy_set, policy_show;
extern const MakeVerb vm_check, vm_clone, vm_create, vm_import, vm_list, vm_remove, vm_show;

}  // namespace berth::server
