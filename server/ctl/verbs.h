// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of berthctl(1). A new one: docs/how-to-add.md.
#pragma once

#include <span>

#include "server/ctl/verb.h"

namespace berth::server {

struct VerbFacts {
    std::string_view noun, name;  ///< An empty noun: a verb without one ("berthctl dnsmasq").
    std::string_view help;
    /// Declares the verb's options on its command, which lives at least as long as the verb.
    std::unique_ptr<Verb> (*make)(CLI::App& command);
};
std::span<const VerbFacts> verbs();

struct NounFacts {
    std::string_view name, help;
};
std::span<const NounFacts> nouns();

std::unique_ptr<Verb> machine_add(CLI::App& command);
std::unique_ptr<Verb> machine_list(CLI::App& command);
std::unique_ptr<Verb> machine_remove(CLI::App& command);
std::unique_ptr<Verb> machine_replace(CLI::App& command);
std::unique_ptr<Verb> machine_set(CLI::App& command);
std::unique_ptr<Verb> machine_show(CLI::App& command);

std::unique_ptr<Verb> boot_script(CLI::App& command);
std::unique_ptr<Verb> dnsmasq(CLI::App& command);
std::unique_ptr<Verb> image_add(CLI::App& command);
std::unique_ptr<Verb> policy_set(CLI::App& command);
std::unique_ptr<Verb> policy_show(CLI::App& command);

std::unique_ptr<Verb> vm_check(CLI::App& command);
std::unique_ptr<Verb> vm_clone(CLI::App& command);
std::unique_ptr<Verb> vm_create(CLI::App& command);
std::unique_ptr<Verb> vm_import(CLI::App& command);
std::unique_ptr<Verb> vm_list(CLI::App& command);
std::unique_ptr<Verb> vm_remove(CLI::App& command);
std::unique_ptr<Verb> vm_show(CLI::App& command);

}  // namespace berth::server
