// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/supervisor/keyboards.h"

#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <libevdev/libevdev.h>
#include <linux/input.h>
#include <linux/uinput.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <optional>

namespace berth::supervisor {
namespace {

// What an epoll event is about: one of these, or twice a keyboard's id, and one more for its clone.
enum Source : uint64_t { k_folder, k_more, k_timer };
constexpr uint64_t k_first_keyboard = 4;
constexpr int k_ready_a_turn = 16;

constexpr auto k_power_keys =
    std::to_array<size_t>({KEY_POWER, KEY_POWER2, KEY_SLEEP, KEY_SUSPEND, KEY_WAKEUP, KEY_RESTART});

struct EvdevFree {
    void operator()(libevdev* device) const { libevdev_free(device); }
    void operator()(libevdev_uinput* device) const { libevdev_uinput_destroy(device); }
};
using Evdev = std::unique_ptr<libevdev, EvdevFree>;
using Uinput = std::unique_ptr<libevdev_uinput, EvdevFree>;

bool is_key(size_t code) {
    return (code > KEY_RESERVED && code < BTN_MISC) || (code >= KEY_OK && code < BTN_DPAD_UP) ||
           (code >= KEY_ALS_TOGGLE && code < BTN_TRIGGER_HAPPY);
}

bool is_event_node(std::string_view name) {
    return name.starts_with("event");
}

/// Which codes the kernel's answer to EVIOCGBIT(EV_KEY) or EVIOCGKEY has.
template <typename Ask>
Result<KeyCodes> ask_codes(Ask ask) {
    constexpr size_t k_bits = sizeof(unsigned long) * CHAR_BIT;
    std::array<unsigned long, (KEY_CNT + k_bits - 1) / k_bits> words{};
    if (ask(words) < 0) return fail_errno("ask for keys");
    KeyCodes codes;
    for (size_t code = 0; code < KEY_CNT; ++code)
        codes[code] = ((words[code / k_bits] >> (code % k_bits)) & 1) != 0;
    return codes;
}

Result<KeyCodes> codes_of(int fd) {
    return ask_codes([fd](auto& words) { return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof words), words.data()); });
}

Result<KeyCodes> codes_down(int fd) {
    return ask_codes([fd](auto& words) { return ioctl(fd, EVIOCGKEY(sizeof words), words.data()); });
}

bool is_clone(int fd) {
    std::array<char, 64> phys{};
    return ioctl(fd, EVIOCGPHYS(phys.size() - 1), phys.data()) >= 0 &&
           std::strcmp(phys.data(), k_clone_phys) == 0;
}

