// SPDX-License-Identifier: GPL-3.0-or-later
// The facts read back from a domain's XML, ours or as libvirt prints it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace berth::guest {

/// Empty when there is none.
std::string name_of(std::string_view domain_xml);
std::string uuid_of(std::string_view domain_xml);
/// The path of the first serial port's unix socket; empty when there is none.
std::string console_socket_of(std::string_view domain_xml);

}  // namespace berth::guest
