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

Element describe(snd_mixer_elem_t* element) {
    return {.name = snd_mixer_selem_get_name(element),
            .plays =
                snd_mixer_selem_is_active(element) != 0 && snd_mixer_selem_has_playback_volume(element) != 0};
}

bool is_on(snd_mixer_elem_t* element) {
    int on = 1;
    if (snd_mixer_selem_has_playback_switch(element) != 0)
        snd_mixer_selem_get_playback_switch(element, SND_MIXER_SCHN_MONO, &on);
    return on != 0;
}

Status set_value(snd_mixer_elem_t* element, long value) {
    return checked(snd_mixer_selem_set_playback_volume_all(element, value), "set the volume");
}

Status set_on(snd_mixer_elem_t* element, bool on) {
    if (snd_mixer_selem_has_playback_switch(element) == 0) return {};
    return checked(snd_mixer_selem_set_playback_switch_all(element, on ? 1 : 0), "mute");
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
        elements.push_back(describe(e));
    }
    const auto chosen = choose_element(elements);
    if (!chosen) return std::nullopt;
    return Volume(std::move(mixer), found[*chosen]);
}

int Volume::percent() const {
    return percent_of(value_of(element_), range_of(element_));
}

bool Volume::muted() const {
    return !is_on(element_);
}

Status Volume::step(bool up) {
    BERTH_TRY(set_value(element_, stepped(value_of(element_), range_of(element_), k_step, up)));
    return up && muted() ? mute(false) : Status{};
}

Status Volume::mute(bool on) {
    return set_on(element_, !on);
}

Status Volume::wake() {
    Status first_failure;
    for (auto* e = snd_mixer_first_elem(mixer_.get()); e != nullptr; e = snd_mixer_elem_next(e))
        if (Status s = wake(e); !s && first_failure) first_failure = std::move(s);
    return first_failure;
}

Status Volume::wake(snd_mixer_elem_t* element) {
    const bool has_volume = snd_mixer_selem_has_playback_volume(element) != 0;
    Element what = describe(element);
    // One that can only be set on and off counts here, too.
    what.plays |=
        snd_mixer_selem_is_active(element) != 0 && snd_mixer_selem_has_playback_switch(element) != 0;
    const Setting now{.value = has_volume ? value_of(element) : 0, .on = is_on(element)};
    const auto wanted = awakened(what, now, has_volume ? range_of(element) : Range{}, element == element_);
    if (!wanted) return {};
    if (has_volume) BERTH_TRY(set_value(element, wanted->value));
    return set_on(element, wanted->on);
}

}  // namespace berth::levels
