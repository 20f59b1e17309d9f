// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/terminal.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/keyboard.h>
#include <linux/vt.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "greeter/supervisor/boot_facts.h"
#include "greeter/supervisor/terminal_reset.h"

namespace berth::supervisor {

termios sane_settings(termios t) {
    t.c_iflag = (t.c_iflag & ~static_cast<tcflag_t>(BRKINT | IGNCR | INLCR | INPCK | ISTRIP | PARMRK | IXON |
                                                    IXOFF | IXANY)) |
                ICRNL | IGNBRK | IUTF8;
    t.c_oflag = OPOST | ONLCR;
    t.c_cflag = (t.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB | CSTOPB | HUPCL)) | CS8 | CREAD | CLOCAL;
    t.c_lflag = ECHOE | ECHOK;  // No ISIG, no ECHO, no ICANON: no key means anything to the kernel.
    for (auto& c : t.c_cc) c = _POSIX_VDISABLE;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return t;
}

termios raw_settings(termios t) {
    t = sane_settings(t);
    t.c_iflag = IGNBRK;
    t.c_oflag = 0;
    t.c_lflag = 0;
    return t;
}

Result<Terminal> Terminal::open(const std::string& path) {
    if (getsid(0) != getpid())
        setsid();  // Fails for the leader of a process group: then there is no controlling terminal.
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail(Error(ErrorCode::G04, fail_errno("open " + path).error().detail()));
    if (isatty(fd.get()) == 0) return fail(ErrorCode::G04, "{} is no terminal", path);
    ioctl(fd.get(), TIOCSCTTY, geteuid() == 0 ? 1 : 0);
    Terminal terminal(path, std::move(fd));
    if (tcgetattr(terminal.fd(), &terminal.sane_) != 0)
        return fail(Error(ErrorCode::G04, fail_errno(path).error().detail()));
    terminal.sane_ = sane_settings(terminal.sane_);
    if (is_virtual_terminal(path)) terminal.lock_switching();
    return terminal;
}

Result<UniqueFd> Terminal::open_for_child() const {
    // Non-blocking first: a serial line whose carrier is off would hold open(2) back.
    UniqueFd fd(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd || fcntl(fd.get(), F_SETFL, O_RDWR) != 0)
        return fail(Error(ErrorCode::G04, fail_errno("open " + path_).error().detail()));
    return fd;
}

int Terminal::number() const {
    return virtual_terminal_number(path_);
}

void Terminal::lock_switching() {
    // A supervisor that died may have left another one in front, and switching locked.
    ioctl(fd(), VT_UNLOCKSWITCH, 1);
    ioctl(fd(), VT_ACTIVATE, number());
    // The kernel only takes note of the wish, and forgets it when switching is locked before it comes to it.
    for (int i = 0; i < 50; ++i) {
        vt_stat state{};
        if (ioctl(fd(), VT_GETSTATE, &state) != 0 || state.v_active == number()) break;
        poll(nullptr, 0, 10);
    }
    ioctl(fd(), VT_LOCKSWITCH, 1);
    // Keys that the kernel itself acts on mean nothing: consoles (Alt-F2, Alt-Left), boot (Ctrl-Alt-Del),
    // show registers and memory, spawn, SysRq's console switch, scroll lock hold. The guest cannot get them
    // anyway.
    for (int table = 0; table < MAX_NR_KEYMAPS; ++table) {
        for (int key = 1; key < NR_KEYS; ++key) {
            kbentry entry{.kb_table = static_cast<unsigned char>(table),
                          .kb_index = static_cast<unsigned char>(key),
                          .kb_value = 0};
            if (ioctl(fd(), KDGKBENT, &entry) != 0) break;
            if (entry.kb_value == K_NOSUCHMAP) break;
            const int type = KTYP(entry.kb_value);
            const bool acts = type == KT_CONS || entry.kb_value == K_BOOT || entry.kb_value == K_CONS ||
                              entry.kb_value == K_DECRCONSOLE || entry.kb_value == K_INCRCONSOLE ||
                              entry.kb_value == K_SPAWNCONSOLE || entry.kb_value == K_HOLD ||
                              entry.kb_value == K_SH_REGS || entry.kb_value == K_SH_MEM ||
                              entry.kb_value == K_SH_STAT || entry.kb_value == K_SAK;
            if (!acts) continue;
            entry.kb_value = K_HOLE;
            ioctl(fd(), KDSKBENT, &entry);
        }
    }
}

void Terminal::reset() {
    tcflow(fd(), TCOON);
    tcflush(fd(), TCIOFLUSH);
    tcsetattr(fd(), TCSANOW, &sane_);
    if (is_virtual_terminal(path_)) {
        ioctl(fd(), KDSETMODE, KD_TEXT);
        ioctl(fd(), KDSKBMODE, K_UNICODE);
    }
    SystemClock clock;
    const BootTime end = clock.now() + std::chrono::milliseconds(500);
    std::string_view rest = terminal_reset();
    while (!rest.empty()) {
        const ssize_t n = write(fd(), rest.data(), rest.size());
        if (n > 0) {
            rest.remove_prefix(static_cast<size_t>(n));
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) return;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
        if (left <= 0) return;
        pollfd p{.fd = fd(), .events = POLLOUT, .revents = 0};
        poll(&p, 1, static_cast<int>(left));
    }
    tcflush(fd(), TCIFLUSH);
}

void Terminal::raw() {
    const termios settings = raw_settings(sane_);
    tcsetattr(fd(), TCSANOW, &settings);
}

}  // namespace berth::supervisor
