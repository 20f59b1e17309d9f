// SPDX-License-Identifier: GPL-3.0-or-later
// Cuts what comes from a TCP connection into records (RFC 5531 11). What it holds is bounded by the longest record,
// whatever the server sends (fuzzed). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace berth::files {

/// In a fragment's mark; the other bits are its size.
inline constexpr uint32_t k_last_fragment = 0x80000000U;

class RecordReader {
  public:
    /// No record is longer, in bytes.
    explicit RecordReader(size_t longest);

    /// Where the next bytes are to be put; not empty once next() has no record and it is not bad().
    std::span<char> room();
    /// So many were put there.
    void received(size_t count) { end_ += count; }

    /// The next record, which is good until room() is called; nullopt: more bytes are needed, or bad().
    std::optional<std::string_view> next();
    /// There was a record that is too long, or of too many fragments. There will be no other.
    bool bad() const { return bad_; }

  private:
    std::optional<uint32_t> mark() const;
    void reserve(size_t size);

    const size_t longest_;
    size_t size_;
    std::unique_ptr<char[]> buffer_;
    // In the buffer: the current record's first mark, and the end of what was received.
    size_t begin_ = 0, end_ = 0;
    size_t whole_ = 0;  // of the current record: bytes of whole fragments, whose later marks are cut out
    unsigned fragments_ = 0;
    bool bad_ = false;
};

}  // namespace berth::files
