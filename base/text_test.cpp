// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/text.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

/// `rule` takes all of `good` and none of `bad`.
void expect_rule(bool (*rule)(std::string_view), const std::vector<std::string>& good,
                 const std::vector<std::string>& bad) {
    for (const auto& text : good) EXPECT_TRUE(rule(text)) << text;
    for (const auto& text : bad) EXPECT_FALSE(rule(text)) << text;
}

std::string times(size_t n, const std::string& text) {
    std::string out;
    for (size_t i = 0; i < n; ++i) out += text;
    return out;
}

TEST(HostName, is_what_a_host_may_be_called) {
    expect_rule(is_host_name, {"a", "berth-12", "A.b", std::string(63, 'a'), std::string(62, 'a') + ".b"},
                {"", "-a", "a-", "a.-b", "a..b", ".a", "a.", "a_b", "a b", "a\n", std::string("a\0b", 3),
                 "\xc3\xa4", "fd00::1", std::string(64, 'a'), std::string(63, 'a') + ".b"});
}

TEST(Host, is_a_name_or_an_address_that_a_resolver_takes) {
    const std::string longest = times(126, "a.") + "a";  // 253
    expect_rule(is_host_or_address,
                {"fs1", "fs1.example.org", "fs1.example.org.", "fs1.", "fs_1", "_a", "10.0.0.1", "fd00::1",
                 "::", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8", longest, longest + "."},
                {"",
                 ".",
                 "..",
                 "a..",
                 "a..b",
                 ".a",
                 "-a",
                 "a-",
                 "a b",
                 "a/b",
                 "a,b",
                 "a\n",
                 "[fd00::1]",
                 "fs1:",
                 ":",
                 ":::",
                 "1:2:3:4:5:6:7:8:9",
                 "fd00::g",
                 "fe80::1%eth0",
                 "10.0.0.1:80",
                 "$(x)",
                 std::string("fd00::1\0x", 9),
                 longest + "a",
                 longest + ".a"});
}

TEST(Host, may_be_written_with_brackets_and_is_kept_without) {
    EXPECT_EQ(parse_host("[fd00::1]"), "fd00::1");
    EXPECT_EQ(parse_host("fd00::1"), "fd00::1");
    EXPECT_EQ(parse_host("fs1."), "fs1.");
    for (const char* bad :
         {"", "[]", "[", "]", "[fd00::1", "fd00::1]", "[[fd00::1]]", "[fs1]", "[10.0.0.1]", "[::1] "})
        EXPECT_FALSE(parse_host(bad)) << bad;
    EXPECT_EQ(bracketed("fd00::1"), "[fd00::1]");
    EXPECT_EQ(bracketed("10.0.0.1"), "10.0.0.1");
}

TEST(Authority, has_an_address_in_brackets_and_perhaps_a_port) {
    expect_rule(is_authority, {"fs1", "fs1.:80", "10.0.0.1:8080", "[fd00::1]", "[fd00::1]:1", "a:65535"},
                {"", ":80", "a:", "a:0", "a:65536", "a:8x", "a b", "a/b", "user@a", "a\r\nX: y", "${net0/ip}",
                 "-a", "[::1", "fd00::1", "fd00::1:80", "[fs1]:80", "[::1]80", "a:80:80"});
    EXPECT_EQ(parse_authority("fs1.:80"), (Authority{"fs1.", 80}));
    EXPECT_EQ(parse_authority("[fd00::1]"), (Authority{"fd00::1", std::nullopt}));
    EXPECT_EQ(parse_authority("[fd00::1]:8080"), (Authority{"fd00::1", 8080}));
}

TEST(ServerPath, is_absolute_and_survives_a_json_text) {
    expect_rule(is_server_path,
                {"/", "/a", "/a b/\xc3\xa4", "/a/..b", "/a../b", "/...", "/" + std::string(4095, 'a')},
                {"", "a", "a/b", "/..", "/a/..", "/a/../b", "/a\nb", "/a\x7f", "/\xc2\x9b", "/\xff",
                 std::string("/a\0b", 4), "/" + std::string(4096, 'a')});
}

TEST(RecordPath, is_made_of_plain_letters) {
    expect_rule(is_record_path,
                {"/", "/export/users/{user}", "/a..b", "/a+b@c_d-e.f", "/" + std::string(1023, 'a')},
                {"", "a", "/a b", "/a,b", "/$(x)", "/a/../b", "/..", "/a:b", "/\xc3\xa4",
                 "/" + std::string(1024, 'a')});
}

TEST(Location, is_a_host_and_a_path) {
    EXPECT_EQ(parse_location("fs1:/export"), (NfsLocation{.server = "fs1", .directory = "/export"}));
    EXPECT_EQ(parse_location("fs1.:/a:/b"), (NfsLocation{.server = "fs1.", .directory = "/a:/b"}));
    EXPECT_EQ(parse_location("[fd00::1]:/path"), (NfsLocation{.server = "fd00::1", .directory = "/path"}));
    for (const char* bad :
         {"", "fs1", "fs1:", "fs1:x", ":/x", "fd00::1:/x", "[fd00::1]/x", "[fd00::1]x:/x", "[fd00::1:/x",
          "[fs1]:/x", "fs 1:/x", "fs1:/x\ny", "fs1:/a/../b", "-x:/a", "/x", "[]:/x", "fs1:/x\x01"})
        EXPECT_FALSE(parse_location(bad)) << bad;
    for (const char* text : {"fs1:/export", "[fd00::1]:/path"}) {
        const auto location = parse_location(text);
        ASSERT_TRUE(location);
        EXPECT_EQ(format_location(*location), text);
    }
    expect_rule(is_record_location, {"fs1:/a", "[fd00::1]:/{user}"}, {"fs1:/a b", "fs1:/$(x)", "fs1"});
}

TEST(DiskName, is_of_small_letters_digits_and_hyphens) {
    expect_rule(is_disk_name, {"software", "data-1", "-", "0", std::string(32, 'a')},
                {"", "Data", "a_b", "a b", "a/b", "\xc3\xa4", std::string(33, 'a')});
}

TEST(Keymap, is_a_name_that_is_no_option) {
    expect_rule(is_keymap, {"de", "us-intl", "_", "de-latin1-nodeadkeys", std::string(32, 'a')},
                {"", "-de", "a b", "../de", "de;reboot", "de.map", std::string(33, 'a')});
}

TEST(TimeZone, is_a_relative_name_of_plain_parts) {
    expect_rule(is_time_zone,
                {"UTC", "Europe/Berlin", "Etc/GMT+1", "America/Argentina/Buenos_Aires",
                 std::string(32, 'a') + "/" + std::string(31, 'b')},
                {"", "/", "/etc/passwd", "Europe/", "Europe//Berlin", "Europe/..", "../x", "-x", "a/-x",
                 "a b", std::string(33, 'a'), std::string(32, 'a') + "/" + std::string(32, 'b')});
}

TEST(DataSetting, is_a_word_or_a_request_with_a_name_of_its_own) {
    expect_rule(is_data_setting, {"none", "auto", "remake", "remake-1a2B", "remake-" + std::string(32, 'a')},
                {"", "no", "remake-", "remaked", "remake 1", "remake-a-b", "remake-" + std::string(33, 'a')});
}

TEST(InterfaceName, is_one_that_the_kernel_takes) {
    expect_rule(is_guest_address, {"any", "leased"}, {"", "Any", "any ", "10.0.0.1"});
    expect_rule(is_interface_name, {"br0", "eth0.1", "a_b-c", std::string(15, 'a'), "..."},
                {"", ".", "..", "-br0", "a b", "a/b", "a:b", "a%d", std::string(16, 'a')});
}

TEST(FileName, is_one_part_of_a_path) {
    expect_rule(is_file_name, {"berth", "root.squashfs", "a_b-C.9", "-a", std::string(128, 'a')},
                {"", ".", "..", ".x", "a/b", "a b", std::string("a\0b", 3), std::string(129, 'a')});
}

TEST(MachineId, may_be_in_a_path) {
    expect_rule(is_machine_id, {"m-0001", "a.b_c:d", std::string(64, 'a')},
                {"", "../x", ".x", "-x", "a/b", "a b", std::string(65, 'a')});
}

TEST(Console, is_a_terminal_of_the_kernel) {
    expect_rule(is_console, {"tty1", "ttyS0", "ttyUSB0", "hvc0"},
                {"", "/dev/sda", "sda", "tty/../x", "tty.1", "null", "tty" + times(14, "1"), "console"});
}

TEST(BootToken, is_one_word) {
    expect_rule(is_boot_token, {"0a1b", "a-b_C", std::string(128, 'a')},
                {"", "a b", "a/b", std::string(129, 'a')});
}

TEST(Port, is_a_decimal_number) {
    EXPECT_EQ(parse_port("0"), 0);
    EXPECT_EQ(parse_port("65535"), 65535);
    for (const char* bad : {"", "65536", "-1", "+1", " 1", "1 ", "1e3", "0x1", "99999999999999999999"})
        EXPECT_FALSE(parse_port(bad)) << bad;
}

TEST(Ipv4, is_four_decimal_numbers) {
    expect_rule(is_ipv4, {"0.0.0.0", "10.77.0.1", "255.255.255.255"},
                {"", "10.0.0", "10.0.0.256", "10.0.0.0.1", "010.0.0.1", "::1", " 10.0.0.1", "10.0.0.1 ",
                 "fs1", std::string("10.0.0.1\0; x", 12)});
}

TEST(PlainName, is_one_entry_of_a_directory) {
    expect_rule(is_plain_name, {"a", ".hidden", "a b", "...", times(255, "a"), "\xff"},
                {"", ".", "..", "a/b", "/", times(256, "a"), std::string("a\0b", 3)});
}

TEST(LowerCase, is_of_ascii_letters_only) {
    EXPECT_EQ(lower_case("Az09-\xc3\x84[@"), "az09-\xc3\x84[@");
}

TEST(Hex, is_written_in_lower_case_and_read_in_either) {
    const unsigned char bytes[] = {0x00, 0x1a, 0xff};
    EXPECT_EQ(to_hex(bytes), "001aff");
    EXPECT_EQ(to_hex({}), "");
    unsigned value = 0;
    for (const char digit : std::string("0123456789abcdef")) EXPECT_EQ(hex_value(digit), value++);
    for (const char digit : std::string("AbCdEf"))
        EXPECT_EQ(hex_value(digit), hex_value(lower_case({&digit, 1})[0]));
    for (const char digit : std::string("gG /:@`\xff\0", 9)) EXPECT_FALSE(hex_value(digit)) << digit;
    expect_rule(is_hex, {"0", "09af"}, {"", "0A", "0x1", "g", " 1", std::string("a\0", 2)});
}

TEST(Nonce, is_sixteen_bytes_of_hex) {
    expect_rule(is_nonce, {times(16, "0f")},
                {"", times(15, "0f"), times(17, "0f"), times(16, "0F"), times(16, "0g")});
}

TEST(Digest, is_thirty_two_bytes_of_hex) {
    expect_rule(is_digest, {times(32, "0f")},
                {"", times(31, "0f"), times(33, "0f"), times(32, "0F"), times(31, "0f") + "/x"});
}

TEST(Mac, has_one_form) {
    for (const char* text : {"52:54:00:AB:cd:01", "52-54-00-ab-CD-01", "525400ABCD01"})
        EXPECT_EQ(normal_mac(text), "52:54:00:ab:cd:01") << text;
    EXPECT_EQ(normal_mac("FF:ff:ff:ff:ff:ff"), "ff:ff:ff:ff:ff:ff");
    EXPECT_EQ(format_mac({0x52, 0x54, 0, 0xab, 0xcd, 1}), "52:54:00:ab:cd:01");
    for (const char* bad :
         {"", "52:54:00:ab:cd", "52:54:00:ab:cd:0g", "52:54-00:ab:cd:01", "52 54 00 ab cd 01", "525400abcd0",
          "52:54:00:ab:cd:01 ", ":52:54:00:ab:cd:0", "80:00:02:08:fe:80:00:00:00:00:00"})
        EXPECT_EQ(normal_mac(bad), "") << bad;
}

TEST(Mac, is_kept_only_where_it_is_a_stations_own) {
    EXPECT_EQ(station_mac("52-54-00-ab-CD-01"), "52:54:00:ab:cd:01");
    for (const char* bad : {"", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "FFFFFFFFFFFF",
                            "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c"})
        EXPECT_EQ(station_mac(bad), "") << bad;
}

TEST(Uuid, has_one_form) {
    EXPECT_EQ(
        format_uuid({0x12, 0x34, 0x56, 0x78, 0xab, 0xcd, 0x40, 0, 0x80, 0, 1, 0x23, 0x45, 0x67, 0x89, 0xab}),
        "12345678-abcd-4000-8000-0123456789ab");
    EXPECT_EQ(normal_uuid("12345678-ABCD-4000-8000-0123456789AB"), "12345678-abcd-4000-8000-0123456789ab");
    EXPECT_EQ(normal_uuid("00000000-0000-0000-0000-000000000000"), "00000000-0000-0000-0000-000000000000");
    for (const char* bad :
         {"", "12345678-abcd-4000-8000-0123456789a", "12345678abcd-4000-8000-0123456789abc1",
          "12345678-abcd-4000-8000-0123456789aZ", "{2345678-abcd-4000-8000-0123456789a}"})
        EXPECT_EQ(normal_uuid(bad), "") << bad;
}

}  // namespace
}  // namespace berth
