// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/domain_facts.h"

#include <utility>

namespace berth::guest {
namespace {

/// What stands between two marks; empty when either is missing. Text in XML is escaped, so a mark is always
/// markup.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const size_t begin = text.find(before);
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin + before.size());
    const size_t end = text.find(after);
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

std::string unescape(std::string_view text) {
    constexpr std::pair<std::string_view, char> entities[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    std::string out;
    while (!text.empty()) {
        size_t taken = 1;
        char c = text[0];
        for (const auto& [entity, plain] : entities)
            if (text.starts_with(entity)) taken = entity.size(), c = plain;
        out += c;
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace

std::string name_of(std::string_view domain_xml) {
    return unescape(between(domain_xml, "<name>", "</name>"));
}

std::string uuid_of(std::string_view domain_xml) {
    return unescape(between(domain_xml, "<uuid>", "</uuid>"));
}

std::string console_socket_of(std::string_view domain_xml) {
    const std::string_view serial = between(domain_xml, "<serial type='unix'", "</serial>");
    return unescape(between(between(serial, "<source ", "/>"), "path='", "'"));
}

}  // namespace berth::guest
