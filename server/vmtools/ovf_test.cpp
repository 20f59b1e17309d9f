// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/ovf.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

/// As VMware writes it; parts are replaced by the tests.
std::string vmware() {
    return R"(<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="a.vmdk" ovf:id="file1" ovf:size="100"/>
    <File ovf:href="b.vmdk" ovf:id="file2" ovf:size="100"/>
  </References>
  <DiskSection><Info/>
    <Disk ovf:capacity="8" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
    <Disk ovf:capacity="8" ovf:diskId="vmdisk2" ovf:fileRef="file2"/>
  </DiskSection>
  <VirtualSystem ovf:id="office">
    <Name>Office</Name>
    <VirtualHardwareSection>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>4</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>4096</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource><rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:InstanceID>7</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
)";
}

std::string with(const std::string& from, const std::string& to) {
    std::string text = vmware();
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

void refused(const std::string& text, const std::string& why) {
    const auto appliance = parse_ovf(text, "x.ovf");
    ASSERT_FALSE(appliance) << why;
    EXPECT_EQ(code_of(appliance), "BERTH-P25");
    EXPECT_TRUE(appliance.error().detail().starts_with("x.ovf"));
    EXPECT_NE(appliance.error().detail().find(why), std::string::npos) << appliance.error().detail();
}

TEST(Ovf, reads_processors_memory_firmware_disks_and_cards) {
    const auto appliance = parse_ovf(vmware(), "x.ovf");
    ASSERT_TRUE(appliance) << appliance.error().to_log();
    EXPECT_EQ(appliance->name, "Office");
    EXPECT_EQ(appliance->cpus, 4U);
    EXPECT_EQ(appliance->memory, 4ULL << 30);
    EXPECT_EQ(appliance->firmware, guest::Firmware::uefi);
    ASSERT_EQ(appliance->disks.size(), 2U);
    EXPECT_EQ(appliance->disks[0].file, "a.vmdk");
    EXPECT_EQ(appliance->disks[1].file, "b.vmdk");
    EXPECT_EQ(appliance->disks[0].bus, guest::DiskBus::sata);
    EXPECT_EQ(appliance->cards, (std::vector<std::string>{"e1000e"}));
}

TEST(Ovf, disks_are_in_the_order_of_their_controllers_numbers) {
    std::string text = with("<rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic",
                            "<rasd:InstanceID>10</rasd:InstanceID><rasd:ResourceSubType>lsilogic");
    const std::string second = "<rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>3<";
    text.replace(text.find(second), second.size(), "<rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>10<");
    const auto appliance = parse_ovf(text, "x.ovf");
    ASSERT_TRUE(appliance) << appliance.error().to_log();
    ASSERT_EQ(appliance->disks.size(), 2U);
    EXPECT_EQ(appliance->disks[0].file, "a.vmdk") << "on controller 3, before 10";
}

TEST(Ovf, values_out_of_range_are_named_with_their_range) {
    refused(with(">4<", ">0<"), "must be 1 to 128");
    refused(with(">4<", ">-1<"), "must be 1 to 128");
    refused(with(">4096<", ">18446744073709551615<"), "must be 16 MiB to 4 TiB");
    refused(with("byte * 2^20", "byte * 2^64"), "must be as");
    refused(with("<rasd:VirtualQuantity>4096</rasd:VirtualQuantity>", ""), "must be 16 MiB to 4 TiB");
}

TEST(Ovf, a_file_outside_the_appliance_is_refused) {
    for (const char* href : {"/etc/shadow", "../a.vmdk", "http://host/a.vmdk", "", ".."})
        refused(with("\"a.vmdk\"", "\"" + std::string(href) + "\""), "must be a plain name");
}

TEST(Ovf, disks_with_parents_or_compression_and_dangling_references_are_refused) {
    refused(with("ovf:fileRef=\"file1\"", "ovf:fileRef=\"file1\" ovf:parentRef=\"vmdisk2\""), "parent");
    refused(with("ovf:id=\"file1\"", "ovf:id=\"file1\" ovf:compression=\"gzip\""), "compression");
    refused(with("ovf:id=\"file1\"", "ovf:id=\"file9\""), "no file");
    refused(with("ovf:diskId=\"vmdisk1\"", "ovf:diskId=\"vmdisk9\""), "no disk");
}

TEST(Ovf, no_entity_is_expanded_and_no_document_type_is_taken) {
    refused(with("<Envelope", "<!DOCTYPE Envelope [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><Envelope"),
            "document type");
}

TEST(Ovf, what_is_no_envelope_is_refused) {
    refused("", "XML");
    refused("<Envelope>", "XML");
    refused("<domain/>", "Envelope");
    refused("<Envelope/>", "must be 1");
    refused(std::string(k_max_ovf + 1, ' '), "at most");
}

}  // namespace
}  // namespace berth::server
