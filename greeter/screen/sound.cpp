// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/screen/sound.h"

#include <cstring>
#include <vector>

#include "base/no_throw.h"
#include "greeter/screen/volume.h"

namespace berth::screen {
namespace {

constexpr unsigned k_latency_us = 100'000;

}  // namespace

Sound::Sound(SpiceChannel* channel, Report& report) : channel_(keep(channel)), report_(report) {
    const auto start = +[](SpiceChannel*, gint format, gint channels, gint rate, gpointer self) {
        no_throw("playback-start", [&] {
            static_cast<Sound*>(self)->start(format, static_cast<unsigned>(channels),
                                             static_cast<unsigned>(rate));
        });
    };
    const auto data = +[](SpiceChannel*, gpointer samples, gint bytes, gpointer self) {
        no_throw("playback-data",
                 [&] { static_cast<Sound*>(self)->play(samples, static_cast<size_t>(bytes)); });
    };
    const auto stop = +[](SpiceChannel*, gpointer self) { static_cast<Sound*>(self)->stop(); };
    g_signal_connect(channel, "playback-start", G_CALLBACK(start), this);
    g_signal_connect(channel, "playback-data", G_CALLBACK(data), this);
    g_signal_connect(channel, "playback-stop", G_CALLBACK(stop), this);
    spice_channel_connect(channel);
}

Sound::~Sound() {
    g_signal_handlers_disconnect_by_data(channel_.get(), this);
}

void Sound::start(int format, unsigned channels, unsigned rate) {
    stop();
    if (format != SPICE_AUDIO_FMT_S16 || channels == 0) return;
    channels_ = channels;
    snd_pcm_t* device = nullptr;
    int fault = snd_pcm_open(&device, "default", SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
    if (fault == 0) {
        device_.reset(device);
        fault = snd_pcm_set_params(device, SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED, channels,
                                   rate, 1, k_latency_us);
    }
    if (fault >= 0) return;
    stop();
    if (!std::exchange(told_, true))
        report_.event(Level::info, "guest without sound", {{"why", snd_strerror(fault)}});
}

void Sound::play(const void* samples, size_t bytes) {
    if (!device_) return;
    const size_t frames = bytes / sizeof(int16_t) / channels_;
    std::vector<int16_t> heard(frames * channels_);
    std::memcpy(heard.data(), samples, heard.size() * sizeof(int16_t));
    gpointer volume = nullptr;
    guint volumes = 0;
    gboolean mute = FALSE;
    g_object_get(channel_.get(), "volume", &volume, "nchannels", &volumes, "mute", &mute, nullptr);
    constexpr uint16_t k_silent = 0;
    if (mute)
        apply_volume(heard, {&k_silent, 1});
    else if (volume != nullptr)
        apply_volume(heard, {static_cast<const uint16_t*>(volume), volumes});
    // What does not fit is dropped: sound that comes late is worse. After a pause it begins anew.
    if (snd_pcm_writei(device_.get(), heard.data(), frames) == -EPIPE && snd_pcm_prepare(device_.get()) == 0)
        snd_pcm_writei(device_.get(), heard.data(), frames);
}

}  // namespace berth::screen
