// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/setup/data_mark.h"

#include <gtest/gtest.h>

namespace berth::boot {
namespace {

using namespace std::string_literals;

TEST(DataMark, is_one_sector_that_says_what_was_written) {
    for (const DataMark& mark :
         {DataMark{}, DataMark{.made = true},
          DataMark{.made = true, .remade = "remake-1a", .lost = "the state of 1 unfinished session: s1"}}) {
        const std::string sector = format_data_mark(mark);
        EXPECT_EQ(sector.size(), k_data_mark_bytes);
        EXPECT_EQ(parse_data_mark(sector), mark);
    }
    const auto longest = parse_data_mark(
        format_data_mark({.remade = "remake-" + std::string(32, 'a'), .lost = "\n" + std::string(300, 'b')}));
    ASSERT_TRUE(longest);
    EXPECT_EQ(longest->lost.size(), 200u);
}

TEST(DataMark, is_not_read_from_a_sector_with_any_bit_changed) {
    const std::string sector = format_data_mark({.made = true, .remade = "remake-1"});
    for (size_t bit = 0; bit < sector.size() * 8; ++bit) {
        std::string damaged = sector;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(parse_data_mark(damaged)) << bit;
    }
    EXPECT_FALSE(parse_data_mark(""));
    EXPECT_FALSE(parse_data_mark(std::string(k_data_mark_bytes, '\0')));
    EXPECT_FALSE(parse_data_mark(sector + "\0"s));
}

TEST(DataMark, is_behind_the_file_system_and_before_the_tables_copy) {
    EXPECT_EQ(data_mark_offset(64 * k_mib), 63 * k_mib);
    EXPECT_EQ(data_mark_offset(64 * k_mib + 512), 63 * k_mib);
    EXPECT_EQ(data_mark_offset(64 * k_mib - 1), 0u);
    EXPECT_EQ(whole_disk_partition(0), 0u);
    for (const uint64_t bytes : {1024 * k_mib, 1024 * k_mib + 512, 1025 * k_mib - 512}) {
        EXPECT_EQ(whole_disk_partition(bytes), 1022 * k_mib) << bytes;
        EXPECT_LE(k_mib + whole_disk_partition(bytes), bytes - k_mib) << bytes;
    }
}

class OurTable : public testing::Test {
  protected:
    static constexpr const char* k_entry = "\x72\xd6\x58\x12\x01\x59\x57\x48\x8d\x4d\xbc\xb9\x40\x59\xfb\xc2";
    std::string first = std::string(k_mib, '\0'), last = first;
    bool is_ours() const { return holds_only_our_table(first, last); }
    static void put(std::string& bytes, size_t at, const std::string& text) {
        bytes.replace(at, text.size(), text);
    }
};

TEST_F(OurTable, may_be_there_whole_in_part_or_not_at_all) {
    EXPECT_TRUE(is_ours());
    put(last, k_mib - 33 * 512, std::string(k_entry, 16) + "whatever");
    EXPECT_TRUE(is_ours());
    put(first, 450, "\xee"), put(first, 510, "\x55\xaa"), put(first, 512, "EFI PART");
    EXPECT_TRUE(is_ours());
    put(first, 1024, std::string(k_entry, 16)), put(last, k_mib - 512, "EFI PART");
    EXPECT_TRUE(is_ours());
}

TEST_F(OurTable, is_not_what_another_wrote) {
    const std::vector<std::pair<size_t, std::string>> faults{
        {0, "\xeb\x58"},                   // Boot code.
        {1024, "\xaf\x3d\xc6\x0f"},        // Linux.
        {1024 + 128, "\x28\x73\x2a\xc1"},  // An ESP as a second one.
        {k_mib - 1, "x"},
        {65536, "x"}};
    for (const auto& [at, text] : faults) {
        first.assign(k_mib, '\0');
        put(first, at, text);
        EXPECT_FALSE(is_ours()) << at;
    }
    first.assign(k_mib, '\0');
    put(first, 450, "\x07"), put(first, 510, "\x55\xaa");
    EXPECT_FALSE(is_ours()) << "an MBR of its own";
    first.assign(k_mib, '\0');
    put(last, 0, "x");
    EXPECT_FALSE(is_ours());
    EXPECT_FALSE(holds_only_our_table("", ""));
}

}  // namespace
}  // namespace berth::boot
