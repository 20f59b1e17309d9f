// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/model/machine_identity.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

const std::string k_mac_a = "52:54:00:00:00:0a", k_mac_b = "52:54:00:00:00:0b", k_dock = "52:54:00:00:00:0d";
const std::string k_uuid_a = "aaaaaaaa-1234-4000-8000-0123456789ab",
                  k_uuid_b = "bbbbbbbb-1234-4000-8000-0123456789ab";

Machine record(const char* id, const std::string& mac, const std::string& uuid, const std::string& serial) {
    Machine m;
    m.id = id;
    if (!mac.empty()) m.macs = {mac};
    m.uuid = uuid;
    m.serial = serial;
    return m;
}
const Machine k_a = record("A", k_mac_a, k_uuid_a, "SN-A"), k_b = record("B", k_mac_b, k_uuid_b, "SN-B");

Identification who(const Hardware& seen, const std::vector<Machine>& records = {k_a, k_b}) {
    return identify(seen, records);
}

TEST(Identity, a_known_mac_is_enough_while_nothing_differs) {
    for (const Hardware& seen : {Hardware{k_mac_a, k_uuid_a, "SN-A"}, Hardware{k_mac_a, "", ""},
                                 Hardware{k_mac_a, k_uuid_a, ""}, Hardware{k_mac_a, "", "SN-A"}})
        EXPECT_EQ(who(seen), (Identification{Match::found, "A", ""}));
    EXPECT_EQ(who({k_mac_a, k_uuid_b, "SN-X"}, {record("A", k_mac_a, "", "")}),
              (Identification{Match::found, "A", ""}));
}

TEST(Identity, a_known_mac_with_another_uuid_or_serial_is_another_machine) {
    for (const Hardware& seen : {Hardware{k_mac_a, k_uuid_b, "SN-A"}, Hardware{k_mac_a, k_uuid_a, "SN-X"},
                                 Hardware{k_mac_a, k_uuid_b, ""}, Hardware{k_mac_a, "", "SN-B"}})
        EXPECT_EQ(who(seen), (Identification{Match::conflict, "A", "A"}));
}

TEST(Identity, uuid_and_serial_together_bring_a_new_card_into_the_record) {
    EXPECT_EQ(who({k_dock, k_uuid_a, "SN-A"}), (Identification{Match::mac_added, "A", ""}));
    EXPECT_EQ(who({"", k_uuid_a, "SN-A"}), (Identification{Match::found, "A", ""}));
}

TEST(Identity, one_of_uuid_and_serial_alone_is_nobodys) {
    for (const Hardware& seen : {Hardware{k_dock, k_uuid_a, ""}, Hardware{k_dock, "", "SN-A"},
                                 Hardware{k_dock, k_uuid_a, "SN-B"}, Hardware{k_dock, k_uuid_a, "SN-X"}})
        EXPECT_EQ(who(seen), Identification{});
    EXPECT_EQ(who({k_dock, k_uuid_a, "SN-A"}, {record("A", k_mac_a, k_uuid_a, "")}), Identification{});
    EXPECT_EQ(who({k_dock, k_uuid_a, "SN-A"}, {record("A", "", k_uuid_a, "")}), Identification{})
        << "a UUID is not enough for a record without a MAC either";
}

TEST(Identity, a_docks_card_that_travels_brings_nobody_anothers_record) {
    // It was recorded with A; now it is on B, and then on a machine that nobody knows.
    Machine a = k_a;
    a.macs.push_back(k_dock);
    EXPECT_EQ(who({k_dock, k_uuid_b, "SN-B"}, {a, k_b}), (Identification{Match::found, "B", "A"}));
    EXPECT_EQ(who({k_dock, "cccccccc-1234-4000-8000-0123456789ab", "SN-C"}, {a, k_b}),
              (Identification{Match::conflict, "A", "A"}));
}

TEST(Identity, a_card_recorded_alone_is_no_right_to_take_over_a_known_board) {
    EXPECT_EQ(who({k_mac_a, k_uuid_b, "SN-B"}, {record("A", k_mac_a, "", ""), k_b}),
              (Identification{Match::conflict, "A", "A"}));
}

TEST(Identity, boards_with_one_uuid_and_serial_are_told_apart_by_their_macs_only) {
    const std::vector<Machine> twins{k_a, record("B", k_mac_b, k_uuid_a, "SN-A")};
    EXPECT_EQ(who({k_mac_b, k_uuid_a, "SN-A"}, twins), (Identification{Match::found, "B", ""}));
    EXPECT_EQ(who({k_dock, k_uuid_a, "SN-A"}, twins).match, Match::conflict);
    EXPECT_EQ(who({"", k_uuid_a, "SN-A"}, twins).match, Match::conflict);
}

