// SPDX-License-Identifier: GPL-3.0-or-later
// What libvirt says when it refuses: its own code and text (virterror.h), before they are an error of ours.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <string>

namespace berth::guest {

/// What libvirt said last in this thread.
struct Complaint {
    int code = VIR_ERR_OK;
    std::string text;
};

inline Complaint last_complaint() {
    const virError* e = virGetLastError();
    if (e == nullptr) return {VIR_ERR_INTERNAL_ERROR, "libvirt gave no reason"};
    return {e->code, e->message != nullptr ? e->message : "libvirt gave no reason"};
}

/// The connection broke, not the request.
inline bool is_connection_loss(const Complaint& c, virConnectPtr connection) {
    if (c.code == VIR_ERR_RPC || c.code == VIR_ERR_NO_CONNECT || c.code == VIR_ERR_INVALID_CONN) return true;
    return connection != nullptr && virConnectIsAlive(connection) != 1;
}

/// Of a start: a domain of that name or uuid is gone and not yet forgotten. It has no code of its own.
inline bool is_being_removed(const Complaint& c) {
    return c.code == VIR_ERR_OPERATION_FAILED && c.text.contains("already being removed");
}

}  // namespace berth::guest
