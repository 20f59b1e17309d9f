// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/text.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

TEST(Mac, refuses_what_is_no_stations_address) {
    EXPECT_EQ(parse_mac("525400ABCD01"), "52:54:00:ab:cd:01");
    for (const char* text : {"", "52:54:00:ab:cd", "01:00:5e:00:00:01", "00:00:00:00:00:00", "$(reboot)"})
        EXPECT_EQ(code_of(parse_mac(text)), "BERTH-P06") << text;
}

TEST(Mac, error_shows_no_control_characters) {
    EXPECT_EQ(parse_mac("\x1b[2J\n").error().detail().find('\x1b'), std::string::npos);
}

TEST(Uuid, refuses_what_is_none) {
    EXPECT_EQ(parse_uuid("12345678-ABCD-4000-8000-0123456789AB"), "12345678-abcd-4000-8000-0123456789ab");
    EXPECT_EQ(code_of(parse_uuid("12345678")), "BERTH-P06");
}

TEST(Name, is_a_host_name_label) {
    for (const char* text : {"a", "berth-12", "0x"}) EXPECT_TRUE(parse_name(text)) << text;
    for (const std::string& text :
         {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a.b"),
          std::string("a b"), std::string(64, 'a'), std::string("a\n")})
        EXPECT_FALSE(parse_name(text)) << text;
}

TEST(FileName, stays_in_its_folder) {
    for (const char* text : {"root.squashfs", "manifest.json.minisig", "a_b-C.9"})
        EXPECT_TRUE(is_file_name(text)) << text;
    for (const char* text : {"", ".", "..", ".hidden", "a/b", "a\\b", "a b", "a%2fb", "\xc3\xa4"})
        EXPECT_FALSE(is_file_name(text)) << text;
    EXPECT_FALSE(is_file_name(std::string("a\0b", 3)));
    EXPECT_FALSE(is_file_name(std::string(129, 'a')));
}

TEST(RecordId, is_m_and_digits) {
    for (const char* text : {"m-0001", "m-123456789012"}) EXPECT_TRUE(is_record_id(text)) << text;
    for (const char* text : {"", "m-", "m-1", "x-0001", "m-000a", "m-0001 ", "m-1234567890123"})
        EXPECT_FALSE(is_record_id(text)) << text;
}

TEST(Authority, is_a_host_with_perhaps_a_port) {
    for (const char* text : {"fs1", "10.0.0.1:8080", "[fd00::1]", "[fd00::1]:80", "a.b-c.org:65535"})
        EXPECT_TRUE(is_authority(text)) << text;
    for (const char* text : {"", ":80", "a:", "a:0", "a:65536", "a:8x", "a b", "a/b", "user@a", "a\r\nX: y",
                             "${net0/ip}", "-a", "[::1"})
        EXPECT_FALSE(is_authority(text)) << text;
    EXPECT_TRUE(is_base_url("http://10.0.0.1:8080"));
    for (const char* text : {"https://a", "http://", "http://a/", "http://a b", "a"})
        EXPECT_FALSE(is_base_url(text)) << text;
}

TEST(Serial, keeps_printable_ascii_only) {
    EXPECT_EQ(clean_serial("AB 12\n\x1b\xff-3"), "AB 12-3");
    EXPECT_EQ(clean_serial(std::string(100, 'x')).size(), 64u);
    EXPECT_EQ(clean_serial("  AB 12 \x01 "), "AB 12");
    EXPECT_EQ(clean_serial("A\x01\xff\nB"), "AB");
}

TEST(Range, follows_rfc_9110) {
    using K = ByteRange;
    EXPECT_EQ(parse_range("bytes=0-0", 10), (ByteRange{K::part, 0, 1}));
    EXPECT_EQ(parse_range("bytes=3-", 10), (ByteRange{K::part, 3, 7}));
    EXPECT_EQ(parse_range("bytes=3-100", 10), (ByteRange{K::part, 3, 7}));
    EXPECT_EQ(parse_range("bytes=-4", 10), (ByteRange{K::part, 6, 4}));
    EXPECT_EQ(parse_range("bytes=-100", 10), (ByteRange{K::part, 0, 10}));
    for (const char* text : {"bytes=10-", "bytes=10-11", "bytes=-0"})
        EXPECT_EQ(parse_range(text, 10).kind, K::unsatisfiable) << text;
    EXPECT_EQ(parse_range("bytes=0-", 0).kind, K::unsatisfiable);
    for (const char* text :
         {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4", "items=0-1",
          "bytes= 0-1", "bytes=0-18446744073709551616", "bytes=0x1-2", "bytes=--1"})
        EXPECT_EQ(parse_range(text, 10), (ByteRange{K::whole, 0, 10})) << text;
    EXPECT_EQ(parse_range("bytes=18446744073709551615-18446744073709551615", 10).kind, K::unsatisfiable);
}

}  // namespace
}  // namespace berth::server