TEST(Identity, placeholders_that_were_stored_are_not_compared) {
    const Machine old = record("A", k_mac_a, "03000200-0400-0500-0006-000700080009", "Default string");
    EXPECT_EQ(who({k_mac_a, k_uuid_b, "SN-X"}, {old}).match, Match::found);
    EXPECT_EQ(who({k_dock, "03000200-0400-0500-0006-000700080009", "Default string"}, {old}),
              Identification{})
        << "even if a caller passes them on";
}

TEST(Identity, either_byte_order_of_a_uuid_is_the_same_uuid) {
    const std::string a = "11223344-5566-7788-99aa-bbccddeeff01", b = "44332211-6655-8877-99aa-bbccddeeff01";
    EXPECT_EQ(swapped_uuid(a), b);
    EXPECT_TRUE(same_uuid(a, b));
    EXPECT_EQ(who({k_mac_a, b, ""}, {record("A", k_mac_a, a, "")}).match, Match::found);
    EXPECT_EQ(who({k_dock, b, "SN-A"}, {record("A", k_mac_a, a, "SN-A")}).match, Match::mac_added);
}

/// The rule of the issue, written down anew, over every combination of what is sent and stored.
TEST(Identity, gives_a_record_by_the_rule_and_by_nothing_else) {
    const std::vector<std::string> macs{"", k_mac_a, k_mac_b, k_dock}, uuids{"", k_uuid_a, k_uuid_b},
        serials{"", "SN-A", "SN-B"};
    int combinations = 0;
    for (const auto& ua : uuids)
        for (const auto& sa : serials)
            for (const auto& ub : uuids)
                for (const auto& sb : serials)
                    for (const auto& mac : macs)
                        for (const auto& uuid : uuids)
                            for (const auto& serial : serials) {
                                ++combinations;
                                const std::vector<Machine> records{record("A", k_mac_a, ua, sa),
                                                                   record("B", k_mac_b, ub, sb)};
                                const Identification got = identify({mac, uuid, serial}, records);
                                std::vector<std::string> owners;
                                std::string with_mac;
                                for (const auto& r : records) {
                                    const auto other = [](const std::string& stored,
                                                          const std::string& sent) {
                                        return !stored.empty() && !sent.empty() && stored != sent;
                                    };
                                    const bool has_mac = r.macs[0] == mac;
                                    if (has_mac) with_mac = r.id;
                                    if ((has_mac && !other(r.uuid, uuid) && !other(r.serial, serial)) ||
                                        (!uuid.empty() && r.uuid == uuid && !serial.empty() &&
                                         r.serial == serial))
                                        owners.push_back(r.id);
                                }
                                SCOPED_TRACE(fmt::format("A {} {}, B {} {}, sent {} {} {}", ua, sa, ub, sb,
                                                         mac, uuid, serial));
                                const bool given = got.match == Match::found || got.match == Match::mac_added;
                                if (given) {
                                    EXPECT_TRUE(std::ranges::count(owners, got.record));
                                }
                                if (owners.size() == 1) {
                                    EXPECT_TRUE(given);
                                }
                                if (owners.empty()) {
                                    EXPECT_EQ(got.match, with_mac.empty() ? Match::unknown : Match::conflict);
                                    EXPECT_EQ(got.record, with_mac);
                                }
                                if (got.match == Match::mac_added) {
                                    EXPECT_EQ(with_mac, "");
                                    EXPECT_NE(mac, "");
                                }
                            }
    EXPECT_EQ(combinations, 9 * 9 * 36);
}

TEST(Identity, a_record_learns_what_it_lacks_and_forgets_nothing) {
    Machine m = record("A", k_mac_a, "", "Default string");
    EXPECT_TRUE(learn(m, {k_mac_a, k_uuid_a, "SN-A"}, {Match::found, "A", ""}));
    EXPECT_EQ(m.uuid, k_uuid_a);
    EXPECT_EQ(m.serial, "SN-A");
    EXPECT_FALSE(learn(m, {k_mac_a, k_uuid_a, "SN-A"}, {Match::found, "A", ""}));
    EXPECT_FALSE(learn(m, {k_mac_a, "", ""}, {Match::found, "A", ""}));
    EXPECT_TRUE(learn(m, {k_dock, k_uuid_a, "SN-A"}, {Match::mac_added, "A", ""}));
    EXPECT_EQ(m.macs, (std::vector<std::string>{k_mac_a, k_dock}));
    EXPECT_FALSE(learn(m, {k_mac_b, k_uuid_b, "SN-B"}, {Match::conflict, "A", "A"}));
    EXPECT_FALSE(learn(m, {k_mac_b, k_uuid_a, "SN-A"}, {Match::found, "A", "B"}))
        << "another's card stays there";
    for (int i = 0; m.macs.size() < k_max_macs; ++i)
        m.macs.push_back(fmt::format("52:54:00:00:01:{:02x}", i));
    EXPECT_FALSE(learn(m, {"52:54:00:00:02:00", k_uuid_a, "SN-A"}, {Match::mac_added, "A", ""}));
}

