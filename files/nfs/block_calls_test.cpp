// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/block_calls.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "files/nfs/libnfs_raw.h"
#include "tests/testing/loopback_peer.h"

namespace berth::files {
namespace {

const NfsCredentials k_ann{1000, 100, {4, 27, 100}};
constexpr size_t k_xid = 4, k_stamp = 36;  // where they are in a call

std::string words(std::initializer_list<uint32_t> numbers) {
    std::string made;
    for (const uint32_t n : numbers)
        for (int shift = 24; shift >= 0; shift -= 8) made += static_cast<char>(n >> shift & 0xff);
    return made;
}

/// A server that only listens, and libnfs's connection to it.
struct BesideLibnfs : ::testing::Test, LoopbackPeer {
    void SetUp() override { ASSERT_NO_FATAL_FAILURE(connect(k_ann)); }
    static void ignored(rpc_context*, int, void*, void*) {}
    /// The call that libnfs was just given, with the number and stamp of `ours`.
    std::string theirs() {
        while ((connection->events() & POLLOUT) != 0) connection->service(POLLOUT);
        std::string sent(4096, '\0');
        const ssize_t got = recv(peer.get(), sent.data(), sent.size(), MSG_DONTWAIT);
        sent.resize(got > 0 ? static_cast<size_t>(got) : 0);
        for (const size_t at : {k_xid, k_stamp})
            if (sent.size() >= at + 4) sent.replace(at, 4, ours, at, 4);
        return sent;
    }

