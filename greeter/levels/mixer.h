// SPDX-License-Identifier: GPL-3.0-or-later
// The volume of the workstation's sound card, by ALSA's simple mixer.
#pragma once

#include <alsa/asoundlib.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace berth::levels {

class Volume {
  public:
    /// That of a card as ALSA names it ("default"); nothing: there is no card, or it has no volume.
    static std::optional<Volume> find(const std::string& card);

    int percent() const;
    bool muted() const;
    /// Five percent louder or quieter. Who asks for louder hears something: it is not muted any more.
    Status step(bool up);
    Status mute(bool on);
    /// What came silent plays (awakened()), each element of the card's.
    Status wake();

  private:
    struct Close {
        void operator()(snd_mixer_t* mixer) const { snd_mixer_close(mixer); }
    };
    using Mixer = std::unique_ptr<snd_mixer_t, Close>;
    Volume(Mixer mixer, snd_mixer_elem_t* element) : mixer_(std::move(mixer)), element_(element) {}
    Status wake(snd_mixer_elem_t* element);

    Mixer mixer_;
    snd_mixer_elem_t* element_;  ///< The mixer's.
};

}  // namespace berth::levels
