// SPDX-License-Identifier: GPL-3.0-or-later
// Plays what a guest's sound channel brings, by ALSA's default device. A workstation without one is silent, and so is the
// guest's microphone always: what is recorded here never goes to a guest. The main loop's thread, which it never holds up.
#pragma once

#include <alsa/asoundlib.h>
#include <spice-client.h>

#include <memory>
#include <string>

#include "base/report.h"
#include "greeter/screen/object.h"

namespace berth::screen {

class Sound {
  public:
    /// `channel` is connected here.
    Sound(SpiceChannel* channel, Report& report);
    ~Sound();
    Sound(const Sound&) = delete;
    Sound& operator=(const Sound&) = delete;

  private:
    struct CloseDevice {
        void operator()(snd_pcm_t* device) const { snd_pcm_close(device); }
    };

    void start(int format, unsigned channels, unsigned rate);
    void play(const void* samples, size_t bytes);
    void stop() { device_.reset(); }

    Object<SpiceChannel> channel_;
    Report& report_;
    std::unique_ptr<snd_pcm_t, CloseDevice> device_;
    unsigned channels_ = 0;
    bool told_ = false;  ///< Why there is no sound; once.
};

}  // namespace berth::screen
