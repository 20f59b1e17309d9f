// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/vm/xml.h"

namespace berth::vm {
namespace {

constexpr std::string_view k_replacement = "\xef\xbf\xbd";

/// Length of the well-formed UTF-8 sequence at the front (RFC 3629 section 4) that XML may hold; 0: none.
size_t character(std::string_view s) {
    const auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
    const auto tail = [&](size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    const unsigned a = byte(0);
    if (a < 0x80) return a >= 0x20 || a == '\t' || a == '\n' || a == '\r' ? 1 : 0;
    if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
    if (a >= 0xe0 && a <= 0xef) {
        if (!tail(1) || !tail(2)) return 0;
        const unsigned code = (a & 0x0fU) << 12 | (byte(1) & 0x3fU) << 6 | (byte(2) & 0x3fU);
        return code < 0x800 || (code >= 0xd800 && code <= 0xdfff) || code >= 0xfffe ? 0 : 3;
    }
    if (a >= 0xf0 && a <= 0xf4) {
        if (!tail(1) || !tail(2) || !tail(3)) return 0;
        const unsigned code = (a & 0x07U) << 18 | (byte(1) & 0x3fU) << 12;
        return code < 0x10000 || code > 0x10ffff ? 0 : 4;
    }
    return 0;
}

}  // namespace

std::string xml_escape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t n = character(text);
        switch (n == 1 ? text[0] : '\0') {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&apos;";
                break;
            // Written out, for a parser folds them to spaces in attributes (XML 1.0 section 3.3.3).
            case '\t':
                out += "&#9;";
                break;
            case '\n':
                out += "&#10;";
                break;
            case '\r':
                out += "&#13;";
                break;
            default:
                out += n == 0 ? k_replacement : text.substr(0, n);
        }
        text.remove_prefix(n == 0 ? 1 : n);
    }
    return out;
}

void XmlWriter::begin(std::string_view name, Attributes attributes) {
    out_.append(2 * open_.size(), ' ');
    out_ += '<';
    out_ += name;
    for (const auto& [key, value] : attributes) {
        out_ += ' ';
        out_ += key;
        out_ += "='" + xml_escape(value) + "'";
    }
}

void XmlWriter::open(std::string_view name, Attributes attributes) {
    begin(name, attributes);
    out_ += ">\n";
    open_.emplace_back(name);
}

void XmlWriter::close() {
    const std::string name = std::move(open_.back());
    open_.pop_back();
    out_.append(2 * open_.size(), ' ');
    out_ += "</" + name + ">\n";
}

void XmlWriter::empty(std::string_view name, Attributes attributes) {
    begin(name, attributes);
    out_ += "/>\n";
}

void XmlWriter::text(std::string_view name, std::string_view content, Attributes attributes) {
    begin(name, attributes);
    out_ += ">" + xml_escape(content) + "</";
    out_ += name;
    out_ += ">\n";
}

std::string XmlWriter::take() {
    while (!open_.empty()) close();
    return std::exchange(out_, {});
}

}  // namespace berth::vm
