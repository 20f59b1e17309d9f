// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/pam/pam_conversation.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/no_throw.h"

namespace berth::session {
namespace {

// PAM frees the answer with free(3) itself, so it must come from malloc; the process's pages are locked
// (protect_process_memory).
char* copy_for_pam(std::string_view text) {
    char* copy = static_cast<char*>(std::malloc(text.size() + 1));
    if (copy == nullptr) return nullptr;
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    return copy;
}

void wipe_and_free(pam_response* responses, int count) {
    for (int i = 0; i < count; ++i) {
        if (responses[i].resp == nullptr) continue;
        explicit_bzero(responses[i].resp, std::strlen(responses[i].resp));
        std::free(responses[i].resp);
    }
    std::free(responses);
}

}  // namespace

int PamConversation::answer(const pam_message& message, pam_response& response) {
    const std::string_view text = message.msg == nullptr ? "" : message.msg;
    switch (message.msg_style) {
        case PAM_TEXT_INFO:
            front_end_.say(MessageStyle::info, text);
            return PAM_SUCCESS;
        case PAM_ERROR_MSG:
            front_end_.say(MessageStyle::error, text);
            return PAM_SUCCESS;
        case PAM_PROMPT_ECHO_OFF:
        case PAM_PROMPT_ECHO_ON:
            break;
        default:
            return PAM_CONV_ERR;
    }
    if (!asking_) return PAM_CONV_ERR;
    const Watchdog::Pause asked(watchdog_);
    auto secret = front_end_.ask(text, message.msg_style == PAM_PROMPT_ECHO_ON);
    if (!secret) {
        given_up_ = given_up_ || failed_as(secret, Condition::cancelled);
        return PAM_CONV_ERR;
    }
    if (secret->view().size() >= PAM_MAX_RESP_SIZE || secret->view().contains('\0')) return PAM_CONV_ERR;
    response.resp = copy_for_pam(secret->view());
    return response.resp == nullptr ? PAM_BUF_ERR : PAM_SUCCESS;
}

int PamConversation::converse(int count, const pam_message** messages, pam_response** responses,
                              void* self) noexcept {
    // No message is nothing to do; pam_conv(3) leaves it open, some modules send it. Above PAM_MAX_NUM_MSG
    // libpam itself stops.
    if (count < 0 || count > PAM_MAX_NUM_MSG || responses == nullptr || self == nullptr) return PAM_CONV_ERR;
    *responses = nullptr;
    auto* list = static_cast<pam_response*>(
        std::calloc(static_cast<size_t>(std::max(count, 1)), sizeof(pam_response)));
    if (list == nullptr) return PAM_BUF_ERR;
    const int result = no_throw("PAM conversation", PAM_CONV_ERR, [&] {
        int answered = PAM_SUCCESS;
        for (int i = 0; i < count && answered == PAM_SUCCESS; ++i)
            answered = static_cast<PamConversation*>(self)->answer(*messages[i], list[i]);
        return answered;
    });
    if (result != PAM_SUCCESS) {
        wipe_and_free(list, count);
        return result;
    }
    *responses = list;
    return PAM_SUCCESS;
}

}  // namespace berth::session
