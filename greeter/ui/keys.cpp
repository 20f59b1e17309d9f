// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/keys.h"

#include <string.h>

namespace berth::ui {
namespace {

constexpr size_t k_longest_sequence = 64;

Key csi_key(std::string_view parameters, char final) {
    switch (final) {
        case 'A':
            return {Key::up};
        case 'B':
            return {Key::down};
        case '~':
            if (parameters == "5") return {Key::page_up};
            if (parameters == "6") return {Key::page_down};
            break;
        default:
            break;
    }
    return {Key::other};
}

Key control_key(unsigned char c) {
    switch (c) {
        case '\r':
        case '\n':
            return {Key::enter};
        case '\t':
            return {Key::tab};
        case 0x08:
        case 0x7f:
            return {Key::backspace};
        default:
            return {Key::control, static_cast<wchar_t>(c + '@')};
    }
}

}  // namespace

void KeyDecoder::wipe() {
    explicit_bzero(pending_.data(), pending_.size());
    pending_.clear();
}

void KeyDecoder::drop(size_t n) {
    const size_t rest = pending_.size() - n;
    pending_.erase(0, n);
    pending_.resize(rest + n);
    explicit_bzero(pending_.data() + rest, n);
    pending_.resize(rest);
}

std::optional<Key> KeyDecoder::take() {
    const auto byte = [this](size_t i) { return static_cast<unsigned char>(pending_[i]); };
    const size_t size = pending_.size();
    const unsigned char first = byte(0);
    if (first == 0x1b) {
        if (size == 1) return std::nullopt;
        const unsigned char second = byte(1);
        if (second == '[') {
            // ESC [ [ A is the Linux console's F1.
            size_t i = 2;
            if (size > 2 && byte(2) == '[') {
                if (size == 3) return std::nullopt;
                drop(4);
                return Key{Key::other};
            }
            while (i < size && byte(i) >= 0x20 && byte(i) < 0x40) ++i;
            if (i == size) {
                if (size < k_longest_sequence) return std::nullopt;
                drop(size);
                return Key{Key::other};
            }
            const bool whole = byte(i) >= 0x40 && byte(i) < 0x7f;
            const Key key =
                whole ? csi_key(std::string_view(pending_).substr(2, i - 2), pending_[i]) : Key{Key::other};
            drop(whole ? i + 1 : i);
            return key;
        }
        if (second == 'O') {
            if (size == 2) return std::nullopt;
            const Key key = csi_key("", pending_[2]);
            drop(3);
            return key;
        }
        if (second == ']' || second == 'P' || second == '_' || second == '^') {
            // A report of the terminal, up to BEL or ST.
            for (size_t i = 2; i < size; ++i) {
                const bool st = byte(i) == 0x1b && i + 1 < size && byte(i + 1) == '\\';
                if (byte(i) != 0x07 && !st) continue;
                drop(st ? i + 2 : i + 1);
                return Key{Key::other};
            }
            if (size < k_longest_sequence) return std::nullopt;
            drop(size);
            return Key{Key::other};
        }
        if (second == 0x1b) {
            drop(1);
            return Key{Key::escape};
        }
        drop(2);  // Alt and a key.
        return Key{Key::other};
    }
    if (first < 0x20 || first == 0x7f) {
        drop(1);
        return control_key(first);
    }
    if (first < 0x80) {
        const Key key{Key::character, static_cast<wchar_t>(first)};
        drop(1);
        return key;
    }
    const size_t n = first >= 0xf0 && first < 0xf5   ? 4
                     : first >= 0xe0 && first < 0xf0 ? 3
                     : first >= 0xc2 && first < 0xe0 ? 2
                                                     : 0;
    if (n == 0) {
        drop(1);
        return Key{Key::other};
    }
    unsigned value = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; ++i) {
        if (i >= size) return std::nullopt;
        if ((byte(i) & 0xc0) != 0x80) {
            drop(i);
            return Key{Key::other};
        }
        value = value << 6 | (byte(i) & 0x3fU);
    }
    drop(n);
    const bool bad = value < 0xa0 || (n == 3 && value < 0x800) || (n == 4 && value < 0x10000) ||
                     value > 0x10ffff || (value >= 0xd800 && value < 0xe000);
    return bad ? Key{Key::other} : Key{Key::character, static_cast<wchar_t>(value)};
}

std::vector<Key> KeyDecoder::feed(std::string_view bytes) {
    std::vector<Key> keys;
    if (pending_.capacity() < 4096) pending_.reserve(4096);
    for (char c : bytes) {
        pending_ += c;
        while (!pending_.empty()) {
            const auto key = take();
            if (!key) break;
            if (key->kind != Key::other) keys.push_back(*key);
        }
    }
    return keys;
}

std::vector<Key> KeyDecoder::timeout() {
    std::vector<Key> keys;
    if (pending_ == "\x1b") keys.push_back({Key::escape});
    wipe();
    return keys;
}

}  // namespace berth::ui