TEST(Identity, an_own_record_needs_something_of_its_own) {
    EXPECT_TRUE(can_be_recorded({k_dock, "", ""}, {}));
    EXPECT_TRUE(can_be_recorded({"", k_uuid_a, "SN-A"}, {}));
    EXPECT_FALSE(can_be_recorded({"", k_uuid_a, ""}, {}));
    EXPECT_FALSE(can_be_recorded({k_mac_a, k_uuid_b, ""}, {Match::conflict, "A", "A"}));
    EXPECT_TRUE(can_be_recorded({k_mac_a, k_uuid_b, "SN-B"}, {Match::conflict, "A", "A"}));
    EXPECT_TRUE(can_be_recorded({k_dock, k_uuid_a, "SN-A"}, {Match::conflict, "A", ""}));
}

TEST(Placeholder, serials_that_many_boards_carry_say_nothing) {
    for (const char* text : {"",
                             " ",
                             "0",
                             "00000000",
                             "xxxxxxxx",
                             "........",
                             "None",
                             "NONE",
                             "Not Specified",
                             "not specified ",
                             "To be filled by O.E.M.",
                             "To Be Filled By O.E.M",
                             "To be filled by OEM",
                             "ToBeFilledByO.E.M.",
                             "Default string",
                             "Default_String",
                             "System Serial Number",
                             "SystemSerialNumber",
                             "Serial Number",
                             "Chassis Serial Number",
                             "N/A",
                             "Unknown",
                             "INVALID",
                             "OEM",
                             "O.E.M.",
                             "123456789",
                             "0123456789",
                             "1234567890",
                             "01234567890123456789",
                             "123456789ABCDEF",
                             "FFFFFFFF",
                             "Not Available",
                             "-",
                             "0-0-0"})
        EXPECT_TRUE(is_placeholder_serial(text)) << text;
    for (const char* text : {"LAB-0001", "AB 1", "S 1", "5CG1234XYZ", "PF0ABCDE", "VMware-56 4d 3c 2b", "123",
                             "1234567891", "NONE-7", "OEM12345"})
        EXPECT_FALSE(is_placeholder_serial(text)) << text;
}

TEST(Placeholder, uuids_that_many_boards_carry_say_nothing) {
    for (const char* text : {"", "00000000-0000-0000-0000-000000000000",
                             "ffffffff-ffff-ffff-ffff-ffffffffffff", "ffffff00-ffff-ffff-ffff-ffffffffffff",
                             "fefefefe-fefe-fefe-fefe-fefefefefefe", "03000200-0400-0500-0006-000700080009",
                             "00020003-0004-0005-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc",
                             "78563412-3412-7856-90ab-cddeefaabbcc", "00112233-4455-6677-8899-aabbccddeeff"})
        EXPECT_TRUE(is_placeholder_uuid(text)) << text;
    for (const auto& text : {k_uuid_a, k_uuid_b, std::string("12345678-abcd-4000-8000-0123456789ab"),
                             std::string("00000000-0000-0000-0000-525400abcdef")})
        EXPECT_FALSE(is_placeholder_uuid(text)) << text;
}

TEST(Placeholder, macs_of_no_station_say_nothing_and_those_of_virtual_machines_do) {
    for (const char* text :
         {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "88:88:88:88:87:88",
          "02:00:00:00:00:00", "00:11:22:33:44:55", "aa:aa:aa:aa:aa:aa"})
        EXPECT_TRUE(is_placeholder_mac(text)) << text;
    for (const char* text : {"52:54:00:12:34:56", "02:42:ac:11:00:02", "00:e0:4c:68:12:34"})
        EXPECT_FALSE(is_placeholder_mac(text)) << text;
}

TEST(Hardware, holds_only_what_tells_machines_apart) {
    EXPECT_EQ(*parse_hardware("52-54-00-00-00-0A", "AAAAAAAA-1234-4000-8000-0123456789AB", " SN-A "),
              (Hardware{k_mac_a, k_uuid_a, "SN-A"}));
    EXPECT_EQ(*parse_hardware("00-00-00-00-00-00", "03000200-0400-0500-0006-000700080009", "None"),
              Hardware{});
    EXPECT_EQ(*parse_hardware("ff:ff:ff:ff:ff:ff", "", ""), Hardware{});
    EXPECT_EQ(*parse_hardware("80-00-02-08-fe-80-00-00-00-00-00-00-00-02-c9-03-00-11-22-33", "", ""),
              Hardware{})
        << "InfiniBand";
    EXPECT_EQ(*parse_hardware("", "", ""), Hardware{}) << "a modem has none";
    EXPECT_EQ(code_of(parse_hardware("x", "", "")), "BERTH-P01");
    EXPECT_EQ(code_of(parse_hardware("80-00-", "", "")), "BERTH-P01");
    EXPECT_EQ(code_of(parse_hardware(k_mac_a, "x", "")), "BERTH-P01");
}

