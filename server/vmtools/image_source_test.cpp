// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/image_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/code_of.h"

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
    EXPECT_EQ(code_of(s), "BERTH-P24");
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
    refused(ImageFormat::vhdx, qcow2(), "not a vhdx");
    refused(ImageFormat::qcow2, "QFI\xfb", "not a qcow2");
    refused(ImageFormat::vdi, "", "not a vdi");
}

TEST(ImageSource, a_raw_image_is_whatever_it_is) {
    EXPECT_TRUE(check_image_head(ImageFormat::raw, qcow2(), "x.img"));
    EXPECT_EQ(format_of(std::string(k_image_head, 'x')), std::nullopt);
}

struct ImageFile : ::testing::Test {
    ImageFile() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-image-XXXXXX").string();
        folder = mkdtemp(name.data());
    }
    ~ImageFile() override { std::filesystem::remove_all(folder); }
    std::string file(const std::string& name, const std::string& bytes, mode_t mode = 0600) {
        const auto path = folder / name;
        std::ofstream(path, std::ios::binary) << bytes;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return path.string();
    }
    std::filesystem::path folder;
};

TEST_F(ImageFile, an_image_that_may_name_files_and_that_others_may_write_to_is_refused) {
    for (const mode_t mode : {0620, 0602, 0666}) {
        const auto image = open_image(file("x.qcow2", qcow2(), mode), std::nullopt);
        ASSERT_FALSE(image);
        EXPECT_EQ(code_of(image), "BERTH-P24");
        EXPECT_NE(image.error().detail().find("writable by nobody else"), std::string::npos)
            << image.error().detail();
        EXPECT_TRUE(open_image(file("x.raw", qcow2(), mode), ImageFormat::raw)) << "names nothing";
    }
    const auto ours = open_image(file("x.qcow2", qcow2(), 0644), std::nullopt);
    EXPECT_TRUE(ours || ours.error().detail().find("writable by nobody else") == std::string::npos);
}

TEST_F(ImageFile, a_raw_image_is_read_to_its_last_byte_and_never_filled_up_before) {
    const std::string bytes = std::string(1000, 'a') + "end", path = file("x.raw", bytes);
    auto image = open_image(path, std::nullopt);
    ASSERT_TRUE(image) << image.error().to_log();
    EXPECT_EQ(image->size, 1024U);
    EXPECT_EQ(*read_raw(*image, 0, 1024), bytes + std::string(21, '\0'));
    EXPECT_EQ(*read_raw(*image, 512, 512), bytes.substr(512) + std::string(21, '\0'));
    EXPECT_TRUE(check_unchanged(*image));
    std::filesystem::resize_file(path, 900);
    EXPECT_EQ(code_of(read_raw(*image, 512, 512)), "BERTH-M37");
    EXPECT_EQ(code_of(check_unchanged(*image)), "BERTH-M37");
}

}  // namespace
}  // namespace berth::server
