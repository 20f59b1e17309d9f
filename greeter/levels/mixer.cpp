// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/levels/mixer.h"

#include <vector>

#include "greeter/levels/level.h"

namespace berth::levels {
namespace {

constexpr int k_step = 5;

Status checked(int result, const char* what) {
    if (result < 0) return fail_errno(-result, what);
    return {};
}

Range range_of(snd_mixer_elem_t* element) {
    Range range;
    snd_mixer_selem_get_playback_volume_range(element, &range.least, &range.most);
    return range;
}

long value_of(snd_mixer_elem_t* element) {
    long value = 0;
    snd_mixer_selem_get_playback_volume(element, SND_MIXER_SCHN_MONO, &value);
    return value;
}

/// Without a card ALSA would say so on the standard error output, each time.
void say_nothing(const char*, int, const char*, int, const char*, ...) {}

}  // namespace

std::optional<Volume> Volume::find(const std::string& card) {
    snd_lib_error_set_handler(say_nothing);
    snd_mixer_t* opened = nullptr;
    if (snd_mixer_open(&opened, 0) < 0) return std::nullopt;
    Mixer mixer(opened);
    if (snd_mixer_attach(opened, card.c_str()) < 0 ||
        snd_mixer_selem_register(opened, nullptr, nullptr) < 0 || snd_mixer_load(opened) < 0)
        return std::nullopt;
    std::vector<snd_mixer_elem_t*> found;
    std::vector<Element> elements;
    for (auto* e = snd_mixer_first_elem(opened); e != nullptr; e = snd_mixer_elem_next(e)) {
        found.push_back(e);
        elements.push_back(
            {.name = snd_mixer_selem_get_name(e),
             .plays = snd_mixer_selem_is_active(e) != 0 && snd_mixer_selem_has_playback_volume(e) != 0});
    }
    const auto chosen = choose_element(elements);
    if (!chosen) return std::nullopt;
    return Volume(std::move(mixer), found[*chosen]);
}

int Volume::percent() const {
    return percent_of(value_of(element_), range_of(element_));
}

bool Volume::muted() const {
    int on = 1;
    if (snd_mixer_selem_has_playback_switch(element_) != 0)
        snd_mixer_selem_get_playback_switch(element_, SND_MIXER_SCHN_MONO, &on);
    return on == 0;
}

Status Volume::step(bool up) {
    const long wanted = stepped(value_of(element_), range_of(element_), k_step, up);
    BERTH_TRY(checked(snd_mixer_selem_set_playback_volume_all(element_, wanted), "set the volume"));
    return up && muted() ? mute(false) : Status{};
}

Status Volume::mute(bool on) {
    if (snd_mixer_selem_has_playback_switch(element_) == 0) return {};
    return checked(snd_mixer_selem_set_playback_switch_all(element_, on ? 0 : 1), "mute");
}

}  // namespace berth::levels
