// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/strict_json.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

const JsonFormat k_strict{.name = "a.json",
                          .code = ErrorCode::I04,
                          .unknown = JsonFormat::refuse,
                          .why = "a test",
                          .longest = 1000};
const JsonFormat k_lenient{.name = "a.json",
                           .code = ErrorCode::I04,
                           .unknown = JsonFormat::ignore,
                           .why = "a test",
                           .longest = 1000};

/// What is wrong with the text; empty: nothing.
std::string fault_of(std::string_view text, const ReadMembers& read, const JsonFormat& format = k_strict) {
    const Status status = read_json(text, format, read);
    if (status) return "";
    EXPECT_EQ(code_name(status.error().code()), "BERTH-I04");
    return status.error().detail();
}

void read_nothing(JsonFields&) {}

TEST(StrictJson, takes_rfc_8259_and_nothing_else) {
    for (const char* text : {"", "{", "{}x", "{'a':1}", "{\"a\":1,}", "{\"a\":01}", "{/**/}", "{\"a\":NaN}",
                             "{\"\xff\":1}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\\ud800\"}"})
        EXPECT_EQ(fault_of(text, read_nothing, k_lenient), "a.json: must be JSON") << text;
    for (const char* text : {"[]", "1", "null", "\"{}\""}) {
        EXPECT_EQ(fault_of(text, read_nothing), "a.json: must be a JSON object") << text;
        EXPECT_TRUE(parse_json(text, k_strict)) << text;
    }
    EXPECT_EQ(fault_of(" {\"a\" : [1, \"\\u00e4\"]}\n", read_nothing, k_lenient), "");
}

TEST(StrictJson, refuses_a_member_that_is_there_twice_at_any_level) {
    EXPECT_EQ(fault_of(R"({"a":1,"a":1})", read_nothing, k_lenient), R"(a.json: member "a" appears twice)");
    EXPECT_EQ(fault_of(R"({"a":[{"b":{},"b":1}]})", read_nothing, k_lenient),
              R"(a.json: member "b" appears twice)");
    EXPECT_EQ(fault_of(R"({"a":{"a":1},"b":{"a":1}})", read_nothing, k_lenient), "");
}

TEST(StrictJson, bounds_size_and_depth) {
    const auto nested = [](int levels) {
        return "{\"a\":" + std::string(levels - 1, '[') + "1" + std::string(levels - 1, ']') + "}";
    };
    EXPECT_EQ(fault_of(nested(k_json_levels), read_nothing, k_lenient), "");
    EXPECT_EQ(fault_of(nested(k_json_levels + 1), read_nothing, k_lenient),
              "a.json: must be at most 16 levels deep");
    EXPECT_EQ(fault_of("{}" + std::string(998, ' '), read_nothing), "");
    EXPECT_EQ(fault_of("{}" + std::string(999, ' '), read_nothing),
              "a.json: 1001 bytes: must be at most 1000");
}

TEST(StrictJson, names_source_member_value_and_range) {
    const auto deep = [](const ReadMembers& read) {
        return [read](JsonFields& f) {
            f.object("nfs", [&](JsonFields& nfs) { nfs.objects("disks", 1, 2, read); });
        };
    };
    const auto one = [&](const std::string& value, const ReadMembers& read) {
        return fault_of(R"({"nfs":{"disks":[{},{"a":)" + value + "}]}}", [&](JsonFields& f) {
            f.object("nfs", [&](JsonFields& nfs) {
                nfs.objects("disks", 1, 2, [&](JsonFields& disk) {
                    if (disk.has("a")) read(disk);
                });
            });
        });
    };
    const std::string at = "a.json: nfs.disks[1].a ";
    EXPECT_EQ(one("7", [](JsonFields& f) { f.text("a", 1, 9); }), at + "7: must be a text of 1 to 9 bytes");
    EXPECT_EQ(one("\"\"", [](JsonFields& f) { f.any_text("a", 1, 9); }),
              at + "\"\": must be a text of 1 to 9 bytes");
    EXPECT_EQ(one("\"\\u001b\"", [](JsonFields& f) { f.text("a", 0, 9); }),
              at + "\"\\u001b\": must be a text of at most 9 bytes without control characters");
    EXPECT_EQ(one("\"\\u001b\"", [](JsonFields& f) { EXPECT_EQ(f.any_text("a", 0, 9), "\x1b"); }), "");
    EXPECT_EQ(
        one("\"c\"", [](JsonFields& f) { f.choice("a", std::array{std::pair{1, "x"}, std::pair{2, "y"}}); }),
        at + R"("c": must be "x" or "y")");
    EXPECT_EQ(one("1", [](JsonFields& f) { f.boolean("a"); }), at + "1: must be true or false");
    EXPECT_EQ(one("null", [](JsonFields& f) { f.object("a", read_nothing); }),
              at + "null: must be an object");
    EXPECT_EQ(one("[1,{}]", [](JsonFields& f) { f.objects("a", 0, 1, read_nothing); }),
              at + "[1,{}]: must be a list of 0 to 1 members");
    EXPECT_EQ(one("[{},1]", [](JsonFields& f) { f.objects("a", 0, 2, read_nothing); }),
              "a.json: nfs.disks[1].a[1] 1: must be an object");
    EXPECT_EQ(one("[\"\",7]", [](JsonFields& f) { f.texts("a", 2, 9); }),
              "a.json: nfs.disks[1].a[1] 7: must be a text of at most 9 bytes");
    EXPECT_EQ(one("[0,70000]", [](JsonFields& f) { f.numbers<uint16_t>("a", 2); }),
              "a.json: nfs.disks[1].a[1] 70000: must be a whole number from 0 to 65535");
    EXPECT_EQ(fault_of("{}", deep(read_nothing)), "a.json: nfs is missing: must be an object");
    EXPECT_EQ(fault_of(R"({"nfs":{"disks":[]}})", deep(read_nothing)),
              "a.json: nfs.disks []: must be a list of 1 to 2 members");
}

