// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/domain_facts.h"

#include <gtest/gtest.h>

namespace berth::guest {
namespace {

/// Parts of what `virsh dumpxml` prints.
constexpr const char* k_printed = R"(<domain type='kvm' id='3'>
  <metadata><name>not-this</name></metadata>
  <name>berth-s1</name>
  <uuid>2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10</uuid>
  <devices>
    <disk type='network' device='disk'><serial>software</serial></disk>
    <serial type='pty'><source path='/dev/pts/1'/></serial>
    <serial type="unix">
      <source path="/run/a &amp; b.sock" mode="bind"/>
    </serial>
    <console type='unix'><source mode='bind' path='/run/other.sock'/></console>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'/>
</domain>
)";

TEST(DomainFacts, are_found_by_their_place_and_not_by_the_quotes_or_the_order_of_attributes) {
    const auto facts = read_domain_facts(k_printed);
    ASSERT_TRUE(facts) << facts.error().detail();
    EXPECT_EQ(facts->name, "berth-s1");
    EXPECT_EQ(facts->uuid, "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10");
    EXPECT_EQ(facts->console_socket, "/run/a & b.sock");
}

TEST(DomainFacts, are_empty_when_they_are_missing) {
    for (const char* text :
         {"<domain/>",
          "<domain><devices><serial type='pty'><source path='/dev/pts/1'/></serial></devices></domain>",
          "<domain><serial type='unix'><source path='/x'/></serial></domain>"}) {
        const auto facts = read_domain_facts(text);
        ASSERT_TRUE(facts) << text;
        EXPECT_EQ(facts->name + facts->uuid + facts->console_socket, "") << text;
    }
}

TEST(DomainFacts, are_not_taken_from_half_a_text_or_from_another_one) {
    for (const char* text : {"", "<domain><name>a</name>", "<serial type='unix'><source ", "<network/>"}) {
        const auto facts = read_domain_facts(text);
        ASSERT_FALSE(facts) << text;
        EXPECT_TRUE(facts.error().detail().starts_with("domain XML: ")) << facts.error().detail();
    }
}

}  // namespace
}  // namespace berth::guest
