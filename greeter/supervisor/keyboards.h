// SPDX-License-Identifier: GPL-3.0-or-later
// Every keyboard of the workstation, grabbed, and a clone of each by uinput(4), which is what the text console and the
// compositor see. Between the two is the ChordFilter (chord.h). docs/architecture.md "Keyboards". All of it is called
// by one thread and needs root.
//
// A udev rule makes libinput ignore what udev calls ID_INPUT_KEY unless its phys is k_clone_phys, so that no compositor
// sees a real keyboard before it is grabbed.
#pragma once

#include <linux/input-event-codes.h>

#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/report.h"
#include "base/result.h"
#include "greeter/supervisor/chord.h"

namespace berth::supervisor {

/// How our own clones are told from real keyboards: a real one gets its phys from the kernel, never from the device.
inline constexpr const char* k_clone_phys = "berth";

using KeyCodes = std::bitset<KEY_CNT>;

/// Whether a device with these codes of EV_KEY is grabbed: it has a key (KEY_*, as udev's ID_INPUT_KEY has it), not
/// buttons only. Not grabbed is what has keys of power and sleep only: those are logind's.
bool is_keyboard(const KeyCodes& codes);
/// It has all keys of the main block's upper left, as udev's ID_INPUT_KEYBOARD has it.
bool is_full_keyboard(const KeyCodes& codes);

struct KeyboardPaths {
    std::string devices = "/dev/input";  ///< event0, event1, ...
    std::string uinput = "/dev/uinput";
};

class Keyboards {
  public:
    /// Takes what is plugged in now, and from then on what will be. G04: no clones can be made here (no uinput, not
    /// permitted). Then nothing is grabbed and the chord does not work: the caller must not show a guest on the
    /// display, and says so in the log. Whether a single keyboard can be taken is reported only; one that cannot still
    /// works on virtual terminals, without the chord.
    static Result<Keyboards> open(std::vector<Chord> chords, Report& report, KeyboardPaths paths = {});

    Keyboards(Keyboards&&) noexcept;
    Keyboards& operator=(Keyboards&&) noexcept;
    /// Gives every keyboard back. What a clone held is released by the kernel, also when this process is killed.
    ~Keyboards();

    /// For poll(2), POLLIN: read() has something to do.
    int fd() const { return epoll_.get(); }
    /// Passes on what has come, a bounded amount at a time, and takes and drops keyboards as they come and go; never
    /// blocks. True: a chord was pressed.
    bool read();
    /// How many are grabbed now.
    size_t size() const { return keyboards_.size(); }

  private:
    struct Keyboard;
    Keyboards(std::vector<Chord> chords, Report& report, KeyboardPaths paths);
    Status start();
    void take_all();
    void take(const std::string& name);
    Result<std::unique_ptr<Keyboard>> open_keyboard(const std::string& path);
    void drop(KeyboardId id);
    void read_folder();
    bool read_keys(KeyboardId id);
    void read_clone(KeyboardId id);
    bool pass(KeyboardId id, KeyEvent event);
    void set_more(bool more);

    Report* report_;
    KeyboardPaths paths_;
    ChordFilter filter_;
    UniqueFd epoll_, folder_, more_;
    KeyboardId next_ = 2;
    std::map<KeyboardId, std::unique_ptr<Keyboard>> keyboards_;
};

}  // namespace berth::supervisor
