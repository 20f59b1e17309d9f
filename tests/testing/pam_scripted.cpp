// SPDX-License-Identifier: GPL-3.0-or-later
// A PAM module that does what a file says, for tests under pam_wrapper(1). Its only argument is that file;
// each line is
//   FUNCTION conv N      one conversation of N messages, which are the next N lines: "off TEXT=ANSWER",
//                        "on TEXT=ANSWER", "info TEXT", "error TEXT", "odd TEXT" (a style that does not
//                        exist); a wrong answer ends the function with PAM_AUTH_ERR
//   FUNCTION user NAME   PAM_USER becomes NAME
//   FUNCTION return CODE
//   FUNCTION hang        it never returns
// FUNCTION is auth, account, chauthtok, setcred, open or close. What was called is appended to FILE.log.
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

const char* item(pam_handle_t* handle, int what) {
    const void* value = nullptr;
    if (pam_get_item(handle, what, &value) != PAM_SUCCESS || value == nullptr) return "-";
    return static_cast<const char*>(value);
}

struct Line {
    int style;
    std::string text, answer;
};

Line parse_message(const std::string& line) {
    const size_t space = line.find(' ');
    const std::string style = line.substr(0, space);
    std::string text = space == std::string::npos ? "" : line.substr(space + 1);
    if (style == "info") return {PAM_TEXT_INFO, text, ""};
    if (style == "error") return {PAM_ERROR_MSG, text, ""};
    if (style == "odd") return {77, text, ""};
    const size_t equals = text.rfind('=');
    return {style == "off" ? PAM_PROMPT_ECHO_OFF : PAM_PROMPT_ECHO_ON, text.substr(0, equals),
            text.substr(equals + 1)};
}

int converse(pam_handle_t* handle, const std::vector<Line>& lines, std::ofstream& log) {
    const void* item_value = nullptr;
    if (pam_get_item(handle, PAM_CONV, &item_value) != PAM_SUCCESS || item_value == nullptr)
        return PAM_CONV_ERR;
    const auto* conversation = static_cast<const pam_conv*>(item_value);
    std::vector<pam_message> messages;
    for (const Line& l : lines) messages.push_back({l.style, l.text.c_str()});
    std::vector<const pam_message*> pointers;
    for (const auto& m : messages) pointers.push_back(&m);
    pam_response* responses = nullptr;
    const int code = conversation->conv(static_cast<int>(lines.size()), pointers.data(), &responses,
                                        conversation->appdata_ptr);
    log << "conv " << lines.size() << " " << code << "\n";
    if (code != PAM_SUCCESS) return code;
    bool good = true;
    for (size_t i = 0; i < lines.size(); ++i) {
        const bool asked = lines[i].style == PAM_PROMPT_ECHO_OFF || lines[i].style == PAM_PROMPT_ECHO_ON;
        const char* answer = responses[i].resp;
        good = good && (asked ? answer != nullptr && lines[i].answer == answer : answer == nullptr);
        free(responses[i].resp);
    }
    free(responses);
    return good ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int act(pam_handle_t* handle, const char* function, int flags, int argc, const char** argv) {
    if (argc != 1) return PAM_SERVICE_ERR;
    std::ifstream script(argv[0]);
    std::ofstream log(std::string(argv[0]) + ".log", std::ios::app);
    log << function << " flags=" << (flags & ~PAM_SILENT) << " tty=" << item(handle, PAM_TTY)
        << " rhost=" << item(handle, PAM_RHOST) << " user=" << item(handle, PAM_USER) << "\n";
    std::string line;
    while (std::getline(script, line)) {
        std::istringstream words(line);
        std::string name, command, value;
        words >> name >> command >> value;
        std::vector<Line> lines;
        if (command == "conv")
            for (int n = std::atoi(value.c_str()); n > 0 && std::getline(script, line); --n)
                lines.push_back(parse_message(line));
        if (name != function) continue;
        if (command == "hang")
            while (true) pause();
        if (command == "return") return std::atoi(value.c_str());
        if (command == "user" && pam_set_item(handle, PAM_USER, value.c_str()) != PAM_SUCCESS)
            return PAM_SYSTEM_ERR;
        if (command == "conv")
            if (const int code = converse(handle, lines, log); code != PAM_SUCCESS) return code;
    }
    return PAM_SUCCESS;
}

}  // namespace

extern "C" {
int pam_sm_authenticate(pam_handle_t* h, int flags, int argc, const char** argv) {
    return act(h, "auth", flags, argc, argv);
}
int pam_sm_setcred(pam_handle_t* h, int flags, int argc, const char** argv) {
    return act(h, "setcred", flags, argc, argv);
}
int pam_sm_acct_mgmt(pam_handle_t* h, int flags, int argc, const char** argv) {
    return act(h, "account", flags, argc, argv);
}
int pam_sm_chauthtok(pam_handle_t* h, int flags, int argc, const char** argv) {
    if ((flags & PAM_PRELIM_CHECK) != 0) return PAM_SUCCESS;
    return act(h, "chauthtok", flags, argc, argv);
}
int pam_sm_open_session(pam_handle_t* h, int flags, int argc, const char** argv) {
    return act(h, "open", flags, argc, argv);
}
int pam_sm_close_session(pam_handle_t* h, int flags, int argc, const char** argv) {
    return act(h, "close", flags, argc, argv);
}
}
