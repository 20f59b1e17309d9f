// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/image_source.h"

#include <gtest/gtest.h>

namespace berth::server {
namespace {

std::string qcow2() {
    std::string head(k_image_head, '\0');
    head.replace(0, 8, std::string("QFI\xfb\0\0\0\3", 8));
    return head;
}

std::string vmdk(uint64_t capacity) {
    std::string head(k_image_head, '\0');
    head.replace(0, 4, "KDMV");
    head[12] = static_cast<char>(capacity);
    return head;
}

void refused(ImageFormat format, const std::string& head, const std::string& why) {
    const Status s = check_image_head(format, head, "x.img");
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code(), ErrorCode::P24);
    EXPECT_NE(s.error().detail().find("x.img"), std::string::npos);
    EXPECT_NE(s.error().detail().find(why), std::string::npos) << s.error().detail();
}

TEST(ImageSource, a_plain_qcow2_is_accepted_and_told_by_its_magic) {
    EXPECT_TRUE(check_image_head(ImageFormat::qcow2, qcow2(), "x.img"));
    EXPECT_EQ(format_of(qcow2()), ImageFormat::qcow2);
}

TEST(ImageSource, a_qcow2_with_a_backing_file_is_refused) {
    std::string head = qcow2();
    head[15] = 1;
    refused(ImageFormat::qcow2, head, "backing file");
    head = qcow2();
    head[19] = 11;  // a length without an offset
    refused(ImageFormat::qcow2, head, "backing file");
}

TEST(ImageSource, a_qcow2_with_its_data_elsewhere_is_refused) {
    std::string head = qcow2();
    head[79] = 4;
    refused(ImageFormat::qcow2, head, "another file");
}

TEST(ImageSource, an_encrypted_qcow2_is_refused) {
    std::string head = qcow2();
    head[35] = 2;
    refused(ImageFormat::qcow2, head, "encrypted");
}

TEST(ImageSource, a_vmdk_that_describes_other_files_is_refused) {
    EXPECT_TRUE(check_image_head(ImageFormat::vmdk, vmdk(8), "x.img"));
    refused(ImageFormat::vmdk, vmdk(0), "other files");
    std::string text = "# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n";
    text.resize(k_image_head);
    refused(ImageFormat::vmdk, text, "other files");
}

TEST(ImageSource, a_format_that_the_head_does_not_bear_out_is_refused) {
    refused(ImageFormat::vhdx, qcow2(), "no vhdx");
    refused(ImageFormat::qcow2, "QFI\xfb", "no qcow2");
    refused(ImageFormat::vdi, "", "no vdi");
}

TEST(ImageSource, a_raw_image_is_whatever_it_is) {
    EXPECT_TRUE(check_image_head(ImageFormat::raw, qcow2(), "x.img"));
    EXPECT_EQ(format_of(std::string(k_image_head, 'x')), std::nullopt);
}

}  // namespace
}  // namespace berth::server
