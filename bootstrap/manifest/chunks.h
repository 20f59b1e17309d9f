// SPDX-License-Identifier: GPL-3.0-or-later
// A file's chunks: where they end, how they are listed, how a stream is checked against the list
// (docs/architecture.md "Image").
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bootstrap/manifest/digest.h"

namespace berth::boot {

inline constexpr uint32_t k_min_chunk = 16 * 1024;  ///< But for a file's last one.
inline constexpr uint32_t k_average_chunk = 64 * 1024;
inline constexpr uint32_t k_max_chunk = 256 * 1024;
inline constexpr uint64_t k_max_chunk_list = 128 << 20;

struct Chunk {
    uint32_t size = 0;
    Digest digest{};
    friend bool operator==(const Chunk&, const Chunk&) = default;
};
using ChunkList = std::vector<Chunk>;

/// Magic "BRTHCHK1", then for each chunk its length (32 bits, little-endian) and its BLAKE2b-256.
std::string format_chunk_list(const ChunkList& chunks);
/// B05: malformed, a length outside 16 to 256 KiB, or lengths that do not add up to `file_size`.
Result<ChunkList> parse_chunk_list(std::string_view bytes, uint64_t file_size);

/// Length of the first chunk of `bytes`. When fewer than k_max_chunk bytes are given, they are the file's
/// last. A boundary depends only on the bytes before it (a gear hash as in FastCDC,
/// https://www.usenix.org/conference/atc16/technical-sessions/presentation/xia, with normalised chunking), so
/// equal content gives equal chunks in every build of every version.
size_t first_chunk(std::string_view bytes);

Result<ChunkList> chunks_of_file(const std::string& path);

/// Checks a stream against a list: feed it bytes in any pieces; whole chunks come out only when they fit.
class ChunkVerifier {
  public:
    /// Called with each good chunk, in order; its error ends the stream.
    using Sink = std::function<Status(std::string_view chunk)>;
    /// `chunks` must outlive it. The first `skip` chunks are already held and will not be fed.
    ChunkVerifier(const ChunkList& chunks, size_t skip, Sink sink);

    /// B05 naming the chunk at its first wrong byte's chunk end, or when more comes than the list has.
    Status add(std::string_view bytes);
    /// B05 when the list's end was not reached.
    Status finish() const;
    /// Chunks and bytes that were good so far, the skipped ones included. A fetch continues at `good_bytes`.
    size_t good_chunks() const { return next_; }
    uint64_t good_bytes() const { return good_bytes_; }

  private:
    const ChunkList& chunks_;
    Sink sink_;
    size_t next_ = 0;
    uint64_t good_bytes_ = 0;
    std::string pending_;
};

}  // namespace berth::boot
