// SPDX-License-Identifier: GPL-3.0-or-later
// Preloaded into the real berth-session by the matrix of ways out: stops it exactly at a step, and moves its
// clocks. The folder $BERTH_TEST_SEAM holds
//   stop-at   "STEP doing" or "STEP undoing": the process stops itself (SIGSTOP) when it has told the
//             greeter so, before it does anything of the step; it continues at SIGCONT
//   clock     two 64-bit numbers, nanoseconds that CLOCK_REALTIME and CLOCK_BOOTTIME are ahead
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr int64_t k_second = 1'000'000'000;

struct Ahead {
    int64_t wall, boot;
};

const volatile Ahead* ahead() {
    static const Ahead* const mapped = []() -> const Ahead* {
        static constexpr Ahead k_none{};
        const char* folder = getenv("BERTH_TEST_SEAM");
        if (folder == nullptr) return &k_none;
        const int fd = open((std::string(folder) + "/clock").c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) return &k_none;
        void* at = mmap(nullptr, sizeof(Ahead), PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        return at == MAP_FAILED ? &k_none : static_cast<const Ahead*>(at);
    }();
    return mapped;
}

template <typename F>
F* next(const char* name) {
    return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

void move(timespec& t, int64_t by) {
    const int64_t ns = t.tv_sec * k_second + t.tv_nsec + by;
    t.tv_sec = ns / k_second;
    t.tv_nsec = ns % k_second;
}

/// Of the step that `stop-at` names, "" if none.
std::string wanted_step(std::string_view phase) {
    const char* folder = getenv("BERTH_TEST_SEAM");
    if (folder == nullptr) return "";
    FILE* file = fopen((std::string(folder) + "/stop-at").c_str(), "re");
    if (file == nullptr) return "";
    char step[64] = "", when[64] = "";
    const int words = fscanf(file, "%63s %63s", step, when);
    fclose(file);
    return words == 2 && phase == when ? step : "";
}

/// `name`: the value of a key with text in a message of ours.
std::string_view value(std::string_view message, std::string_view name) {
    const std::string key = "\"" + std::string(name) + "\":\"";
    const size_t at = message.find(key);
    if (at == std::string_view::npos) return {};
    message.remove_prefix(at + key.size());
    return message.substr(0, message.find('"'));
}

}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* header, int flags) {
    static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
    const ssize_t sent = real(fd, header, flags);
    if (sent > 0 && fd == 3 && header->msg_iovlen == 1) {
        const std::string_view message(static_cast<const char*>(header->msg_iov[0].iov_base),
                                       header->msg_iov[0].iov_len);
        const std::string_view phase = value(message, "state");
        if (value(message, "type") == "progress" && (phase == "doing" || phase == "undoing") &&
            value(message, "step") == wanted_step(phase)) {
            unlink((std::string(getenv("BERTH_TEST_SEAM")) + "/stop-at").c_str());
            kill(getpid(), SIGSTOP);
        }
    }
    return sent;
}

extern "C" int clock_gettime(clockid_t id, timespec* t) noexcept {
    static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
    const int result = real(id, t);
    if (result == 0 && id == CLOCK_REALTIME) move(*t, ahead()->wall);
    if (result == 0 && id == CLOCK_BOOTTIME) move(*t, ahead()->boot);
    return result;
}

extern "C" int clock_nanosleep(clockid_t id, int flags, const timespec* t, timespec* left) {
    static auto* const real = next<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
    timespec until = *t;
    if (flags == TIMER_ABSTIME && id == CLOCK_BOOTTIME) move(until, -ahead()->boot);
    if (flags == TIMER_ABSTIME && id == CLOCK_REALTIME) move(until, -ahead()->wall);
    return real(id, flags, &until, left);
}
