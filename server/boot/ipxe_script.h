// SPDX-License-Identifier: GPL-3.0-or-later
// What iPXE is told to do: a pure function of decision, machine and address. Golden-tested. Every value is
// checked again where it enters the text (iPXE splits words at blanks and expands ${}), so nothing from the
// database or the request can become a command.
#pragma once

#include "server/boot/decision.h"

namespace berth::server {

struct ScriptInput {
    Decision decision;
    Platform platform = Platform::pcbios;
    std::string base_url;  ///< "http://10.0.0.1:8080", this provisioner as the client sees it.
    std::string machine_id;
    std::string mac;  ///< The card that booted, as parse_mac gives it; empty: not known.
    std::string boot_token, image, site,
        console;  ///< Needed for run_from_network, as machine_id is; site may be empty.
    std::string image_build, site_build;  ///< The builds that this boot gets; empty: folders made by hand.
};

/// P06 if a value cannot be written into a script.
Result<std::string> ipxe_script(const ScriptInput& input);

/// ipxe/boot.ipxe as this program was built with it.
std::string_view built_in_boot_ipxe();

/// `boot.ipxe` with a line that names the provisioner behind its first line. P06 unless `base_url` is one.
Result<std::string> with_provisioner(std::string_view boot_ipxe, std::string_view base_url);

}  // namespace berth::server