TEST(StrictJson, a_number_is_whole_and_within_its_range) {
    const auto read = [](JsonFields& f) { f.number("n", 1, 5); };
    for (const char* number : {"0", "6", "-1", "1.0", "1e0", "18446744073709551616", "true", "\"1\"", "null"})
        EXPECT_EQ(fault_of(std::string("{\"n\":") + number + "}", read)
                          .find("must be a whole number from 1 to 5") == std::string::npos,
                  false)
            << number;
    EXPECT_EQ(fault_of("{}", read), "a.json: n is missing: must be a whole number from 1 to 5");
    uint64_t most = 0;
    EXPECT_EQ(fault_of(R"({"n":18446744073709551615})", [&](JsonFields& f) { most = f.number("n"); }), "");
    EXPECT_EQ(most, UINT64_MAX);
}

TEST(StrictJson, an_unknown_member_is_refused_or_ignored_as_the_format_says_at_every_level) {
    const auto read = [](JsonFields& f) {
        f.object("a", [](JsonFields& a) { a.objects("b", 0, 9, read_nothing); });
    };
    for (const auto& [text, fault] :
         {std::pair{R"({"a":{"b":[]},"x\u001b":1})", "a.json: x\\x1b: is not a known member"},
          std::pair{R"({"a":{"b":[],"x":{"y":1}}})", "a.json: a.x: is not a known member"},
          std::pair{R"({"a":{"b":[{},{"x":null}]}})", "a.json: a.b[1].x: is not a known member"}}) {
        EXPECT_EQ(fault_of(text, read), fault);
        EXPECT_EQ(fault_of(text, read, k_lenient), "");
    }
}

TEST(StrictJson, hands_out_the_members_that_nothing_has_read) {
    std::map<std::string, std::string> others;
    const auto read = [&](JsonFields& fields) {
        fields.number("a");
        others = fields.others();
    };
    EXPECT_EQ(fault_of(R"({"a":1,"b":{"c":[2]},"d":null})", read), "") << "they count as read";
    EXPECT_EQ(others, (std::map<std::string, std::string>{{"b", R"({"c":[2]})"}, {"d", "null"}}));
}

TEST(StrictJson, tells_the_first_fault_and_shows_little_of_a_long_value) {
    const std::string text = R"({"a":")" + std::string(500, 'x') + R"(","b":1,"c":2})";
    const std::string fault = fault_of(text, [](JsonFields& f) {
        f.text("a", 0, 9);
        EXPECT_EQ(f.number("b"), 0u) << "after a fault a default";
        f.text("c", 0, 9);
    });
    EXPECT_TRUE(fault.starts_with("a.json: a \"xxx")) << fault;
    EXPECT_LT(fault.size(), 160u);
}

TEST(StrictJson, a_null_is_told_from_a_member_that_is_missing) {
    bool null = false;
    EXPECT_EQ(fault_of(R"({"a":null})", [&](JsonFields& f) { null = f.is_null("a"); }), "");
    EXPECT_TRUE(null);
    EXPECT_EQ(fault_of(R"({"a":0})", [&](JsonFields& f) { null = f.is_null("a"); }), "");
    EXPECT_FALSE(null);
    EXPECT_EQ(fault_of("{}", [](JsonFields& f) { f.is_null("a"); }),
              "a.json: a is missing: must be null or a value");
}

TEST(StrictJson, looks_into_a_stored_value_whatever_it_is) {
    const auto value = *parse_json(R"({"a":"x","b":7})", k_strict);
    EXPECT_EQ(member_text(value, "a", "?"), "x");
    EXPECT_EQ(member_text(value, "b", "?"), "?");
    EXPECT_EQ(member_text(value, "c", "?"), "?");
    for (const char* other : {"null", "7", "\"a\"", "[1]"})
        EXPECT_TRUE(json_member(*parse_json(other, k_strict), "a").is_null()) << other;
}

TEST(StrictJson, writes_bytes_that_are_no_utf8_as_the_replacement_character) {
    EXPECT_EQ(dump_json({{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
    EXPECT_EQ(dump_json({{"a", 1}}, 1), "{\n \"a\": 1\n}");
}

}  // namespace
}  // namespace berth