    BlockCalls calls{k_ann};
    std::string ours;
};

TEST_F(BesideLibnfs, every_call_has_the_bytes_that_libnfs_sends) {
    for (const FileHandle& file : {FileHandle("handle.."), FileHandle("abcdefghi"), FileHandle(64, 'h')}) {
        ours.clear();
        calls.null(ours, 17);
        ASSERT_EQ(rpc_nfs3_null_async(connection->context(), ignored, nullptr), 0);
        EXPECT_EQ(ours, theirs()) << "NULL";

        ours.clear();
        READ3args read{fh_of(file), 0x123456789aULL, 4096};
        calls.read(ours, 18, file, read.offset, read.count);
        ASSERT_EQ(rpc_nfs3_read_async(connection->context(), ignored, &read, nullptr), 0);
        EXPECT_EQ(ours, theirs()) << "READ";

        ours.clear();
        COMMIT3args commit{fh_of(file), 0, 0};
        calls.commit(ours, 19, file);
        ASSERT_EQ(rpc_nfs3_commit_async(connection->context(), ignored, &commit, nullptr), 0);
        EXPECT_EQ(ours, theirs()) << "COMMIT";

        for (const std::string data : {"", "a", "ab", "abc", "abcd"}) {
            for (const bool stable : {false, true}) {
                ours.clear();
                WRITE3args write{};
                write.file = fh_of(file);
                write.offset = 1ULL << 40;
                write.count = write.data.data_len = data.size();
                write.stable = stable ? FILE_SYNC : UNSTABLE;
                write.data.data_val = const_cast<char*>(data.data());
                calls.write(ours, 20, file, write.offset, write.count, stable);
                ours += data + std::string(BlockCalls::padding(write.count), '\0');
                ASSERT_EQ(rpc_nfs3_write_async(connection->context(), ignored, &write, nullptr), 0);
                EXPECT_EQ(ours, theirs()) << "WRITE of " << data.size();
            }
        }
    }
}

TEST_F(BesideLibnfs, the_socket_outlives_libnfs_and_its_numbers_do_not_meet_ours) {
    auto taken = connection->take_socket();
    EXPECT_TRUE(connection->broken());
    connection.reset();
    ASSERT_TRUE(taken.fd);
    EXPECT_EQ(taken.credentials, k_ann);
    ASSERT_EQ(send(taken.fd.get(), "x", 1, MSG_NOSIGNAL), 1);
    char byte = 0;
    EXPECT_EQ(recv(peer.get(), &byte, 1, 0), 1);
    EXPECT_EQ(byte, 'x');
}

/// An accepted reply with an empty verifier.
std::string accepted(uint32_t xid, const std::string& body) {
    return words({xid, 1, 0, 0, 0, 0}) + body;
}

TEST(BlockReply, tells_an_executed_call_from_a_refused_one) {
    EXPECT_EQ(parse_reply(accepted(5, "body"))->xid, 5U);
    EXPECT_EQ(parse_reply(accepted(5, "body"))->body, "body");
    EXPECT_EQ(parse_reply(words({5, 1, 0, 1, 4, 77, 0}) + "body")->body, "body") << "with a verifier";
    for (const std::string& refused :
         {words({5, 0, 0, 0, 0, 0}), words({5, 1, 1, 0, 0, 0}), words({5, 1, 0, 0, 0, 2}),
          words({5, 1, 0, 0, 0}), words({5, 1, 0, 0, 404, 0}), words({5})}) {
        ASSERT_TRUE(parse_reply(refused));
        EXPECT_EQ(parse_reply(refused)->xid, 5U);
        EXPECT_FALSE(parse_reply(refused)->body);
    }
    EXPECT_FALSE(parse_reply("abc"));
}

TEST(BlockReply, reads_what_a_read_brought) {
    const std::string attributes = words({1}) + std::string(84, 'a');
    for (const std::string& with : {words({0}), attributes}) {
        const auto some = parse_read(words({0}) + with + words({5, 1, 5}) + std::string("hello\0\0\0", 8));
        ASSERT_TRUE(some);
        EXPECT_EQ(some->status, 0);
        EXPECT_EQ(some->data, "hello");
        EXPECT_TRUE(some->end_of_file);
        const auto error = parse_read(words({5}) + with);
        ASSERT_TRUE(error);
        EXPECT_EQ(error->status, 5);
    }
    // Shorter than it says, a boolean that is none, and a length that is not there.
    EXPECT_FALSE(parse_read(words({0, 0, 5, 1, 5}) + "hell"));
    EXPECT_FALSE(parse_read(words({0, 0, 5, 2, 0})));
    EXPECT_FALSE(parse_read(words({0, 2})));
    EXPECT_FALSE(parse_read(words({0, 0, 5, 1, 0xffffffff}) + "hello"));
    EXPECT_FALSE(parse_read(""));
}

TEST(BlockReply, reads_what_became_of_a_write) {
    const std::string none = words({0, 0}),
                      both = words({1}) + std::string(24, 'b') + words({1}) + std::string(84, 'a');
    for (const std::string& wcc : {none, both}) {
        const auto unstable = parse_write(words({0}) + wcc + words({100, 0}) + "verifier");
        ASSERT_TRUE(unstable);
        EXPECT_EQ(unstable->count, 100U);
        EXPECT_FALSE(unstable->stable);
        EXPECT_EQ(std::string(unstable->verifier.data(), 8), "verifier");
        EXPECT_FALSE(parse_write(words({0}) + wcc + words({100, 1}) + "verifier")->stable) << "DATA_SYNC";
        EXPECT_TRUE(parse_write(words({0}) + wcc + words({100, 2}) + "verifier")->stable);
        EXPECT_EQ(parse_write(words({28}) + wcc)->status, 28);
        EXPECT_FALSE(parse_write(words({0}) + wcc + words({100, 3}) + "verifier"));
        EXPECT_FALSE(parse_write(words({0}) + wcc + words({100, 0}) + "verifie"));
    }
}

TEST(BlockReply, reads_what_became_of_a_commit) {
    const auto good = parse_commit(words({0, 0, 0}) + "verifier");
    ASSERT_TRUE(good);
    EXPECT_EQ(std::string(good->verifier.data(), 8), "verifier");
    EXPECT_EQ(parse_commit(words({5, 0, 0}))->status, 5);
    EXPECT_FALSE(parse_commit(words({0, 0, 0}) + "verif"));
    EXPECT_FALSE(parse_commit(words({0, 0})));
}

}  // namespace
}  // namespace berth::files
