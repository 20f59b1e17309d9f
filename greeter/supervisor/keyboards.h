// SPDX-License-Identifier: GPL-3.0-or-later
// Every keyboard of the workstation, grabbed, and a clone of each by uinput, which is what the text console and the
// compositor see. Between the two is the ChordFilter (chord_filter.h). docs/architecture.md "Keyboards". All of it is called
// by one thread and needs root.
#pragma once

#include <linux/input-event-codes.h>

#include <bitset>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/supervisor/chord_filter.h"

namespace berth::supervisor {

/// How a clone is told from a real keyboard, here and by rules of udev: the phys of a real one is the kernel's, never
/// the device's own word as its name is.
inline constexpr const char* k_clone_phys = "berth";

/// Codes of EV_KEY.
using KeyCodes = std::bitset<KEY_CNT>;

/// Whether a device with these codes is grabbed: it has a key and not buttons (BTN_*) only, as udev's ID_INPUT_KEY has
/// it. Not grabbed is what has keys of power and sleep only: those are logind's.
bool is_keyboard(const KeyCodes& codes);
/// It has Escape, the digits and the letters from Q to S, as udev's ID_INPUT_KEYBOARD has it.
bool is_full_keyboard(const KeyCodes& codes);

struct KeyboardPaths {
    std::string devices = "/dev/input";  ///< Has event0, event1, ...
    std::string uinput = "/dev/uinput";
};

class Keyboards {
  public:
    /// Takes what is plugged in now; read() takes what comes later. I01: keyboards cannot be cloned here (no uinput, not
    /// permitted). Then none is grabbed and the chord does not work: the caller says so in the log, and must not show
    /// a guest on the display. A single keyboard that cannot be taken is reported once, tried again each second, and
    /// meanwhile works on virtual terminals, without the chord.
    static Result<Keyboards> open(std::vector<Chord> chords, Report& report, KeyboardPaths paths = {});

    Keyboards(Keyboards&&) noexcept;
    Keyboards& operator=(Keyboards&&) = delete;
    /// Gives every keyboard back. What a clone held is released by the kernel; so it is when this process is killed.
    ~Keyboards();

    /// For poll(2), POLLIN: read() has something to do.
    int fd() const { return epoll_.get(); }
    /// Passes on what has come, and takes and drops keyboards as they come and go. At most k_events_a_turn events of
    /// each keyboard, and fd() stays readable when there are more. It waits for nobody; to take a keyboard costs the
    /// kernel some 60 ms under emulation. True: a chord was pressed.
    bool read();
    /// No clone holds a key any more. Whoever had a clone open may have written keys to it, which the kernel goes on repeating.
    /// It ignores the release of a key that is not held.
    void release_clones();
    /// How many are grabbed now.
    size_t size() const { return keyboards_.size(); }

    static constexpr int k_events_a_turn = 64;

  private:
    struct Keyboard;
    Keyboards(std::vector<Chord> chords, Report& report, KeyboardPaths paths);
    Status start();
    Status watch_folder();
    void take_all();
    void take(const std::string& node);
    Result<std::unique_ptr<Keyboard>> open_keyboard(const std::string& node) const;
    Status add(std::unique_ptr<Keyboard> keyboard);
    void drop(KeyboardId id);
    void read_folder();
    void try_again();
    bool read_keys(KeyboardId id);
    void read_clone(KeyboardId id);
    bool pass(KeyboardId id, KeyEvent event);
    Status watch(int fd, uint64_t what);

    Report* report_;
    KeyboardPaths paths_;
    ChordFilter filter_;
    UniqueFd epoll_, folder_;
    UniqueFd more_;   ///< An eventfd: readable while a keyboard has more than it may pass on in one turn.
    UniqueFd timer_;  ///< For untaken_.
    KeyboardId next_ = 1;
    std::map<KeyboardId, std::unique_ptr<Keyboard>> keyboards_;
    std::set<std::string> untaken_;  ///< Nodes of keyboards that could not be taken.
};

}  // namespace berth::supervisor
