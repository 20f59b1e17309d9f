// SPDX-License-Identifier: GPL-3.0-or-later
// What a client process and the conductor tell each other: one datagram each on a socket pair, and the
// injected time in shared memory. A client is blocked, for the conductor, from a sleep or the arrival of a
// call until it is answered: only then does anybody else run, and only then does time pass.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace berth::traces {

/// What an operation is to the protocol; data is a block of a disk.
enum class Op : uint32_t {
    other,
    list,
    lookup_lock,
    lookup_used,
    read_record,
    renew,
    link,
    rename,
    remove_private,
    remove_lock,
    remove_used,
    data
};

enum class End : uint32_t { ok, nothing, stale, failed };

/// Parts of the protocol that a client leaves out on purpose: the acceptor must see it.
enum class Broken : uint32_t {
    nothing,
    take_over_wait,
    hold_time,
    renewal_look,
    sweep_wait,
    drain,  ///< However it ended, the lock is released at once.
    lost_is_drained,
    died_is_drained,
    lost_writes_forgotten,
    read_back
};

struct Note {
    enum class Kind : uint32_t {
        run,    ///< Conductor: play the trace `seed` in the folder `text`.
        wake,   ///< Conductor: a sleep is over.
        begin,  ///< Client: the next call is `op` on number `epoch`.
        end,    ///< Client: it was answered.
        event,  ///< Client: a step of its own, EV_... with a, b.
        sleep,  ///< Client: until `time`.
        done
    } kind = Kind::done;
    Op op = Op::other;
    End answer = End::failed;
    Broken broken = Broken::nothing;
    uint32_t event = 0, epoch = 0, a = 0, b = 0, c = 0;
    int64_t time = 0;
    uint64_t seed = 0;
    char text[64] = {};  ///< A nonce, or a folder.

    void set_text(std::string_view t) { text[t.copy(text, sizeof text - 1)] = 0; }
};

inline void send_note(int fd, const Note& note) {
    if (send(fd, &note, sizeof note, MSG_NOSIGNAL) != sizeof note) throw std::runtime_error("send_note");
}

/// false: the other side is gone.
inline bool receive_note(int fd, Note& note) {
    return recv(fd, &note, sizeof note, 0) == sizeof note;
}

/// In shared memory; only the conductor moves it on.
struct SharedTime {
    std::atomic<int64_t> now_ns;
};

inline constexpr unsigned k_clients = 2, k_sessions = 9, k_epochs = 12;
inline constexpr int64_t k_tick_ns =
    10'000'000'000;  ///< The times are the protocol's real ones: 6 ticks of hold ...
inline constexpr unsigned k_delay_ticks = 2;

}  // namespace berth::traces
