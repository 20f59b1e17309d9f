// SPDX-License-Identifier: GPL-3.0-or-later
// XML that others wrote (guest/xml.h, domain_facts.h): whatever comes, no crash; a refusal is one printable line; and every
// value comes back from what we write as far as XML can hold it.
#include <cstdint>
#include <cstdlib>

#include "base/plain_text.h"
#include "guest/domain_facts.h"
#include "guest/xml.h"

namespace {

using namespace berth;

void must(bool condition) {
    if (!condition) std::abort();
}

std::string there_and_back(std::string_view value) {
    guest::XmlWriter xml;
    xml.empty("a", {{"b", value}});
    const auto document = guest::read_xml(xml.take());
    must(document.has_value());
    return document->root().attribute("b");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)guest::read_domain_facts(text);
    if (const auto document = guest::read_xml(text); !document)
        must(is_plain_text(document.error()));
    else
        for (const auto& element : document->root().all("source")) must(element.line() > 0);
    if (size > 10'000) return 0;
    const std::string back = there_and_back(text);
    must(there_and_back(back) == back && (!is_plain_text(text) || back.size() >= text.size()));
    return 0;
}
