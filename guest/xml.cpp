// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/xml.h"

#include <fmt/format.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>

#include <new>

#include "base/plain_text.h"

namespace berth::guest {
namespace {

const xmlChar* bytes(const char* text) {
    return reinterpret_cast<const xmlChar*>(text);
}

std::string string_of(const xmlChar* text) {
    return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

/// What XML can hold of it: libxml2 escapes markup and copies the rest as it is.
std::string holdable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto [code, size] = first_character(text);
        const bool good = code >= 0x20 ? code < k_not_utf8 && code != 0xfffe && code != 0xffff
                                       : code == '\t' || code == '\n' || code == '\r';
        out += good ? text.substr(0, size) : "\xef\xbf\xbd";
        text.remove_prefix(good ? size : 1);
    }
    return out;
}

/// The writer fails for lack of memory only.
void done(int written) {
    if (written < 0) throw std::bad_alloc();
}

void begin(xmlTextWriter* writer, const char* name, XmlWriter::Attributes attributes) {
    done(xmlTextWriterStartElement(writer, bytes(name)));
    for (const auto& [key, value] : attributes)
        done(xmlTextWriterWriteAttribute(writer, bytes(key), bytes(holdable(value).c_str())));
}

std::string text_in(const xmlNode* first) {
    std::string text;
    for (const xmlNode* n = first; n != nullptr; n = n->next)
        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) text += string_of(n->content);
    return text;
}

void say_nothing(void*, const char*, ...) {}

/// Called before anything in a document type is read.
void refuse_document_type(void* parser, const xmlChar*, const xmlChar*, const xmlChar*) {
    auto* const context = static_cast<xmlParserCtxt*>(parser);
    *static_cast<bool*>(context->_private) = true;
    xmlStopParser(context);
}

std::string wrong(long line, std::string_view what) {
    return fmt::format("line {}: {}", line, what);
}

/// Why `node`, `depth` deep, or what is below it may not be; empty: it may. Counts the elements.
std::string beyond_limits(const xmlNode* node, int depth, int& elements) {
    if (depth > k_max_xml_depth)
        return wrong(xmlGetLineNo(node),
                     fmt::format("elements in elements: must be at most {} deep", k_max_xml_depth));
    if (++elements > k_max_xml_elements)
        return wrong(xmlGetLineNo(node), fmt::format("elements: must be at most {}", k_max_xml_elements));
    for (const xmlNode* n = node->children; n != nullptr; n = n->next)
        if (n->type == XML_ELEMENT_NODE)
            if (std::string why = beyond_limits(n, depth + 1, elements); !why.empty()) return why;
    return {};
}

void collect(const xmlNode* node, std::string_view name, bool deep, std::vector<XmlElement>& found) {
    for (const xmlNode* n = node->children; n != nullptr; n = n->next) {
        if (n->type != XML_ELEMENT_NODE) continue;
        if (XmlElement(n).name() == name) found.emplace_back(n);
        if (deep) collect(n, name, deep, found);
    }
}

}  // namespace

void FreeXml::operator()(_xmlBuffer* buffer) const {
    xmlBufferFree(buffer);
}

void FreeXml::operator()(_xmlDoc* document) const {
    xmlFreeDoc(document);
}

void FreeXml::operator()(_xmlTextWriter* writer) const {
    xmlFreeTextWriter(writer);
}

XmlWriter::XmlWriter() : buffer_(xmlBufferCreate()), writer_(xmlNewTextWriterMemory(buffer_.get(), 0)) {
    if (buffer_ == nullptr || writer_ == nullptr) throw std::bad_alloc();
    done(xmlTextWriterSetIndent(writer_.get(), 1));
    done(xmlTextWriterSetIndentString(writer_.get(), bytes("  ")));
}

void XmlWriter::open(const char* name, Attributes attributes) {
    begin(writer_.get(), name, attributes);
}

void XmlWriter::close() {
    done(xmlTextWriterEndElement(writer_.get()));
}

void XmlWriter::empty(const char* name, Attributes attributes) {
    begin(writer_.get(), name, attributes);
    close();
}

void XmlWriter::text(const char* name, std::string_view content, Attributes attributes) {
    begin(writer_.get(), name, attributes);
    done(xmlTextWriterWriteString(writer_.get(), bytes(holdable(content).c_str())));
    close();
}

std::string XmlWriter::take() {
    done(xmlTextWriterEndDocument(writer_.get()));
    return string_of(xmlBufferContent(buffer_.get()));
}

std::string_view XmlElement::name() const {
    return reinterpret_cast<const char*>(node_->name);
}

long XmlElement::line() const {
    return xmlGetLineNo(node_);
}

std::string XmlElement::text() const {
    const std::string text = text_in(node_->children);
    const size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::string XmlElement::attribute(std::string_view name) const {
    for (const xmlAttr* a = node_->properties; a != nullptr; a = a->next)
        if (name == reinterpret_cast<const char*>(a->name)) return text_in(a->children);
    return {};
}

std::vector<XmlElement> XmlElement::children(std::string_view name) const {
    std::vector<XmlElement> found;
    collect(node_, name, false, found);
    return found;
}

std::string XmlElement::child_text(std::string_view name) const {
    const auto found = children(name);
    return found.empty() ? "" : found.front().text();
}

std::vector<XmlElement> XmlElement::all(std::string_view name) const {
    std::vector<XmlElement> found;
    collect(node_, name, true, found);
    return found;
}

XmlElement XmlDocument::root() const {
    return XmlElement(xmlDocGetRootElement(document_.get()));
}

std::expected<XmlDocument, std::string> read_xml(std::string_view text) {
    if (text.size() > k_max_xml)
        return std::unexpected(fmt::format("{} bytes: must be at most {}", text.size(), k_max_xml));
    // Some of libxml2's complaints ignore XML_PARSE_NOERROR; what a file says does not reach the terminal.
    xmlSetGenericErrorFunc(nullptr, say_nothing);
    const std::unique_ptr<xmlParserCtxt, void (*)(xmlParserCtxt*)> context(xmlNewParserCtxt(),
                                                                           xmlFreeParserCtxt);
    if (context == nullptr) throw std::bad_alloc();
    bool has_type = false;
    context->_private = &has_type;
    context->sax->internalSubset = refuse_document_type;
    std::unique_ptr<xmlDoc, FreeXml> document(
        xmlCtxtReadMemory(context.get(), text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                          XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS));
    if (has_type) return std::unexpected("must not have a document type");
    const xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
    if (root == nullptr) {
        const xmlError* const error = xmlCtxtGetLastError(context.get());  // Not const before libxml2 2.12.
        std::string what =
            error != nullptr && error->message != nullptr ? error->message : "there is no element";
        while (what.ends_with('\n')) what.pop_back();
        return std::unexpected(wrong(error != nullptr ? error->line : 1,
                                     fmt::format("not well-formed XML: {}", printable(what, 120))));
    }
    int elements = 0;
    if (std::string why = beyond_limits(root, 1, elements); !why.empty())
        return std::unexpected(std::move(why));
    return XmlDocument(std::move(document));
}

}  // namespace berth::guest
