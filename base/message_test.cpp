// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/message.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace berth {
namespace {

using nlohmann::json;

TEST(Message, comes_out_as_it_went_in) {
    auto pair = message_pair();
    ASSERT_TRUE(pair);
    MessageSocket a(std::move(pair->first)), b(std::move(pair->second));
    const json body{{"type", "prompt"}, {"text", "Passw\u00f6rt: "}, {"id", 7}};
    ASSERT_TRUE(a.send(make_frame(body)));
    auto message = b.wait(1000);
    ASSERT_TRUE(message && *message);
    EXPECT_EQ((*message)->body, body);
    EXPECT_FALSE((*message)->fd);
}

TEST(Message, carries_a_descriptor_that_works) {
    auto pair = message_pair();
    ASSERT_TRUE(pair);
    MessageSocket a(std::move(pair->first)), b(std::move(pair->second));
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    UniqueFd read_end(fds[0]), write_end(fds[1]);
    ASSERT_TRUE(a.send(make_frame({{"type", "console"}, {"fd", true}}), write_end.get()));
    auto message = b.wait(1000);
    ASSERT_TRUE(message && *message);
    ASSERT_TRUE((*message)->fd);
    ASSERT_TRUE(write_all((*message)->fd.get(), "x"));
    char c = 0;
    ASSERT_EQ(read(read_end.get(), &c, 1), 1);
    EXPECT_EQ(c, 'x');
}

TEST(Message, is_put_together_from_one_byte_at_a_time) {
    auto frame = make_frame({{"type", "answer"}, {"text", "secret"}});
    ASSERT_TRUE(frame);
    std::string buffer;
    for (size_t i = 0; i + 1 < frame->size(); ++i) {
        buffer += (*frame)[i];
        auto taken = take_frame(buffer);
        ASSERT_TRUE(taken);
        ASSERT_FALSE(*taken);
    }
    buffer += frame->back();
    auto taken = take_frame(buffer);
    ASSERT_TRUE(taken && *taken);
    EXPECT_EQ((**taken)["text"], "secret");
    EXPECT_TRUE(buffer.empty());
}

TEST(Message, is_an_error_when_it_is_malformed) {
    for (std::string bytes : {std::string("\0\0\0\0", 4), std::string("\xff\xff\xff\xff", 4),
                              std::string("\0\0\0\2[]", 6), std::string("\0\0\0\2{}", 6),
                              std::string("\0\0\0\1x", 5), std::string("\0\0\0\x0a{\"type\":1}", 14)}) {
        EXPECT_FALSE(take_frame(bytes)) << bytes.size();
    }
    std::string deep = "{\"type\":" + std::string(1000, '[') + std::string(1000, ']') + "}";
    std::string frame{0, 0, static_cast<char>(deep.size() >> 8), static_cast<char>(deep.size() & 0xff)};
    frame += deep;
    EXPECT_FALSE(take_frame(frame));
}

TEST(Message, is_refused_by_the_sender_when_it_is_too_large) {
    EXPECT_FALSE(make_frame({{"type", "x"}, {"text", std::string(k_max_message, 'a')}}));
}

TEST(Message, is_sent_with_replacements_for_bytes_that_are_not_utf8) {
    EXPECT_TRUE(make_frame({{"type", "x"}, {"text", "\xff\xfe"}}));
}

TEST(Message, is_an_error_after_the_other_end_closed) {
    auto pair = message_pair();
    ASSERT_TRUE(pair);
    MessageSocket a(std::move(pair->first));
    pair->second.reset();
    EXPECT_FALSE(a.wait(1000));
    EXPECT_FALSE(a.send(make_frame({{"type", "x"}})));
}

TEST(Message, ends_the_connection_of_a_peer_that_hoards_our_descriptors) {
    auto pair = message_pair();
    ASSERT_TRUE(pair);
    MessageSocket a(std::move(pair->first)), b(std::move(pair->second));
    bool ended = false;
    for (int i = 0; i < 64 && !ended; ++i) {
        ASSERT_TRUE(a.send(make_frame({{"type", "x"}}),
                           0));  // does not say that a descriptor comes with it: nobody takes it
        ended = !b.receive();
    }
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace berth
