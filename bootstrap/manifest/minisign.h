// SPDX-License-Identifier: GPL-3.0-or-later
// minisign's file formats (minisign(1), https://jedisct1.github.io/minisign/ "Signature format"): Ed25519
// over the BLAKE2b-512 of the file (algorithm "ED"; the older form over the whole file is refused), and a
// second signature over the first and the trusted comment.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace berth::boot {

struct PublicKey {
    std::array<unsigned char, 8> id{};
    std::array<unsigned char, 32> key{};
};

/// A .pub file: an untrusted comment line and one of base64. B03.
Result<PublicKey> parse_public_key(std::string_view text);

/// Verifies `signature` (a whole .minisig file) of `data` and returns its trusted comment. B03 for everything
/// else: malformed, another key's, either signature wrong.
Result<std::string> verify_signature(const PublicKey& key, std::string_view data, std::string_view signature);

/// Whether `signature` names another key than this one as its maker's, whatever it is worth otherwise.
bool is_of_another_key(const PublicKey& key, std::string_view signature);

/// Build host only. A secret key without a password, as `minisign -W` writes it. Wiped when destroyed.
class SecretKey {
  public:
    static SecretKey generate();
    static Result<SecretKey> parse(std::string_view text);
    SecretKey(const SecretKey&) = delete;
    SecretKey(SecretKey&& other) noexcept;
    ~SecretKey();

    std::string format() const;
    std::string format_public() const;
    /// The text of a .minisig file. `trusted_comment` is one line.
    std::string sign(std::string_view data, std::string_view trusted_comment) const;

  private:
    SecretKey() = default;
    std::array<unsigned char, 8> id_{};
    std::array<unsigned char, 64> key_{};
};

}  // namespace berth::boot
