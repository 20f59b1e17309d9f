// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/modules.h"

#include <libkmod.h>

#include <filesystem>

#include "base/fd.h"

namespace berth::boot {

namespace fs = std::filesystem;

Modules::Modules() : context_(kmod_new(nullptr, nullptr)) {
    if (context_ != nullptr) kmod_load_resources(context_);
}

Modules::~Modules() {
    if (context_ != nullptr) kmod_unref(context_);
}

bool Modules::load(const std::string& alias) {
    if (context_ == nullptr) return false;
    kmod_list* list = nullptr;
    if (kmod_module_new_from_lookup(context_, alias.c_str(), &list) < 0) return false;
    bool loaded = false;
    for (kmod_list* item = list; item != nullptr; item = kmod_list_next(list, item)) {
        kmod_module* module = kmod_module_get_module(item);
        loaded |= kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST, nullptr, nullptr,
                                                  nullptr, nullptr) >= 0;
        kmod_module_unref(module);
    }
    kmod_module_unref_list(list);
    return loaded;
}

size_t Modules::load_for_hardware() {
    size_t fresh = 0;
    std::error_code error;
    auto it = fs::recursive_directory_iterator("/sys/devices", fs::directory_options::skip_permission_denied,
                                               error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        if (it->path().filename() != "modalias") continue;
        auto text = read_file(it->path(), 65536);
        if (!text) continue;
        while (text->ends_with('\n')) text->pop_back();
        if (text->empty() || !seen_.insert(*text).second) continue;
        ++fresh;
        load(*text);
    }
    return fresh;
}

}  // namespace berth::boot
