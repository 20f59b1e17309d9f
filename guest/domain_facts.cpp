// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/domain_facts.h"

#include "base/plain_text.h"
#include "guest/xml.h"

namespace berth::guest {
namespace {

std::string console_socket_of(const XmlElement& domain) {
    for (const XmlElement& devices : domain.children("devices"))
        for (const XmlElement& serial : devices.children("serial"))
            if (serial.attribute("type") == "unix")
                for (const XmlElement& source : serial.children("source")) return source.attribute("path");
    return {};
}

}  // namespace

Result<DomainFacts> read_domain_facts(std::string_view domain_xml) {
    const auto document = read_xml(domain_xml);
    if (!document) return fail(ErrorCode::H07, "domain XML: {}", document.error());
    const XmlElement domain = document->root();
    if (domain.name() != "domain")
        return fail(ErrorCode::H07, "domain XML: <{}>: must be <domain>", printable(domain.name(), 80));
    return DomainFacts{domain.child_text("name"), domain.child_text("uuid"), console_socket_of(domain)};
}

}  // namespace berth::guest
