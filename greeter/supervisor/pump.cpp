// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/pump.h"

#include <algorithm>
#include <array>

#include "base/plain_text.h"

namespace berth::supervisor {
namespace {

constexpr std::array<std::string_view, 3> k_forms{"\x1b[93;5u", "\x1b[93;5:1u", "\x1b[27;5;93~"};
constexpr size_t k_lines_bytes = 4096;

}  // namespace

AttentionKey::Typed AttentionKey::feed(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\x1b') sequence_.clear();
        sequence_ += bytes[i];
        bool begun = false;
        bool whole = bytes[i] == k_attention;
        for (auto form : k_forms) {
            begun = begun || form.starts_with(sequence_);
            whole = whole || form == sequence_;
        }
        if (!begun || whole) sequence_.clear();
        if (whole) return {bytes.substr(0, i), true};
    }
    return {bytes, false};
}

void OutputTracker::feed(std::string_view bytes) {
    for (char ch : bytes) {
        const auto c = static_cast<unsigned char>(ch);
        if (c == 0x18 || c == 0x1a) {
            state_ = State::ground;
            continuation_ = 0;
            continue;
        }
        switch (state_) {
            case State::ground:
                if (c == 0x1b) {
                    state_ = State::escape;
                    continuation_ = 0;
                } else if (const size_t length = character_bytes(c); length > 0) {
                    continuation_ = static_cast<int>(length) - 1;
                } else {
                    continuation_ = c < 0xc0 ? std::max(0, continuation_ - 1) : 0;
                }
                break;
            case State::escape:
                if (c == '[')
                    state_ = State::csi;
                else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
                    state_ = State::string;
                else if (c != 0x1b && (c < 0x20 || c > 0x2f))
                    state_ = State::ground;
                break;
            case State::csi:
                if (c == 0x1b)
                    state_ = State::escape;
                else if (c >= 0x40 && c <= 0x7e)
                    state_ = State::ground;
                break;
            case State::string:
                if (c == 0x07) state_ = State::ground;
                if (c == 0x1b) state_ = State::string_escape;
                break;
            case State::string_escape:
                state_ = c == 0x1b ? State::string_escape : State::ground;
                break;
        }
    }
}

size_t GuestOutput::room() const {
    if (held_) return k_pump_bytes;
    return k_pump_bytes - std::min(k_pump_bytes, bytes_.size());
}

void GuestOutput::insert_lines(bool at_once) {
    if (lines_.empty() || held_) return;
    if (!tracker_.at_rest()) {
        if (!at_once) return;
        bytes_ += '\x18';
        tracker_ = {};
    }
    bytes_ += lines_;
    lines_.clear();
}

void GuestOutput::put(std::string_view bytes) {
    if (lines_.empty() || held_) {
        tracker_.feed(bytes);
        bytes_ += bytes;
    } else {
        // A line waits: find the first place where it may be.
        for (size_t i = 0; i < bytes.size(); ++i) {
            tracker_.feed(bytes.substr(i, 1));
            bytes_ += bytes[i];
            insert_lines(false);
        }
    }
    if (held_ && bytes_.size() > k_pump_bytes) {
        bytes_.erase(0, bytes_.size() - k_pump_bytes);
        lost_ = true;
    }
}

std::string_view GuestOutput::next() const {
    return held_ ? std::string_view{} : std::string_view(bytes_);
}

void GuestOutput::written(size_t n) {
    bytes_.erase(0, n);
}

void GuestOutput::add_line(std::string line, bool at_once) {
    if (lines_.size() + line.size() <= k_lines_bytes) lines_ += line;
    insert_lines(at_once);
}

void GuestOutput::hold() {
    held_ = true;
}

void GuestOutput::release(std::string_view first_line) {
    held_ = false;
    if (lost_) {
        // What is left may begin inside a sequence: continue with the first whole line.
        const auto line = bytes_.find('\n');
        bytes_.erase(0, line == std::string::npos ? bytes_.size() : line + 1);
        lost_ = false;
    }
    bytes_.insert(0, first_line);
    insert_lines(false);
}

}  // namespace berth::supervisor
