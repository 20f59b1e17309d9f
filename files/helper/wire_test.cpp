// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/wire.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth::files {
namespace {

/// What the caller of berth-files is told of an error that happened there.
Error received(const Error& error) {
    const auto reply =
        decode_reply({.call = FileCall::remove}, encode_reply(FileCall::remove, {.error = error}));
    return reply ? reply->error.value_or(Error(ErrorCode::I01, "no error")) : reply.error();
}

TEST(FileReplyOnTheWire, keeps_code_condition_and_text_of_an_error) {
    const Error absent = received(Error(ErrorCode::M09, "server fs1, LOOKUP"));
    EXPECT_EQ(code_of(absent), "BERTH-M09");
    EXPECT_EQ(absent.condition(), Condition::absent);
    EXPECT_EQ(absent.detail(), "server fs1, LOOKUP");
    EXPECT_EQ(received(Error(ErrorCode::M07)).condition(), Condition::full);
}

// A lock that is not there is lost, and a VM that is not there may be made: no other failure may say so.
TEST(FileReplyOnTheWire, means_absent_only_for_a_name_that_is_not_there) {
    for (const ErrorCode code :
         {ErrorCode::M01, ErrorCode::M02, ErrorCode::M03, ErrorCode::M04, ErrorCode::M05, ErrorCode::M06,
          ErrorCode::M07, ErrorCode::M08, ErrorCode::M10, ErrorCode::M11, ErrorCode::M12, ErrorCode::M13,
          ErrorCode::I01, ErrorCode::I03})
        EXPECT_NE(received(Error(code)).condition(), Condition::absent) << code_name(code);
}

TEST(FileReplyOnTheWire, says_of_an_error_that_is_none_of_a_file_operations_only_that_there_was_one) {
    const Error foreign = received(Error(ErrorCode::L01, "from elsewhere"));
    EXPECT_EQ(code_of(foreign), "BERTH-M11");
    EXPECT_EQ(foreign.detail(), "from elsewhere");
}

TEST(FileReplyOnTheWire, is_not_believed_when_its_error_is_unknown) {
    std::string bytes = encode_reply(FileCall::remove, {.error = Error(ErrorCode::M01, "")});
    const size_t code = bytes.find('\1') + 2;  // behind the two flags
    for (const char unknown : {'\x0f', '\xff'}) {
        bytes[code] = unknown;
        EXPECT_EQ(code_of(decode_reply({.call = FileCall::remove}, bytes)), "BERTH-I03");
    }
}

}  // namespace
}  // namespace berth::files
