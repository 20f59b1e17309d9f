// SPDX-License-Identifier: GPL-3.0-or-later
// A provisioner's state files in memory.
#pragma once

#include "greeter/session/leftovers/state_store.h"

namespace berth::session {

struct FakeRemote final : RemoteState {
    Status put(const std::string& name, std::string_view text) override {
        if (down) return fail(ErrorCode::I01, "down");
        texts[name] = text;
        return {};
    }
    Status remove(const std::string& name) override {
        texts.erase(name);
        return {};
    }
    Result<std::map<std::string, std::string>> all() override {
        if (down) return fail(ErrorCode::I01, "down");
        return texts;
    }
    std::map<std::string, std::string> texts;
    bool down = false;
};

}  // namespace berth::session
