// SPDX-License-Identifier: GPL-3.0-or-later
// The facts read back from a domain's XML, ours or as libvirt prints it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::guest {

/// Each is empty when the text does not say it.
struct DomainFacts {
    std::string name;
    std::string uuid;
    std::string console_socket;  ///< The path of the first serial port's unix socket.
};

/// H07 for what read_xml (guest/xml.h) refuses, and for another element than <domain>.
Result<DomainFacts> read_domain_facts(std::string_view domain_xml);

}  // namespace berth::guest
