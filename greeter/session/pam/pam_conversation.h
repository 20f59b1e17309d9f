// SPDX-License-Identifier: GPL-3.0-or-later
// PAM's conversation function (pam_conv(3)), relayed to the greeter: any number of messages of the four
// styles, judged by style and never by text. While a module sleeps (fail delay) the screen lives on: it is
// another process.
#pragma once

#include <security/pam_appl.h>

#include "greeter/session/front_end.h"
#include "greeter/session/pam/watchdog.h"

namespace berth::session {

/// One per PAM handle; give `conv()` to pam_start and keep this alive until pam_end.
class PamConversation {
  public:
    /// `watchdog` rests while a person is asked; may be null.
    explicit PamConversation(FrontEnd& front_end, Watchdog* watchdog = nullptr)
        : front_end_(front_end), watchdog_(watchdog) {}
    PamConversation(const PamConversation&) = delete;
    PamConversation& operator=(const PamConversation&) = delete;

    pam_conv conv() { return {.conv = &PamConversation::converse, .appdata_ptr = this}; }
    /// The user cancelled or the greeter is gone: PAM's own code then says only "conversation failed".
    bool given_up() const { return given_up_; }
    /// From now on PAM asks nobody (the session is being closed); messages still reach the screen.
    void stop_asking() { asking_ = false; }

  private:
    static int converse(int count, const pam_message** messages, pam_response** responses,
                        void* self) noexcept;
    int answer(const pam_message& message, pam_response& response);

    FrontEnd& front_end_;
    Watchdog* watchdog_;
    bool given_up_ = false;
    bool asking_ = true;
};

}  // namespace berth::session
