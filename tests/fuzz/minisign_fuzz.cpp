// SPDX-License-Identifier: GPL-3.0-or-later
#include <sodium.h>

#include <cstdlib>
#include <string>

#include "bootstrap/manifest/minisign.h"

using namespace berth::boot;

// A signature file by nobody: never accepted for data that was never signed with this run's key.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool ready = sodium_init() >= 0;
    static const SecretKey secret = SecretKey::generate();
    static const PublicKey key = *parse_public_key(secret.format_public());
    if (!ready) abort();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (verify_signature(key, "data", text)) abort();
    (void)parse_public_key(text);
    (void)SecretKey::parse(text);
    (void)is_of_another_key(key, text);
    // A real signature with the input in the place of its last line or its comment.
    static const std::string real = secret.sign("data", "file:x");
    std::string altered = real.substr(0, real.rfind('\n', real.size() - 2) + 1) + std::string(text);
    if (altered != real && verify_signature(key, "data", altered)) {
        // Only the line end may differ.
        std::erase(altered, '\r');
        while (altered.ends_with('\n')) altered.pop_back();
        if (altered + "\n" != real) abort();
    }
    return 0;
}
