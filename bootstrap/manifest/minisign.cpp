// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "bootstrap/manifest/digest.h"

namespace berth::boot {
namespace {

constexpr auto k_code = ErrorCode::B03;
constexpr size_t k_max_comment = 1024;
constexpr std::string_view k_untrusted = "untrusted comment: ";
constexpr std::string_view k_trusted = "trusted comment: ";

using Bytes = std::vector<unsigned char>;

/// The next line without its end (LF or CR LF) off the front of `text`.
std::string_view take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

/// Exactly `size` bytes in standard base64.
Result<Bytes> decode(std::string_view text, size_t size, std::string_view what) {
    Bytes bytes(size);
    size_t length = 0;
    const char* end = nullptr;
    if (sodium_base642bin(bytes.data(), size, text.data(), text.size(), nullptr, &length, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        length != size || end != text.data() + text.size())
        return fail(k_code, "{}: not {} bytes of base64", what, size);
    return bytes;
}

std::string encode(const Bytes& bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.resize(std::strlen(text.c_str()));
    return text;
}

void append(Bytes& to, std::string_view bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
template <size_t N>
void append(Bytes& to, const std::array<unsigned char, N>& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

/// minisign prints the id as one little-endian number.
std::string id_text(const std::array<unsigned char, 8>& id) {
    std::string text;
    for (size_t i = id.size(); i-- > 0;) text += fmt::format("{:02X}", id[i]);
    return text;
}

Bytes global_message(const unsigned char* signature, std::string_view comment) {
    Bytes message(signature, signature + 64);
    append(message, comment);
    return message;
}

}  // namespace

Result<PublicKey> parse_public_key(std::string_view text) {
    if (text.size() > 4096) return fail(k_code, "public key: larger than 4096 bytes");
    if (!take_line(text).starts_with(k_untrusted))
        return fail(k_code, "public key: first line is not an untrusted comment");
    auto bytes = BERTH_TRY(decode(take_line(text), 42, "public key"));
    if (!text.empty()) return fail(k_code, "public key: more than two lines");
    if (std::memcmp(bytes.data(), "Ed", 2) != 0) return fail(k_code, "public key: not an Ed25519 key");
    PublicKey key;
    std::copy_n(bytes.begin() + 2, 8, key.id.begin());
    std::copy_n(bytes.begin() + 10, 32, key.key.begin());
    return key;
}

bool is_of_another_key(const PublicKey& key, std::string_view signature) {
    if (signature.size() > 4096 || !take_line(signature).starts_with(k_untrusted)) return false;
    const auto first = decode(take_line(signature), 74, "signature");
    return first && !std::equal(key.id.begin(), key.id.end(), first->begin() + 2);
}

Result<std::string> verify_signature(const PublicKey& key, std::string_view data,
                                     std::string_view signature) {
    if (signature.size() > 4096) return fail(k_code, "signature: larger than 4096 bytes");
    if (!take_line(signature).starts_with(k_untrusted))
        return fail(k_code, "signature: first line is not an untrusted comment");
    auto first = BERTH_TRY(decode(take_line(signature), 74, "signature"));
    std::string_view comment = take_line(signature);
    if (!comment.starts_with(k_trusted) || comment.size() > k_max_comment)
        return fail(k_code, "signature: third line is not a trusted comment of at most {} bytes",
                    k_max_comment);
    comment.remove_prefix(k_trusted.size());
    auto second = BERTH_TRY(decode(take_line(signature), 64, "signature's second part"));
    if (!signature.empty()) return fail(k_code, "signature: more than four lines");

    if (std::memcmp(first.data(), "ED", 2) != 0)
        return fail(k_code, "signature: not of the prehashed form \"ED\"");
    std::array<unsigned char, 8> id;
    std::copy_n(first.begin() + 2, 8, id.begin());
    if (id != key.id)
        return fail(k_code, "signature: made with key {}, this client trusts {}", id_text(id),
                    id_text(key.id));
    Blake2b<64> hash;
    hash.add(data);
    const auto prehash = hash.finish();
    const unsigned char* sig = first.data() + 10;
    if (crypto_sign_verify_detached(sig, prehash.data(), prehash.size(), key.key.data()) != 0)
        return fail(k_code, "signature: does not fit the file");
    const Bytes message = global_message(sig, comment);
    if (crypto_sign_verify_detached(second.data(), message.data(), message.size(), key.key.data()) != 0)
        return fail(k_code, "signature: does not fit its trusted comment");
    return std::string(comment);
}

SecretKey::SecretKey(SecretKey&& other) noexcept : id_(other.id_), key_(other.key_) {
    sodium_memzero(other.key_.data(), other.key_.size());
}

SecretKey::~SecretKey() {
    sodium_memzero(key_.data(), key_.size());
}

SecretKey SecretKey::generate() {
    SecretKey secret;
    std::array<unsigned char, 32> public_part;
    random_bytes(secret.id_.data(), secret.id_.size());
    crypto_sign_keypair(public_part.data(), secret.key_.data());
    return secret;
}

// Layout: "Ed", key derivation (two zero bytes: none), "B2", salt 32, limits 8 + 8, then id 8, key 64 (seed,
// public half), checksum 32.
Result<SecretKey> SecretKey::parse(std::string_view text) {
    if (!take_line(text).starts_with(k_untrusted))
        return fail(k_code, "secret key: first line is not an untrusted comment");
    auto bytes = BERTH_TRY(decode(take_line(text), 158, "secret key"));
    const unsigned char* p = bytes.data();
    if (std::memcmp(p, "Ed", 2) != 0 || std::memcmp(p + 4, "B2", 2) != 0)
        return fail(k_code, "secret key: unknown algorithm");
    if (p[2] != 0 || p[3] != 0)
        return fail(k_code, "secret key: has a password; make one without (minisign -G -W)");
    SecretKey secret;
    std::copy_n(p + 54, 8, secret.id_.begin());
    std::copy_n(p + 62, 64, secret.key_.begin());
    // minisign leaves the checksum of a key without a password zero, so the key's own redundancy is what
    // tells damage.
    std::array<unsigned char, 32> public_part;
    std::array<unsigned char, 64> pair;
    crypto_sign_seed_keypair(public_part.data(), pair.data(), p + 62);
    const bool fits = pair == secret.key_;
    sodium_memzero(pair.data(), pair.size());
    sodium_memzero(bytes.data(), bytes.size());
    if (!fits) return fail(k_code, "secret key: its two halves do not fit each other");
    return secret;
}

std::string SecretKey::format() const {
    Bytes bytes;
    append(bytes, std::string_view("Ed\0\0B2", 6));
    append(bytes, std::string(48, '\0'));
    append(bytes, id_);
    append(bytes, key_);
    append(bytes, std::string(32, '\0'));
    return fmt::format("{}minisign secret key {}\n{}\n", k_untrusted, id_text(id_), encode(bytes));
}

std::string SecretKey::format_public() const {
    std::array<unsigned char, 32> public_part;
    crypto_sign_ed25519_sk_to_pk(public_part.data(), key_.data());
    Bytes bytes;
    append(bytes, std::string_view("Ed"));
    append(bytes, id_);
    append(bytes, public_part);
    return fmt::format("{}minisign public key {}\n{}\n", k_untrusted, id_text(id_), encode(bytes));
}

std::string SecretKey::sign(std::string_view data, std::string_view trusted_comment) const {
    Blake2b<64> hash;
    hash.add(data);
    const auto prehash = hash.finish();
    std::array<unsigned char, 64> sig, global;
    crypto_sign_detached(sig.data(), nullptr, prehash.data(), prehash.size(), key_.data());
    const Bytes message = global_message(sig.data(), trusted_comment);
    crypto_sign_detached(global.data(), nullptr, message.data(), message.size(), key_.data());
    Bytes first;
    append(first, std::string_view("ED"));
    append(first, id_);
    append(first, sig);
    return fmt::format("{}signature from berth-image\n{}\n{}{}\n{}\n", k_untrusted, encode(first), k_trusted,
                       trusted_comment, encode(Bytes(global.begin(), global.end())));
}

}  // namespace berth::boot
