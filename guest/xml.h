// SPDX-License-Identifier: GPL-3.0-or-later
// XML 1.0, written and read by libxml2. Written: whatever a value holds, it becomes no markup. Read: untrusted text;
// nothing is fetched, a document type (and with it every entity but XML's own five) is refused, size and depth are
// bounded. Pure.
#pragma once

#include <expected>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct _xmlBuffer;
struct _xmlDoc;
struct _xmlNode;
struct _xmlTextWriter;

namespace berth::guest {

struct FreeXml {
    void operator()(_xmlBuffer* buffer) const;
    void operator()(_xmlDoc* document) const;
    void operator()(_xmlTextWriter* writer) const;
};

/// Elements, indented by two. One open element at a time gets the children. Each character of a value that XML cannot
/// hold (section 2.2), and each byte that is not UTF-8, becomes U+FFFD. Names are the program's own.
class XmlWriter {
  public:
    using Attributes = std::initializer_list<std::pair<const char*, std::string_view>>;
    XmlWriter();
    void open(const char* name, Attributes attributes = {});
    void close();
    void empty(const char* name, Attributes attributes = {});
    void text(const char* name, std::string_view content, Attributes attributes = {});
    /// The document; everything open is closed. The last call.
    std::string take();

  private:
    std::unique_ptr<_xmlBuffer, FreeXml> buffer_;
    std::unique_ptr<_xmlTextWriter, FreeXml> writer_;
};

/// An element of a document that still exists. Names are local ones: what a namespace is called is not looked at.
class XmlElement {
  public:
    explicit XmlElement(const _xmlNode* node) : node_(node) {}
    std::string_view name() const;
    long line() const;
    /// The text directly in it, without blanks at its ends.
    std::string text() const;
    /// Empty when there is none.
    std::string attribute(std::string_view name) const;
    /// Of its own children those of that name, in the document's order.
    std::vector<XmlElement> children(std::string_view name) const;
    /// The text of the first such child; empty when there is none.
    std::string child_text(std::string_view name) const;
    /// Every element of that name below it, in the document's order.
    std::vector<XmlElement> all(std::string_view name) const;

  private:
    const _xmlNode* node_;
};

class XmlDocument {
  public:
    explicit XmlDocument(std::unique_ptr<_xmlDoc, FreeXml> document) : document_(std::move(document)) {}
    XmlElement root() const;

  private:
    std::unique_ptr<_xmlDoc, FreeXml> document_;
};

inline constexpr size_t k_max_xml = 1 << 20;
inline constexpr int k_max_xml_elements = 20'000;
/// Of elements in elements.
inline constexpr int k_max_xml_depth = 64;
/// Else what is wrong, with the line: "line 3: not well-formed XML: ...".
std::expected<XmlDocument, std::string> read_xml(std::string_view text);

}  // namespace berth::guest
