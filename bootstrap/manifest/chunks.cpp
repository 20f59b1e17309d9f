// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/chunks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"

namespace berth::boot {
namespace {

constexpr std::string_view k_magic = "BRTHCHK1";
constexpr size_t k_entry = 4 + 32;

/// 256 numbers fixed for ever: the first outputs of splitmix64 from seed 0x4245525448 ("BERTH").
constexpr std::array<uint64_t, 256> make_gear() {
    std::array<uint64_t, 256> gear{};
    uint64_t state = 0x4245525448;
    for (auto& g : gear) {
        state += 0x9e3779b97f4a7c15;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        g = z ^ (z >> 31);
    }
    return gear;
}
constexpr auto k_gear = make_gear();

// The hash shifts left, so its top bits have seen the most bytes. Before the average size a boundary is four
// times rarer than 1 in 64 Ki, after it four times more frequent.
constexpr uint64_t k_strict_mask = ~0ULL << (64 - 18);
constexpr uint64_t k_loose_mask = ~0ULL << (64 - 14);

}  // namespace

size_t first_chunk(std::string_view bytes) {
    const size_t end = std::min<size_t>(bytes.size(), k_max_chunk);
    if (end <= k_min_chunk) return end;
    uint64_t hash = 0;
    size_t i = k_min_chunk;
    for (const size_t average = std::min<size_t>(end, k_average_chunk); i < average; ++i) {
        hash = (hash << 1) + k_gear[static_cast<unsigned char>(bytes[i])];
        if ((hash & k_strict_mask) == 0) return i + 1;
    }
    for (; i < end; ++i) {
        hash = (hash << 1) + k_gear[static_cast<unsigned char>(bytes[i])];
        if ((hash & k_loose_mask) == 0) return i + 1;
    }
    return end;
}

std::string format_chunk_list(const ChunkList& chunks) {
    std::string bytes(k_magic);
    bytes.reserve(k_magic.size() + chunks.size() * k_entry);
    for (const auto& c : chunks) {
        for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(c.size >> shift);
        bytes.append(reinterpret_cast<const char*>(c.digest.data()), c.digest.size());
    }
    return bytes;
}

Result<ChunkList> parse_chunk_list(std::string_view bytes, uint64_t file_size) {
    constexpr auto code = ErrorCode::B05;
    if (!bytes.starts_with(k_magic)) return fail(code, "chunk list: does not begin with {}", k_magic);
    bytes.remove_prefix(k_magic.size());
    if (bytes.size() % k_entry != 0) return fail(code, "chunk list: cut in the middle of an entry");
    ChunkList chunks;
    chunks.reserve(bytes.size() / k_entry);
    uint64_t sum = 0;
    for (; !bytes.empty(); bytes.remove_prefix(k_entry)) {
        Chunk c;
        for (size_t i = 0; i < 4; ++i)
            c.size |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
        std::copy_n(bytes.begin() + 4, c.digest.size(), c.digest.begin());
        const uint32_t min = bytes.size() == k_entry ? 1 : k_min_chunk;
        if (c.size < min || c.size > k_max_chunk)
            return fail(code, "chunk list: length {} of chunk {}: must be {} to {}", c.size, chunks.size(),
                        min, k_max_chunk);
        sum += c.size;
        chunks.push_back(c);
    }
    if (sum != file_size)
        return fail(code, "chunk list: lengths add up to {}, the file has {} bytes", sum, file_size);
    return chunks;
}

Result<ChunkList> chunks_of_file(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + path);
    std::string window;
    size_t start = 0;
    bool at_end = false;
    ChunkList chunks;
    std::string piece(4 << 20, '\0');
    while (true) {
        while (!at_end && window.size() - start < k_max_chunk) {
            const ssize_t n = read(fd.get(), piece.data(), piece.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return fail_errno("read " + path);
            at_end = n == 0;
            window.erase(0, start);
            start = 0;
            window.append(piece.data(), static_cast<size_t>(n));
        }
        const std::string_view rest = std::string_view(window).substr(start);
        if (rest.empty()) return chunks;
        const size_t size = first_chunk(rest);
        chunks.push_back({static_cast<uint32_t>(size), digest_of(rest.substr(0, size))});
        start += size;
    }
}

ChunkVerifier::ChunkVerifier(const ChunkList& chunks, size_t skip, Sink sink)
    : chunks_(chunks), sink_(std::move(sink)) {
    for (; next_ < skip && next_ < chunks_.size(); ++next_) good_bytes_ += chunks_[next_].size;
}

Status ChunkVerifier::add(std::string_view bytes) {
    while (!bytes.empty()) {
        if (next_ == chunks_.size())
            return fail(ErrorCode::B05, "more bytes than the {} expected", good_bytes_);
        const Chunk& want = chunks_[next_];
        const size_t n = std::min(bytes.size(), want.size - pending_.size());
        std::string_view whole;
        if (pending_.empty() && n == want.size) {
            whole = bytes.substr(0, n);
        } else {
            pending_.append(bytes.substr(0, n));
            if (pending_.size() == want.size) whole = pending_;
        }
        bytes.remove_prefix(n);
        if (whole.empty()) continue;
        if (digest_of(whole) != want.digest)
            return fail(ErrorCode::B05, "chunk {} of {} (at byte {}) is not what the image's maker signed",
                        next_ + 1, chunks_.size(), good_bytes_);
        BERTH_TRY(sink_(whole));
        good_bytes_ += want.size;
        ++next_;
        pending_.clear();
    }
    return {};
}

Status ChunkVerifier::finish() const {
    if (next_ != chunks_.size())
        return fail(ErrorCode::B05, "ends after {} of {} chunks", next_, chunks_.size());
    return {};
}

}  // namespace berth::boot
