// SPDX-License-Identifier: GPL-3.0-or-later
// BLAKE2b (RFC 7693) with the lengths that images use: 32 bytes for files and chunks, 64 for minisign's
// prehash.
#pragma once

#include <sodium.h>

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::boot {

using Digest = std::array<unsigned char, 32>;

/// Hashes what it is fed. `N` is the length of the result in bytes.
template <size_t N>
class Blake2b {
  public:
    Blake2b() { crypto_generichash_init(&state_, nullptr, 0, N); }
    void add(std::string_view bytes) {
        crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()),
                                  bytes.size());
    }
    std::array<unsigned char, N> finish() {
        std::array<unsigned char, N> out;
        crypto_generichash_final(&state_, out.data(), N);
        return out;
    }

  private:
    crypto_generichash_state state_;
};

Digest digest_of(std::string_view bytes);

/// A file read in pieces; nothing but a regular file.
struct FileDigest {
    uint64_t size = 0;
    std::string hex;
};
Result<FileDigest> digest_of_file(const std::string& path);

}  // namespace berth::boot