/// The cases as a table in Markdown, each decided by identify().
std::string identity_table_text() {
    const std::string a1 = "52:54:00:00:00:0a", b1 = "52:54:00:00:00:0b", other = "52:54:00:00:00:0c";
    const std::string ua = "aaaaaaaa-1234-4000-8000-0123456789ab",
                      ub = "bbbbbbbb-1234-4000-8000-0123456789ab",
                      uc = "cccccccc-1234-4000-8000-0123456789ab";
    const std::string sa = "SERIAL-A", sb = "SERIAL-B", sc = "SERIAL-C";
    const std::vector<Machine> both{{.id = "A", .macs = {a1}, .uuid = ua, .serial = sa},
                                    {.id = "B", .macs = {b1}, .uuid = ub, .serial = sb}};
    std::vector<Machine> bare = both, twins = both;
    bare[0].uuid = bare[0].serial = "";
    twins[1].uuid = ua, twins[1].serial = sa;
    struct Case {
        const char* records;
        const std::vector<Machine>& list;
        Hardware seen;
    };
    const char* const k_two = "A and B";
    const char* const k_bare = "A with its MAC alone, and B";
    const char* const k_twins = "A and B with one UUID and serial";
    const Case cases[] = {
        {k_two, both, {a1, ua, sa}},       {k_two, both, {a1, "", ""}},    {k_two, both, {a1, ua, ""}},
        {k_two, both, {a1, "", sa}},       {k_two, both, {a1, uc, sc}},    {k_two, both, {a1, uc, sa}},
        {k_two, both, {a1, ua, sc}},       {k_two, both, {a1, uc, ""}},    {k_two, both, {a1, "", sc}},
        {k_two, both, {a1, ub, sb}},       {k_two, both, {other, ua, sa}}, {k_two, both, {"", ua, sa}},
        {k_two, both, {other, ua, sc}},    {k_two, both, {other, uc, sa}}, {k_two, both, {other, ua, ""}},
        {k_two, both, {other, "", sa}},    {k_two, both, {other, uc, sc}}, {k_two, both, {other, "", ""}},
        {k_two, both, {"", "", ""}},       {k_bare, bare, {a1, uc, sc}},   {k_bare, bare, {a1, "", ""}},
        {k_bare, bare, {a1, ub, sb}},      {k_bare, bare, {a1, ub, sc}},   {k_twins, twins, {a1, ua, sa}},
        {k_twins, twins, {other, ua, sa}}, {k_twins, twins, {"", ua, sa}}};
    const auto word = [](const std::string& value, const std::string& of_a, const std::string& of_b,
                         const char* a_or_b) {
        if (value.empty()) return "none";
        return value == of_a && value == of_b ? a_or_b
               : value == of_a                ? "A's"
               : value == of_b                ? "B's"
                                              : "another";
    };
    std::string text = "| recorded | MAC | UUID | serial | the request is |\n|---|---|---|---|---|\n";
    for (const Case& c : cases) {
        const Identification who = identify(c.seen, c.list);
        std::string result;
        switch (who.match) {
            case Match::unknown:
                result = "of an unknown machine";
                break;
            case Match::found:
                result = who.record + "'s";
                if (!who.card_of.empty()) result += ", with a card of " + who.card_of + "'s";
                break;
            case Match::mac_added:
                result = who.record + "'s, which gets the MAC";
                break;
            case Match::conflict:
                result = "of an unknown machine, a conflict with " + who.record;
                break;
        }
        const char* board_of = &c.list == &twins ? "A's and B's" : "A's";
        text += fmt::format("| {} | {} | {} | {} | {} |\n", c.records, word(c.seen.mac, a1, b1, ""),
                            word(c.seen.uuid, ua, c.list[1].uuid, board_of),
                            word(c.seen.serial, sa, c.list[1].serial, board_of), result);
    }
    return text;
}

TEST(IdentityTable, is_the_one_in_the_architecture_page) {
    std::ifstream file(BERTH_SOURCE_DIR "/docs/architecture.md");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_TRUE(text.str().contains(identity_table_text())) << "put this into docs/architecture.md:\n"
                                                            << identity_table_text();
}

}  // namespace
}  // namespace berth::server
