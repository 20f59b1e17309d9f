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
        case 'C':
            return {Key::right};
        case 'D':
            return {Key::left};
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

std::optional<Key> KeyDecoder::take_as(size_t bytes, Key key) {
    drop(bytes);
    return key;
}

/// CSI: behind ESC [.
std::optional<Key> KeyDecoder::take_control_sequence() {
    const size_t size = pending_.size();
    // ESC [ [ A is the Linux console's F1.
    if (size > 2 && byte(2) == '[') return size == 3 ? std::nullopt : take_as(4, {Key::other});
    size_t i = 2;
    while (i < size && byte(i) >= 0x20 && byte(i) < 0x40) ++i;
    if (i == size) return size < k_longest_sequence ? std::nullopt : take_as(size, {Key::other});
    if (byte(i) < 0x40 || byte(i) >= 0x7f) return take_as(i, {Key::other});
    return take_as(i + 1, csi_key(std::string_view(pending_).substr(2, i - 2), pending_[i]));
}

/// A report of the terminal, up to BEL or ST.
std::optional<Key> KeyDecoder::take_report() {
    const size_t size = pending_.size();
    for (size_t i = 2; i < size; ++i) {
        if (byte(i) == 0x07) return take_as(i + 1, {Key::other});
        if (byte(i) == 0x1b && i + 1 < size && byte(i + 1) == '\\') return take_as(i + 2, {Key::other});
    }
    return size < k_longest_sequence ? std::nullopt : take_as(size, {Key::other});
}

std::optional<Key> KeyDecoder::take() {
    const size_t size = pending_.size();
    const unsigned char first = byte(0);
    if (first == 0x1b) {
        if (size == 1) return std::nullopt;
        switch (byte(1)) {
            case '[':
                return take_control_sequence();
            case 'O':
                return size == 2 ? std::nullopt : take_as(3, csi_key("", pending_[2]));
            case ']':
            case 'P':
            case '_':
            case '^':
                return take_report();
            case 0x1b:
                return take_as(1, {Key::escape});
            default:
                return take_as(2, {Key::other});  // Alt and a key.
        }
    }
    if (first < 0x80 && is_control(first)) return take_as(1, control_key(first));
    if (is_cut_character(pending_)) return std::nullopt;
    const auto [code, bytes] = first_character(pending_);
    const bool bad = code == k_not_utf8 || is_control(code);
    return take_as(bytes, bad ? Key{Key::other} : Key{Key::character, static_cast<wchar_t>(code)});
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
