// SPDX-License-Identifier: GPL-3.0-or-later
// docs/screens.md is what the programs draw: `screens_test --write` makes it anew.
#include <gtest/gtest.h>
#include <sodium.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/fd.h"
#include "bootstrap/initramfs/bootstrap.h"
#include "bootstrap/initramfs/screen.h"
#include "bootstrap/manifest/image_tool.h"
#include "greeter/session/leftovers/settle.h"
#include "tests/testing/desk.h"

namespace berth {
namespace {

constexpr const char* k_page = BERTH_SOURCE_DIR "/docs/screens.md";

using guest::DomainState;
using volume::VolumeState;

/// The page as it grows: a heading, a sentence, a picture.
class Page {
  public:
    void chapter(std::string_view heading) { text += fmt::format("## {}\n\n", heading); }
    void draw(std::string_view sentence, std::string_view picture) {
        text += fmt::format("{}\n\n```text\n{}```\n\n", sentence, picture);
    }
    void draw(const Desk& desk, std::string_view sentence) { draw(sentence, desk.picture()); }
    /// To be called when the screen shows it.
    std::function<void()> drawn(const Desk& desk, std::string sentence) {
        return [this, &desk, sentence = std::move(sentence)] { draw(desk, sentence); };
    }
    std::string text =
        "# Screens\n\nWhat a user sees, on a terminal of 80 columns and 24 rows; where more than two rows "
        "are empty, two are kept. `tests/across/screens_test.cpp`\n"
        "makes this page: it draws what greeter, screen program and session show when a user types what the "
        "sentence says. The codes are explained in\n"
        "[error-codes.md](error-codes.md).\n\n";
};

void type_password(Desk& desk) {
    desk.when("prompt", [&desk] { desk.enter(L"secret"); });
}

std::optional<lock::LockHolder> held_by(std::string client, std::string host) {
    lock::LockHolder holder;
    holder.record.owner = {std::move(client), std::move(host), "ann", "boot-0"};
    holder.record.since = "2026-11-22T09:12:00Z";
    holder.last_sign_of_life = std::chrono::seconds(4);
    return holder;
}

/// A workstation whose machine is a fake and whose image server is a folder.
class BootDesk final : public boot::BootSystem, public net::HttpClient {
  public:
    BootDesk() {
        char name[] = "/tmp/berth-boot-desk-XXXXXX";
        if (mkdtemp(name) == nullptr || sodium_init() < 0) throw std::runtime_error("boot desk");
        folder_ = name;
        std::ofstream(folder_ + "/root.squashfs") << std::string(100'000, 'x');
        std::ofstream(folder_ + "/tty1");
        good(boot::make_image({.kind = boot::ManifestKind::image,
                               .version = 7,
                               .created = "2026-11-22T00:00:00Z",
                               .files = {folder_ + "/root.squashfs"},
                               .out = folder_ + "/image"}));
        good(boot::make_keys(folder_ + "/key", folder_ + "/key.pub"));
        good(boot::sign_file(folder_ + "/key", folder_ + "/image/manifest.json"));
    }
    ~BootDesk() override { std::filesystem::remove_all(folder_); }

    bool has_network = true, damaged = false;

    /// What is on the terminal after so many attempts.
    std::string terminal_after(unsigned attempts) {
        boot::Screen screen("tty1", folder_);
        FakeClock clock;
        boot::BootPlan plan{.parameters = {.image = folder_ + "/image"}, .trust = {}, .times = {}};
        plan.trust.key = *boot::parse_public_key(*read_file(folder_ + "/key.pub", 4096));
        boot::StatusPoster poster(plan.parameters, *this, clock);
        boot::ScreenAndPosts progress(screen, poster);
        boot_until_it_works(plan, *this, *this, clock, progress, attempts);
        std::string text = *read_file(folder_ + "/tty1", 1 << 20);
        std::erase(text, '\r');
        return text;
    }

    Status network(const boot::BootParameters&) override {
        return has_network ? Status{} : fail(ErrorCode::B01);
    }
    Result<std::string> image_folder() override { return folder_; }
    Status keep_record(const std::string&) override { return {}; }
    Status mount_root(const std::string&, const std::string&) override { return {}; }
    Status switch_root() override { return {}; }
    Status restart() override { return {}; }

    long answer() const override { return 200; }
    Status perform(const net::HttpRequest& request, const net::HttpTimes&, const Sink& sink) override {
        auto bytes = read_file(request.url, 1 << 20);
        if (!bytes) return fail(ErrorCode::B02, "{}", request.url);
        if (damaged && bytes->starts_with("xx")) bytes->back() = 'y';
        for (std::string_view rest = std::string_view(*bytes).substr(request.from); !rest.empty();) {
            const size_t n = std::min<size_t>(rest.size(), 10'000);
            BERTH_TRY(sink(rest.substr(0, n)));
            rest.remove_prefix(n);
        }
        return {};
    }

  private:
    static void good(const Status& done) {
        if (!done) throw std::runtime_error(done.error().to_log());
    }
    std::string folder_;
};

void before_the_login(Page& page) {
    page.chapter("Before the login");
    page.draw("The workstation fetches its system.", BootDesk().terminal_after(1));
    BootDesk no_cable;
    no_cable.has_network = false;
    page.draw("Its network cable is out. It tries again until it works.", no_cable.terminal_after(2));
    BootDesk damaged;
    damaged.damaged = true;
    page.draw("What the image server sends is not what the image's maker signed.", damaged.terminal_after(1));
}

void login(Page& page) {
    page.chapter("Login");
    Desk desk;
    desk.type(L"ann");
    page.draw(desk, "Somebody types a user name.");
    desk.press({ui::Key::control, L'P'});
    page.draw(desk, "Ctrl-P asks first, Ctrl-R the same for a restart.");

    Desk poor;
    poor.boot(
        R"({"data":"memory","clock":"unsynchronised","kvm":{"usable":false,"why":"virtualization is switched off in the firmware"},"network":false,"missing_firmware":["rtl_nic/rtl8168h-2.fw","i915/kbl_dmc.bin","iwlwifi-9000.ucode"]})");
    page.draw(poor, "What the workstation lacks is said before the login.");

    Desk wrong;
    wrong.when("prompt", [&] {
        page.draw(wrong, "The password.");
        wrong.enter(L"guess");
    });
    wrong.log_in();
    page.draw(wrong, "A wrong password, or a user that does not exist.");
}

void start(Page& page) {
    page.chapter("From the password to the virtual machine");
    Desk desk;
    desk.world.vms = {"games", "work"};
    type_password(desk);
    desk.when("choice", [&] {
        page.draw(desk, "The user has more than one virtual machine.");
        desk.press({ui::Key::character, L'2'});
    });
    desk.when("vm doing", page.drawn(desk, "The session's steps."));
    desk.when("console work", page.drawn(desk, "The virtual machine has the terminal."));
    desk.while_it_runs = {[&] {
                              desk.attention();
                              page.draw(desk, "Ctrl-] brings this menu.");
                              desk.tell(supervisor::event::Levels{.volume = "40 %", .brightness = "70 %"});
                              desk.press({ui::Key::character, L'6'});
                              page.draw(desk,
                                        "The same on a workstation with a sound card and a built-in panel.");
                              desk.tell(supervisor::event::Levels{});
                              desk.press({ui::Key::character, L'4'});
                          },
                          [&] {
                              page.draw(desk, "\"Show how it is doing\".");
                              desk.press({ui::Key::character, L'3'});
                              page.draw(desk, "\"Switch the VM off at once\".");
                              desk.press({ui::Key::character, L'n'});
                              desk.press({ui::Key::character, L'2'});
                          },
                          [&] {
                              page.draw(desk, "\"Shut the VM down\".");
                              desk.press({ui::Key::escape});
                              page.draw(desk, "Back in the virtual machine.");
                              desk.world.domain_states = {DomainState::gone};
                          }};
    desk.when("swap undoing", page.drawn(desk, "The guest has shut down; the session is being undone."));
    desk.log_in();

    Desk fresh;
    fresh.world.vms = {};
    fresh.config.client.template_vm = "fs1:/export/templates/debian";
    type_password(fresh);
    fresh.when("Making",
               page.drawn(fresh, "A user without a virtual machine gets a copy of the site's template."));
    fresh.log_in();
}

void troubles_while_it_runs(Page& page) {
    page.chapter("While the virtual machine runs");
    Desk desk;
    auto& world = desk.world;
    type_password(desk);
    const auto volume_says = [&world](VolumeState state) {
        return [&world, state] { world.volume_events = {state}; };
    };
    desk.while_it_runs = {volume_says(VolumeState::silent), volume_says(VolumeState::running)};
    const auto paused = [&world] { world.domain_states = {DomainState::paused_io_error}; };
    const auto running = [&world] {
        world.clock.advance(std::chrono::seconds(6));
        world.domain_states = {DomainState::running};
    };
    desk.while_it_runs.insert(desk.while_it_runs.end(), {paused, [] {}, running, [] {}});
    desk.while_it_runs.push_back([&world] { world.libvirt_silent = 1; });
    desk.while_it_runs.insert(desk.while_it_runs.end(), {[] {}, [] {}});
    desk.while_it_runs.push_back([&world] { world.domain_states = {DomainState::crashed}; });
    desk.while_it_runs.push_back([] {});
    desk.while_it_runs.push_back([&] {
        page.draw(desk,
                  "Over the guest's own output: a silent file server and its return, a file server that "
                  "refuses writes and takes them again, "
                  "a virtual machine service that does not answer at once, a guest that crashed.");
        world.domain_failed = true;
        world.domain_states = {DomainState::gone};
    });
    desk.log_in();
    page.draw(desk, "The virtual machine ended, and not because its user shut it down.");
}

void in_use(Page& page) {
    page.chapter("In use on another workstation");
    Desk desk;
    auto& world = desk.world;
    world.holder = held_by("m-0007", "berth-07");
    world.holder_below = world.holder;
    world.take_over_seconds = 90;
    type_password(desk);
    desk.when("choice", [&] {
        page.draw(desk, "The question. The answer that changes nothing is chosen at first.");
        desk.press({ui::Key::character, L'2'});
    });
    desk.when("Asked", page.drawn(desk, "Yes: the other workstation is asked."));
    desk.when("at most 87 s", [&] { world.holder_below->record.closing = true; });
    desk.when("is closing", [&] {
        page.draw(desk, "It answers, and closes the virtual machine there.");
        world.holder_below->record.closing = false;
    });
    desk.when("does not answer", page.drawn(desk, "Or it does not answer."));
    desk.log_in();

    const auto refused = [&page](Desk& other, std::string_view sentence) {
        other.log_in();
        page.draw(other, sentence);
    };
    Desk no;
    no.world.holder = held_by("m-0007", "berth-07");
    type_password(no);
    no.when("choice", [&] { no.press({ui::Key::character, L'1'}); });
    refused(no, "No.");

    Desk admin;
    admin.config.client.lock_break = BreakPolicy::admin;
    admin.world.holder = held_by("m-0007", "berth-07");
    type_password(admin);
    refused(admin, "At a site where only administrators take over (`break = \"admin\"`).");

    Desk own;
    own.world.holder = held_by("m-0012", "berth-12");
    type_password(own);
    own.when("choice",
             page.drawn(own, "This workstation lost its power, and what it knew of its last session."));
    own.log_in();
}

void asked_away(Page& page) {
    page.chapter("Asked for by another workstation");
    Desk desk;
    auto& world = desk.world;
    type_password(desk);
    desk.while_it_runs = {[&] {
                              world.claimed_until = world.clock.now() + std::chrono::seconds(51);
                              world.volume_events = {VolumeState::claimed};
                          },
                          [&] {
                              page.draw(desk, "Over the guest's own output.");
                              world.clock.advance(std::chrono::seconds(11));
                          }};
    world.power_button_works = true;
    desk.when("being closed to move", page.drawn(desk, "Ten seconds later."));
    desk.when("moves to", page.drawn(desk, "It was closed in time."));
    desk.log_in();

    Desk late;
    type_password(late);
    late.while_it_runs = {[&late] {
                              late.world.claimed_until = late.world.clock.now() + std::chrono::seconds(51);
                              late.world.volume_events = {VolumeState::claimed};
                          },
                          [&late] { late.world.volume_events = {VolumeState::lost}; }};
    late.log_in();
    page.draw(late, "It was not closed in time.");
}

void not_saved(Page& page) {
    page.chapter("What is not yet at the file server");
    Desk desk;
    type_password(desk);
    desk.while_it_runs = {[&desk] { desk.world.failing = {"undo volume"}; }};
    desk.when("Waiting for", page.drawn(desk, "The file server does not take the last changes."));
    desk.log_in();

    Desk again;
    session::SessionState last;
    last.session = "s0";
    last.vm = "work";
    last.location = {.server = "fs1", .directory = "/export/users/ann"};
    last.lock = session::LockState{.epoch = 6, .nonce = "ff"};
    last.run_dir = "/run/berth/vm/s0";
    last.swap = {"/var/lib/berth/swap/s0-swap.raw"};
    last.boot_id = "boot-1";
    (void)again.store().save(last);
    again.world.made = {"volume", "lock", "swap", "run_dir"};
    again.world.uncommitted = 5000;
    again.world.failing = {"undo volume"};
    type_password(again);
    again.when("choice", [&] {
        page.draw(again, "The same user logs in again, and the file server still does not take them.");
        again.press({ui::Key::character, L'1'});
    });
    again.log_in();
    page.draw(again, "No.");

    Desk well;
    (void)well.store().save(last);
    well.world.made = {"volume", "lock", "swap", "run_dir"};
    type_password(well);
    well.when("Finishing the last session",
              page.drawn(well, "The same user logs in again, and the file server takes them."));
    well.log_in();
}

void refusals(Page& page) {
    page.chapter("When a login fails");
    Desk desk;
    type_password(desk);
    desk.world.disks = {};
    desk.log_in();
    page.draw(desk, "Each failure has a code, what happened, what exactly, and what to do.");

    Desk gone;
    gone.tell(supervisor::event::SessionStartFailed{"fork: Cannot allocate memory"});
    page.draw(gone, "The session's program could not be started.");

    Desk died;
    died.enter(L"ann");
    died.tell(supervisor::event::SessionDied{"killed by signal 9"});
    page.draw(died, "The session's program died.");
    died.enter(L"bob");
    page.draw(died, "Somebody logs in before what it left is cleaned up.");
}

void power(Page& page) {
    page.chapter("Shutting down");
    Desk desk;
    desk.press({ui::Key::control, L'P'});
    desk.press({ui::Key::character, L'y'});
    desk.world.clock.advance(std::chrono::seconds(1));
    desk.tell(supervisor::event::Tick{});
    page.draw(desk, "A virtual machine of an earlier session is still running.");
    desk.tell(supervisor::event::PowerFailed{"systemctl: exit code 1"});
    page.draw(desk, "It could not be switched off.");

    Desk other;
    other.going_down = session::going_down_text(std::chrono::seconds(180));
    other.boot(
        R"({"data":"persistent","clock":"synchronised","kvm":{"usable":true,"why":""},"network":true})");
    other.enter(L"ann");
    page.draw(other,
              "Somebody else shuts it down, by its power button or from afar, and a user wants to log in.");
}

std::string page() {
    setenv("TZ", "UTC", 1);
    std::setlocale(LC_CTYPE, "C.UTF-8");
    Page page;
    before_the_login(page);
    login(page);
    start(page);
    troubles_while_it_runs(page);
    in_use(page);
    asked_away(page);
    not_saved(page);
    refusals(page);
    power(page);
    page.text.pop_back();
    return std::move(page.text);
}

TEST(Screens, are_the_page_in_docs) {
    std::ifstream in(k_page);
    std::stringstream stored;
    stored << in.rdbuf();
    EXPECT_EQ(stored.str(), page()) << "run screens_test --write";
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--write") {
        const std::string page = berth::page();
        std::ofstream(berth::k_page) << page;
        return 0;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
