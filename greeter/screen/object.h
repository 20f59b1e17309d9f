// SPDX-License-Identifier: GPL-3.0-or-later
// One reference to an object of GLib.
#pragma once

#include <glib-object.h>

#include <memory>

namespace berth::screen {

struct Unref {
    void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using Object = std::unique_ptr<T, Unref>;

/// Takes a reference of its own.
template <typename T>
Object<T> keep(T* object) {
    g_object_ref(object);
    return Object<T>(object);
}

}  // namespace berth::screen
