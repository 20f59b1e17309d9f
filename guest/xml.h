// SPDX-License-Identifier: GPL-3.0-or-later
// Writing XML 1.0: every text and attribute is escaped, so no value can become markup. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::guest {

/// For text and for attributes in either quote. What XML 1.0 cannot hold (section 2.2) becomes U+FFFD.
std::string xml_escape(std::string_view text);

/// Elements, indented by two. One open element at a time gets the children.
class XmlWriter {
  public:
    using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    void open(std::string_view name, Attributes attributes = {});
    void close();
    void empty(std::string_view name, Attributes attributes = {});
    void text(std::string_view name, std::string_view content, Attributes attributes = {});
    /// The document; everything open is closed.
    std::string take();

  private:
    void begin(std::string_view name, Attributes attributes);
    std::string out_;
    std::vector<std::string> open_;
};

}  // namespace berth::guest
