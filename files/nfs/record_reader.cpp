// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/record_reader.h"

#include <algorithm>
#include <cstring>

namespace berth::files {
namespace {

constexpr size_t k_mark = 4;
constexpr size_t k_first_size = 128 << 10;  // many small replies at once
constexpr unsigned k_most_fragments = 64;   // each costs a move of what lies behind it

}  // namespace

RecordReader::RecordReader(size_t longest)
    : longest_(longest), size_(k_first_size), buffer_(std::make_unique_for_overwrite<char[]>(k_first_size)) {}

/// Room for so many bytes from `begin_` on.
void RecordReader::reserve(size_t size) {
    if (begin_ + size <= size_) return;
    const size_t held = end_ - begin_;
    if (size <= size_) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    } else {
        const size_t larger = std::max(size, std::min(2 * size_, 2 * k_mark + longest_));
        auto grown = std::make_unique_for_overwrite<char[]>(larger);
        std::memcpy(grown.get(), buffer_.get() + begin_, held);
        buffer_ = std::move(grown);
        size_ = larger;
    }
    begin_ = 0;
    end_ = held;
}

std::span<char> RecordReader::room() {
    if (begin_ == end_) begin_ = end_ = 0;
    // The mark that begins where whole fragments end, and what it announces.
    size_t wanted = k_mark + whole_ + k_mark;
    if (const auto announced = mark()) wanted += std::min<size_t>(*announced & ~k_last_fragment, longest_);
    reserve(wanted);
    return {buffer_.get() + end_, size_ - end_};
}

/// Of the current record's next fragment; nullopt: it is not here yet.
std::optional<uint32_t> RecordReader::mark() const {
    const size_t at = begin_ + whole_ + (fragments_ ? k_mark : 0);
    if (end_ < at + k_mark) return std::nullopt;
    uint32_t n = 0;
    for (size_t i = 0; i < k_mark; i++) n = n << 8 | static_cast<unsigned char>(buffer_[at + i]);
    return n;
}

std::optional<std::string_view> RecordReader::next() {
    while (!bad_) {
        const auto announced = mark();
        if (!announced) return std::nullopt;
        const size_t size = *announced & ~k_last_fragment;
        if (size > longest_ - whole_ || fragments_ == k_most_fragments) {
            bad_ = true;
            break;
        }
        const size_t first = fragments_ ? k_mark : 0;
        const size_t needed = first + whole_ + k_mark + size;
        if (end_ - begin_ < needed) return std::nullopt;
        if (fragments_ != 0) {
            char* at = buffer_.get() + begin_ + k_mark + whole_;
            std::memmove(at, at + k_mark, end_ - begin_ - k_mark - whole_ - k_mark);
            end_ -= k_mark;
        }
        fragments_++;
        whole_ += size;
        if ((*announced & k_last_fragment) == 0) continue;
        const std::string_view record(buffer_.get() + begin_ + k_mark, whole_);
        begin_ += k_mark + whole_;
        whole_ = fragments_ = 0;
        return record;
    }
    return std::nullopt;
}

}  // namespace berth::files
