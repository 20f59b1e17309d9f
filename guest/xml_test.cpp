// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/xml.h"

#include <gtest/gtest.h>

namespace berth::guest {
namespace {

/// What comes back of a text and an attribute.
std::string there_and_back(std::string_view value) {
    XmlWriter xml;
    xml.open("a");
    xml.text("b", value, {{"c", value}});
    const auto document = read_xml(xml.take());
    if (!document) return "refused: " + document.error();
    const XmlElement b = document->root().children("b").at(0);
    EXPECT_EQ(b.text(), b.attribute("c"));
    return b.text();
}

std::string refused(const std::string& text) {
    const auto document = read_xml(text);
    return document ? "" : document.error();
}

std::string nested(int deep) {
    std::string text;
    for (int i = 0; i < deep; ++i) text += "<a>\n";
    for (int i = 0; i < deep; ++i) text += "</a>";
    return text;
}

TEST(Xml, is_indented_and_closed_at_the_end) {
    XmlWriter xml;
    xml.open("a", {{"b", "1"}, {"c", "2"}});
    xml.empty("d", {{"e", "3"}});
    xml.open("f");
    xml.text("g", "4");
    EXPECT_EQ(xml.take(), "<a b=\"1\" c=\"2\">\n  <d e=\"3\"/>\n  <f>\n    <g>4</g>\n  </f>\n</a>\n");
}

TEST(Xml, brings_back_whatever_a_value_holds) {
    for (const char* value : {"a", "<b c='d'>&amp;]]>", "it's \"x\"", "a\tb\nc\rd", "Grüße €\U0001F600"})
        EXPECT_EQ(there_and_back(value), value);
}

TEST(Xml, replaces_what_xml_cannot_hold) {
    const std::string r = "\xef\xbf\xbd";
    EXPECT_EQ(there_and_back("\xc3"), r);
    EXPECT_EQ(there_and_back("\xed\xa0\x80"), r + r + r);  // a surrogate
    EXPECT_EQ(there_and_back("\xef\xbf\xbf"), r + r + r);  // U+FFFF
    EXPECT_EQ(there_and_back("\xc0\xaf"), r + r);          // overlong
    EXPECT_EQ(there_and_back(std::string_view("\0\x1f", 2)), r + r);
}

TEST(Xml, is_read_by_local_names_in_the_order_of_the_document) {
    const auto document =
        read_xml("<r xmlns:x='urn:x'><x:a>1</x:a><b><a>2</a></b><a i='\"3\"'>\n 3 <![CDATA[<&]]> </a></r>");
    ASSERT_TRUE(document) << document.error();
    const XmlElement root = document->root();
    std::string all;
    for (const XmlElement& a : root.all("a")) all += a.text() + ",";
    EXPECT_EQ(all, "1,2,3 <&,");
    ASSERT_EQ(root.children("a").size(), 2U);
    EXPECT_EQ(root.child_text("a"), "1");
    EXPECT_EQ(root.child_text("none"), "");
    EXPECT_EQ(root.children("a")[1].attribute("i"), "\"3\"");
    EXPECT_EQ(root.children("a")[1].attribute("j"), "");
}

TEST(Xml, is_refused_with_its_line_when_it_is_not_well_formed) {
    EXPECT_TRUE(refused("<a>\n<b>\n</a>").starts_with("line 3: not well-formed XML: "))
        << refused("<a>\n<b>\n</a>");
    for (const char* bad :
         {"", " ", "a", "<a", "<a/><b/>", "<a>&none;</a>", "<a b='1' b='2'/>", "<a>\x01</a>", "<a>\xff</a>"})
        EXPECT_NE(refused(bad).find("not well-formed XML: "), std::string::npos) << bad;
}

TEST(Xml, is_refused_for_a_document_type_before_that_is_read) {
    EXPECT_EQ(refused("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>"),
              "must not have a document type");
    EXPECT_EQ(refused("<!DOCTYPE a SYSTEM 'http://localhost/a.dtd'><a/>"), "must not have a document type");
    EXPECT_EQ(refused("<!DOCTYPE a [ what is not read may be anything"), "must not have a document type");
}

TEST(Xml, is_refused_beyond_its_limits) {
    EXPECT_EQ(refused(nested(k_max_xml_depth)), "");
    EXPECT_EQ(refused(nested(k_max_xml_depth + 1)), "line 65: elements in elements: must be at most 64 deep");
    EXPECT_NE(refused(nested(10'000)), "");
    std::string many = "<a>";
    for (int i = 1; i < k_max_xml_elements; ++i) many += "<b/>";
    EXPECT_EQ(refused(many + "</a>"), "");
    EXPECT_EQ(refused(many + "\n<b/></a>"), "line 2: elements: must be at most 20000");
    EXPECT_EQ(refused("<a>" + std::string(k_max_xml, ' ') + "</a>"),
              "1048583 bytes: must be at most 1048576");
}

}  // namespace
}  // namespace berth::guest
