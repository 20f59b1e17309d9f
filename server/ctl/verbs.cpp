// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/verbs.h"

namespace berth::server {

std::span<const NounFacts> nouns() {
    static constexpr NounFacts table[] = {
        {"machine", "the machines that the provisioner knows"},
        {"policy", "unknown machines, and defaults for all"},
        {"image", "the images and site archives that the provisioner serves"},
        {"vm", "users' virtual machines"},
    };
    return table;
}

std::span<const VerbFacts> verbs() {
    static const VerbFacts table[] = {
        {"machine", "add", "add one", machine_add},
        {"machine", "list", "all, with what they last said", machine_list},
        {"machine", "show", "one in full", machine_show},
        {"machine", "set", "change one; an empty value takes a setting away", machine_set},
        {"machine", "remove", "forget one", machine_remove},
        {"machine", "replace",
         "move one's record to other hardware: another machine's, which is then forgotten, or what the "
         "options say",
         machine_replace},
        {"policy", "show", "what is set", policy_show},
        {"policy", "set", "change it; an empty value takes a default away", policy_set},
        {"image", "add", "verify one and serve it from now on, or update it", image_add},
        {"vm", "create", "make one from nothing, or to be installed from a medium", vm_create},
        {"vm", "import", "make one from disk images or an OVA", vm_import},
        {"vm", "clone", "copy one, for one user or for many", vm_clone},
        {"vm", "list", "all, with who uses them", vm_list},
        {"vm", "show", "one in full", vm_show},
        {"vm", "check", "all that would stop a login", vm_check},
        {"vm", "remove", "remove one that nobody uses", vm_remove},
        {"", "dnsmasq", "print settings for dnsmasq", dnsmasq},
        {"", "boot-script", "print boot.ipxe with the provisioner's URL in it, for a TFTP folder",
         boot_script},
    };
    return table;
}

}  // namespace berth::server