bool is_gone(int fd) {
    pollfd p{.fd = fd, .events = 0, .revents = 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

bool write_event(int fd, uint16_t type, uint16_t code, int32_t value) {
    input_event event{};
    event.type = type;
    event.code = code;
    event.value = value;
    return write(fd, &event, sizeof event) == sizeof event;
}

/// The device as its clone is to be, and as it is read.
Result<Evdev> describe(int fd) {
    libevdev* device = nullptr;
    if (const int error = libevdev_new_from_fd(fd, &device); error != 0)
        return fail_errno(-error, "libevdev");
    Evdev owned(device);
    // What would ask something of us that a clone cannot give, or tell scan codes to a console in raw mode.
    for (const unsigned type : {EV_FF, EV_FF_STATUS, EV_PWR, EV_SND})
        libevdev_disable_event_type(device, type);
    libevdev_disable_event_code(device, EV_MSC, MSC_RAW);
    libevdev_disable_event_code(device, EV_MSC, MSC_SCAN);
    // udev's table of keyboards may give a real one other keys after it was cloned.
    if (is_full_keyboard(BERTH_TRY(codes_of(fd))))
        for (unsigned code = 0; code < KEY_CNT; ++code)
            if (is_key(code)) libevdev_enable_event_code(device, EV_KEY, code, nullptr);
    return owned;
}

/// Releases what is held, as if the device had said so: who has seen it pressed (the console) sees it released, and is
/// told nothing more once it is grabbed.
void release_held(int fd) {
    const auto down = codes_down(fd);
    if (!down || down->none()) return;
    for (size_t code = 0; code < KEY_CNT; ++code)
        if (down->test(code)) write_event(fd, EV_KEY, static_cast<uint16_t>(code), 0);
    write_event(fd, EV_SYN, SYN_REPORT, 0);
}

/// Throws away what came before the grab: it went to others already.
void discard_events(int fd) {
    std::array<input_event, 64> events;
    for (int i = 0; i < 64 && ::read(fd, events.data(), sizeof events) > 0; ++i) {
    }
}

}  // namespace

bool is_keyboard(const KeyCodes& codes) {
    for (size_t code = 0; code < KEY_CNT; ++code)
        if (codes[code] && is_key(code) && std::ranges::find(k_power_keys, code) == k_power_keys.end())
            return true;
    return false;
}

bool is_full_keyboard(const KeyCodes& codes) {
    for (size_t code = KEY_ESC; code <= KEY_S; ++code)
        if (!codes[code]) return false;
    return true;
}

struct Keyboards::Keyboard {
    std::string node, name;
    UniqueFd fd, uinput;
    Evdev device;
    Uinput clone;           ///< Goes before `uinput` is closed.
    bool syncing = false;   ///< Behind a SYN_DROPPED; libevdev says what has changed.
    bool has_more = false;  ///< Read, but not passed on.
};

Keyboards::Keyboards(std::vector<Chord> chords, Report& report, KeyboardPaths paths)
    : report_(&report), paths_(std::move(paths)), filter_(std::move(chords)) {}
Keyboards::Keyboards(Keyboards&&) noexcept = default;
Keyboards::~Keyboards() = default;

Result<Keyboards> Keyboards::open(std::vector<Chord> chords, Report& report, KeyboardPaths paths) {
    Keyboards keyboards(std::move(chords), report, std::move(paths));
    BERTH_TRY(keyboards.start());
    return keyboards;
}

Status Keyboards::start() {
    if (!UniqueFd(::open(paths_.uinput.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)))
        return fail_errno("open " + paths_.uinput);
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return fail_errno("epoll_create1");
    more_.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!more_) return fail_errno("eventfd");
    timer_.reset(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!timer_) return fail_errno("timerfd_create");
    BERTH_TRY(watch(more_.get(), k_more));
    BERTH_TRY(watch(timer_.get(), k_timer));
    BERTH_TRY(watch_folder());
    take_all();
    return {};
}

Status Keyboards::watch(int fd, uint64_t what) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = what}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl");
    return {};
}

Status Keyboards::watch_folder() {
    // The kernel removes the folder that it made with the last device in it, but none that somebody else made.
    mkdir(paths_.devices.c_str(), 0755);
    folder_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!folder_) return fail_errno("inotify_init1");
    // IN_ATTRIB: udev has seen to the node, which may mend what kept it from being taken.
    if (inotify_add_watch(folder_.get(), paths_.devices.c_str(),
                          IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0)
        return fail_errno("watch " + paths_.devices);
    return watch(folder_.get(), k_folder);
}

// --- Keyboards come and go ---

void Keyboards::take_all() {
    std::error_code error;
    std::filesystem::directory_iterator entry(paths_.devices, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const auto node = entry->path().filename().string();
        if (is_event_node(node)) take(node);
    }
}

