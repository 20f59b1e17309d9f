// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace berth {
namespace {

using nlohmann::json;

class Output : public ::testing::Test {
  protected:
    static std::string out(auto&& print) {
        ::testing::internal::CaptureStdout();
        print();
        return ::testing::internal::GetCapturedStdout();
    }
};

TEST_F(Output, has_lines_of_its_own_and_none_of_a_name) {
    const std::string name = "a\nroot: all is well\x1b[31m";
    EXPECT_EQ(out([&] { say("{}: made, {} of {:>3}\n", name, std::string_view(name), 7); }),
              "a\\x0aroot: all is well\\x1b[31m: made, a\\x0aroot: all is well\\x1b[31m of   7\n");
    EXPECT_EQ(out([&] { say("{}\n", name.c_str()); }), "a\\x0aroot: all is well\\x1b[31m\n");
    EXPECT_EQ(text_of({"x", name}), "x\na\\x0aroot: all is well\\x1b[31m\n");
    EXPECT_EQ(out([&] { print_text(Stream::out, "x\ny\x9b\n"); }), "x\ny\\x9b\n");
}

TEST_F(Output, steers_no_terminal_on_standard_error_either) {
    ::testing::internal::CaptureStderr();
    complain("berthctl: {}\n", "\xc2\x9b");
    show_progress("50 %\x1b");
    end_progress();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(),
              "berthctl: \\xc2\\x9b\n\r50 %\\x1b" + std::string(70, ' ') + "\n");
}

TEST_F(Output, keeps_the_value_of_json_and_holds_nothing_that_steers) {
    std::string text = "\"";
    for (char32_t code = 0; code < 0xf0000; ++code) {
        // Between these no plane has anything but letters.
        if (code == 0x20000) code = 0xe0000;
        if (code < 0xd800 || code >= 0xe000) append_utf8(text, code);
        if (code % 0x1000 != 0xfff) continue;
        const json value{{text, text}};
        const std::string printed = printable_json(value);
        ASSERT_EQ(json::parse(printed), value) << static_cast<unsigned>(code);
        ASSERT_EQ(printable(printed, std::string::npos, Newlines::kept), printed)
            << static_cast<unsigned>(code);
        text.clear();
    }
    EXPECT_EQ(out([] { say_json({{"a", "Größe\xc2\x9b"}, {"b", "\x7f\U000e0041"}}, -1); }),
              "{\"a\":\"Größe\\u009b\",\"b\":\"\\u007f\\udb40\\udc41\"}\n");
    EXPECT_EQ(printable_json({{"a", "x\xff"}}, -1), "{\"a\":\"x\xef\xbf\xbd\"}") << "no UTF-8";
}

TEST_F(Output, is_byte_by_byte_for_another_program) {
    EXPECT_EQ(out([] { EXPECT_TRUE(say_file("a\x1b\xff\n")); }), "a\x1b\xff\n");
}

}  // namespace
}  // namespace berth
