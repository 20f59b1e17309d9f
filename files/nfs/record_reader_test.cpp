// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/record_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace berth::files {
namespace {

std::string fragment(const std::string& bytes, bool last) {
    const auto n = static_cast<uint32_t>(bytes.size()) | (last ? 0x80000000U : 0);
    std::string made;
    for (int shift = 24; shift >= 0; shift -= 8) made += static_cast<char>(n >> shift & 0xff);
    return made + bytes;
}

/// The records of a stream that comes in pieces of `step` bytes.
std::vector<std::string> records(RecordReader& reader, std::string_view stream, size_t step) {
    std::vector<std::string> found;
    while (!stream.empty() && !reader.bad()) {
        const auto room = reader.room();
        EXPECT_FALSE(room.empty());
        const size_t count = std::min({step, room.size(), stream.size()});
        std::copy_n(stream.begin(), count, room.begin());
        reader.received(count);
        stream.remove_prefix(count);
        while (const auto record = reader.next()) found.emplace_back(*record);
    }
    return found;
}

TEST(RecordReader, finds_the_same_records_however_the_stream_is_cut) {
    const std::string large(300'000, 'x');
    const std::vector<std::string> sent = {"one", "", std::string(70'000, 'y'), large, "the last"};
    std::string stream;
    for (const auto& record : sent) {
        // Every second one in three fragments.
        if (record.size() % 2 != 0) {
            stream +=
                fragment(record.substr(0, 1), false) + fragment("", false) + fragment(record.substr(1), true);
        } else {
            stream += fragment(record, true);
        }
    }
    for (const size_t step : {1, 3, 4, 5, 1000, 1 << 16, 1 << 20}) {
        RecordReader reader(large.size());
        EXPECT_EQ(records(reader, stream, step), sent) << step;
        EXPECT_FALSE(reader.bad());
    }
}

TEST(RecordReader, refuses_a_record_that_is_longer_than_allowed_before_it_comes) {
    RecordReader reader(10);
    EXPECT_EQ(records(reader, fragment("0123456789", true), 100).size(), 1U);
    EXPECT_TRUE(records(reader, fragment("01234567890", true).substr(0, 4), 100).empty());
    EXPECT_TRUE(reader.bad());
}

TEST(RecordReader, refuses_fragments_that_are_too_long_together) {
    RecordReader reader(10);
    EXPECT_TRUE(records(reader, fragment("012345", false) + fragment("67890", true), 100).empty());
    EXPECT_TRUE(reader.bad());
}

TEST(RecordReader, refuses_a_record_of_fragments_without_end) {
    RecordReader reader(1000);
    std::string stream;
    for (int i = 0; i < 100; i++) stream += fragment("", false);
    EXPECT_TRUE(records(reader, stream, 1 << 16).empty());
    EXPECT_TRUE(reader.bad());
}

}  // namespace
}  // namespace berth::files
