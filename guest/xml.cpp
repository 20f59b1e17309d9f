// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/xml.h"

#include "base/plain_text.h"

namespace berth::guest {
namespace {

constexpr std::string_view k_replacement = "\xef\xbf\xbd";

/// Bytes of the character at the front if XML may hold it (XML 1.0 section 2.2); else 0.
size_t character(std::string_view s) {
    const auto [code, bytes] = first_character(s);
    const bool good = code >= 0x20 ? code < k_not_utf8 && code != 0xfffe && code != 0xffff
                                   : code == '\t' || code == '\n' || code == '\r';
    return good ? bytes : 0;
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

}  // namespace berth::guest
