// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/chunks.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "tests/testing/code_of.h"

namespace berth::boot {
namespace {

std::string noise(size_t size, unsigned seed = 1) {
    std::mt19937_64 random(seed);
    std::string bytes(size, '\0');
    for (auto& b : bytes) b = static_cast<char>(random());
    return bytes;
}

ChunkList chunk(std::string_view bytes) {
    ChunkList chunks;
    while (!bytes.empty()) {
        const size_t n = first_chunk(bytes);
        chunks.push_back({static_cast<uint32_t>(n), digest_of(bytes.substr(0, n))});
        bytes.remove_prefix(n);
    }
    return chunks;
}

TEST(Chunker, keeps_every_chunk_between_16_and_256_KiB_and_the_average_near_64) {
    const std::string bytes = noise(16 << 20);
    const ChunkList chunks = chunk(bytes);
    for (size_t i = 0; i + 1 < chunks.size(); ++i) {
        EXPECT_GE(chunks[i].size, k_min_chunk);
        EXPECT_LE(chunks[i].size, k_max_chunk);
    }
    const double average = static_cast<double>(bytes.size()) / static_cast<double>(chunks.size());
    EXPECT_GT(average, 48 * 1024);
    EXPECT_LT(average, 96 * 1024);
}

TEST(Chunker, cuts_constant_bytes_at_the_maximum) {
    EXPECT_EQ(first_chunk(std::string(1 << 20, '\0')), k_max_chunk);
}

TEST(Chunker, puts_the_boundaries_where_they_always_were) {
    // A golden value: another gear table or mask would make every client fetch everything again.
    const ChunkList chunks = chunk(noise(1 << 20, 7));
    std::string sizes;
    for (const auto& c : chunks) sizes += std::to_string(c.size) + " ";
    EXPECT_EQ(sizes,
              "75273 82340 67273 84969 91594 30005 21471 98759 108208 89927 71171 74545 67811 69814 15416 ");
}

TEST(Chunker, finds_the_same_chunks_again_after_an_insertion) {
    const std::string before = noise(8 << 20);
    std::string after = before;
    after.insert(1 << 20, "a few bytes more");
    std::set<Digest> known;
    for (const auto& c : chunk(before)) known.insert(c.digest);
    size_t fresh = 0;
    for (const auto& c : chunk(after)) fresh += known.contains(c.digest) ? 0 : 1;
    EXPECT_LE(fresh, 3u);
}

TEST(Chunker, cuts_a_file_like_its_bytes) {
    char folder[] = "/tmp/berth-chunks-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    const std::string path = std::string(folder) + "/file";
    const std::string bytes = noise((9 << 20) + 12345);
    std::ofstream(path, std::ios::binary) << bytes;
    auto chunks = chunks_of_file(path);
    ASSERT_TRUE(chunks) << chunks.error().to_log();
    EXPECT_EQ(*chunks, chunk(bytes));
    std::filesystem::remove_all(folder);
}

TEST(ChunkList, survives_being_written_and_read) {
    const std::string bytes = noise(1 << 20);
    const ChunkList chunks = chunk(bytes);
    auto parsed = parse_chunk_list(format_chunk_list(chunks), bytes.size());
    ASSERT_TRUE(parsed) << parsed.error().to_log();
    EXPECT_EQ(*parsed, chunks);
}

TEST(ChunkList, refuses_lengths_that_do_not_add_up_to_the_file) {
    const std::string bytes = noise(1 << 20);
    EXPECT_FALSE(parse_chunk_list(format_chunk_list(chunk(bytes)), bytes.size() + 1));
}

TEST(ChunkList, refuses_a_wrong_magic_and_a_cut_entry) {
    const std::string bytes = noise(1 << 20);
    std::string list = format_chunk_list(chunk(bytes));
    EXPECT_FALSE(parse_chunk_list(list.substr(0, list.size() - 1), bytes.size()));
    list[0] = 'X';
    EXPECT_FALSE(parse_chunk_list(list, bytes.size()));
    EXPECT_FALSE(parse_chunk_list("", 0));
}

TEST(ChunkList, refuses_a_chunk_out_of_range) {
    EXPECT_FALSE(parse_chunk_list(format_chunk_list({{k_max_chunk + 1, {}}}), k_max_chunk + 1));
    EXPECT_FALSE(
        parse_chunk_list(format_chunk_list({{k_min_chunk - 1, {}}, {k_min_chunk, {}}}), 2 * k_min_chunk - 1));
    EXPECT_FALSE(parse_chunk_list(format_chunk_list({{0, {}}}), 0));
}

struct Stream {
    std::string bytes = noise(1 << 20, 3);
    ChunkList chunks = chunk(bytes);
    std::string out;
    ChunkVerifier verifier(size_t skip = 0) {
        return {chunks, skip, [this](std::string_view c) {
                    out += c;
                    return Status{};
                }};
    }
};

TEST(ChunkVerifier, hands_out_the_bytes_however_they_come_in_pieces) {
    for (size_t piece : {1u, 4096u, 100'000u, 1u << 20}) {
        Stream s;
        auto v = s.verifier();
        for (size_t at = 0; at < s.bytes.size(); at += piece)
            ASSERT_TRUE(v.add(std::string_view(s.bytes).substr(at, piece)));
        EXPECT_TRUE(v.finish());
        EXPECT_TRUE(s.out == s.bytes) << piece;
    }
}

TEST(ChunkVerifier, hands_out_nothing_of_a_chunk_with_one_flipped_bit) {
    for (int place : {0, 1, 2}) {
        Stream s;
        size_t victim = place == 0 ? 0 : place == 1 ? s.chunks.size() / 2 : s.chunks.size() - 1, start = 0;
        for (size_t i = 0; i < victim; ++i) start += s.chunks[i].size;
        s.bytes[start + s.chunks[victim].size - 1] ^= 1;
        auto v = s.verifier();
        const Status status = v.add(s.bytes);
        ASSERT_FALSE(status);
        EXPECT_EQ(code_of(status), "BERTH-B05");
        EXPECT_EQ(s.out.size(), start);
        EXPECT_EQ(v.good_bytes(), start);
    }
}

TEST(ChunkVerifier, refuses_a_short_and_a_long_stream) {
    Stream s;
    auto brief = s.verifier();
    ASSERT_TRUE(brief.add(std::string_view(s.bytes).substr(0, s.bytes.size() - 1)));
    EXPECT_FALSE(brief.finish());
    auto lengthy = s.verifier();
    EXPECT_FALSE(lengthy.add(s.bytes + "x"));
}

TEST(ChunkVerifier, goes_on_behind_chunks_that_are_held_already) {
    Stream s;
    auto v = s.verifier(3);
    ASSERT_TRUE(v.add(std::string_view(s.bytes).substr(v.good_bytes())));
    EXPECT_TRUE(v.finish());
    EXPECT_EQ(v.good_bytes(), s.bytes.size());
}

}  // namespace
}  // namespace berth::boot