void Keyboards::take(const std::string& node) {
    const auto known =
        std::ranges::find_if(keyboards_, [&](const auto& entry) { return entry.second->node == node; });
    if (known != keyboards_.end()) {
        if (!is_gone(known->second->fd.get())) return;
        drop(known->first);
    }
    auto keyboard = open_keyboard(node);
    Status taken;
    if (!keyboard)
        taken = fail(keyboard.error());
    else if (*keyboard != nullptr)
        taken = add(*std::move(keyboard));
    if (taken) {
        untaken_.erase(node);
        return;
    }
    if (untaken_.insert(node).second) report_->error("keyboard not taken", taken.error().with_prefix(node));
    const itimerspec in_a_second{.it_interval = {}, .it_value = {.tv_sec = 1, .tv_nsec = 0}};
    timerfd_settime(timer_.get(), 0, &in_a_second, nullptr);
}

/// nullptr: it is not a keyboard, a clone, or gone.
Result<std::unique_ptr<Keyboards::Keyboard>> Keyboards::open_keyboard(const std::string& node) const {
    const std::string path = paths_.devices + "/" + node;
    auto keyboard = std::make_unique<Keyboard>();
    keyboard->node = node;
    keyboard->fd.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const int fd = keyboard->fd.get();
    if (fd < 0) {
        if (errno == ENOENT || errno == ENODEV || errno == ENXIO) return nullptr;
        return fail_errno("open");
    }
    if (is_clone(fd)) return nullptr;
    const auto codes = codes_of(fd);
    if (!codes || !is_keyboard(*codes)) return nullptr;

    // A keyboard that cannot be cloned must not be grabbed, and none is cloned in vain that others have grabbed.
    if (ioctl(fd, EVIOCGRAB, 1) != 0) return fail_errno("grab");
    ioctl(fd, EVIOCGRAB, 0);
    auto description = BERTH_TRY(describe(fd));
    keyboard->name = libevdev_get_name(description.get());
    libevdev_set_name(description.get(), ("Berth: " + keyboard->name).c_str());
    keyboard->uinput.reset(::open(paths_.uinput.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!keyboard->uinput) return fail_errno("open " + paths_.uinput);
    if (ioctl(keyboard->uinput.get(), UI_SET_PHYS, k_clone_phys) != 0) return fail_errno("UI_SET_PHYS");
    libevdev_uinput* clone = nullptr;
    if (const int error =
            libevdev_uinput_create_from_device(description.get(), keyboard->uinput.get(), &clone);
        error != 0)
        return fail_errno(-error, "clone");
    keyboard->clone.reset(clone);

    release_held(fd);
    if (ioctl(fd, EVIOCGRAB, 1) != 0) return fail_errno("grab");
    discard_events(fd);
    keyboard->device = BERTH_TRY(describe(fd));
    return keyboard;
}

Status Keyboards::add(std::unique_ptr<Keyboard> keyboard) {
    const KeyboardId id = next_++;
    const uint64_t source = k_first_keyboard + 2 * id;
    BERTH_TRY(watch(keyboard->fd.get(), source));
    BERTH_TRY(watch(keyboard->uinput.get(), source + 1));
    std::set<uint16_t> down;
    for (unsigned code = 0; code < KEY_CNT; ++code)
        if (libevdev_get_event_value(keyboard->device.get(), EV_KEY, code) != 0)
            down.insert(static_cast<uint16_t>(code));
    filter_.add(id, std::move(down));
    report_->event(Level::info, "keyboard taken", {{"node", keyboard->node}, {"name", keyboard->name}});
    keyboards_.emplace(id, std::move(keyboard));
    return {};
}

void Keyboards::drop(KeyboardId id) {
    const auto found = keyboards_.find(id);
    if (found == keyboards_.end()) return;
    report_->event(Level::info, "keyboard gone",
                   {{"node", found->second->node}, {"name", found->second->name}});
    keyboards_.erase(found);
    filter_.remove(id);
}

void Keyboards::read_folder() {
    alignas(inotify_event) std::array<char, 4096> buffer;
    const ssize_t size = ::read(folder_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at < size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
        if ((event->mask & IN_IGNORED) != 0) {
            if (auto watched = watch_folder(); !watched)
                report_->error("keyboards not watched", watched.error());
            return take_all();
        }
        if ((event->mask & IN_Q_OVERFLOW) != 0)
            take_all();
        else if (event->len > 0 && is_event_node(event->name))
            take(event->name);
    }
}

void Keyboards::try_again() {
    uint64_t times = 0;
    (void)!::read(timer_.get(), &times, sizeof times);
    const auto nodes = untaken_;
    for (const auto& node : nodes) take(node);
}

// --- Events ---

bool Keyboards::pass(KeyboardId id, KeyEvent event) {
    const auto out = filter_.handle(id, event);
    for (const auto& [to, e] : out.events)
        if (const auto found = keyboards_.find(to); found != keyboards_.end())
            write_event(found->second->uinput.get(), e.type, e.code, e.value);
    return out.chord;
}

bool Keyboards::read_keys(KeyboardId id) {
    const auto found = keyboards_.find(id);
    if (found == keyboards_.end()) return false;
    auto& keyboard = *found->second;
    keyboard.has_more = false;
    bool chord = false;
    for (int i = 0; i < k_events_a_turn; ++i) {
        input_event event{};
        const int how = libevdev_next_event(
            keyboard.device.get(), keyboard.syncing ? LIBEVDEV_READ_FLAG_SYNC : LIBEVDEV_READ_FLAG_NORMAL,
            &event);
        if (how == -EAGAIN) {
            if (!std::exchange(keyboard.syncing, false)) return chord;
        } else if (how < 0) {
            drop(id);
            return chord;
        } else {
            keyboard.syncing = how == LIBEVDEV_READ_STATUS_SYNC;
            chord |= pass(id, {.type = event.type, .code = event.code, .value = event.value});
        }
    }
    keyboard.has_more = true;
    return chord;
}

void Keyboards::release_clones() {
    std::array<input_event, KEY_CNT + 1> events{};  // The last one is the report.
    for (uint16_t code = 0; code < KEY_CNT; ++code) events[code] = {.type = EV_KEY, .code = code};
    for (const auto& [id, k] : keyboards_) (void)!write(k->uinput.get(), events.data(), sizeof events);
}

void Keyboards::read_clone(KeyboardId id) {
    const auto found = keyboards_.find(id);
    if (found == keyboards_.end()) return;
    std::array<input_event, 16> events;
    const ssize_t size = ::read(found->second->uinput.get(), events.data(), sizeof events);
    bool set = false;
    for (size_t i = 0; size > 0 && i < static_cast<size_t>(size) / sizeof(input_event); ++i)
        if (events[i].type == EV_LED)
            set |= write_event(found->second->fd.get(), EV_LED, events[i].code, events[i].value);
    if (set) write_event(found->second->fd.get(), EV_SYN, SYN_REPORT, 0);
}

bool Keyboards::read() {
    uint64_t ignored = 0;
    (void)!::read(more_.get(), &ignored, sizeof ignored);
    std::set<KeyboardId> due;
    for (const auto& [id, keyboard] : keyboards_)
        if (keyboard->has_more) due.insert(id);

    std::array<epoll_event, k_ready_a_turn> ready;
    const int count = epoll_wait(epoll_.get(), ready.data(), k_ready_a_turn, 0);
    bool folder_changed = false;
    for (int i = 0; i < count; ++i) {
        const uint64_t what = ready[i].data.u64;
        if (what == k_folder) folder_changed = true;
        if (what == k_timer) try_again();
        if (what < k_first_keyboard) continue;
        const KeyboardId id = (what - k_first_keyboard) / 2;
        if (what % 2 == 0)
            due.insert(id);
        else
            read_clone(id);
    }
    bool chord = false;
    for (const auto id : due) chord |= read_keys(id);
    if (folder_changed) read_folder();
    if (std::ranges::any_of(keyboards_, [](const auto& entry) { return entry.second->has_more; })) {
        const uint64_t one = 1;
        (void)!write(more_.get(), &one, sizeof one);
    }
    return chord;
}

}  // namespace berth::supervisor
