// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/ui/keys.h"

#include <string.h>

#include "base/plain_text.h"

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
    if (first < 0x80 && is_control(first)) {
        drop(1);
        return control_key(first);
    }
    if (is_cut_character(pending_)) return std::nullopt;
    const auto [code, bytes] = first_character(pending_);
    drop(bytes);
    const bool bad = code == k_not_utf8 || is_control(code);
    return bad ? Key{Key::other} : Key{Key::character, static_cast<wchar_t>(code)};
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
