// SPDX-License-Identifier: GPL-3.0-or-later
// berth-bootstrap(8): /init of the initramfs as PID 1; as any other process only the fetch, for tests and
// curious administrators.
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "base/fd.h"
#include "base/output.h"
#include "base/spawn.h"
#include "bootstrap/initramfs/bootstrap.h"
#include "bootstrap/initramfs/fetch.h"
#include "bootstrap/initramfs/real_system.h"
#include "bootstrap/initramfs/screen.h"

namespace berth::boot {
namespace {

constexpr const char* k_key_path = "/etc/berth/image.pub";
constexpr const char* k_version_path = "/etc/berth/image.version";
constexpr const char* k_debug_shell = "/etc/berth/debug-shell";

Result<Trust> read_trust() {
    auto text = BERTH_TRY(read_file(k_key_path, 4096));
    auto key = BERTH_TRY(parse_public_key(text));
    Trust trust{.key = key, .version = 0};
    if (auto version = read_file(k_version_path, 64))
        std::from_chars(version->data(), version->data() + version->size(), trust.version);
    return trust;
}

/// After a failure, a shell on the terminal, in images that were built to have one.
class DebugShell final : public BootProgress {
  public:
    DebugShell(BootProgress& next, std::string terminal)
        : next_(next), terminal_("/dev/" + std::move(terminal)) {}
    void stage(std::string_view name, int percent) override { next_.stage(name, percent); }
    void problem(const Error& error) override {
        next_.problem(error);
        if (access(k_debug_shell, F_OK) != 0) return;
        const UniqueFd terminal(open(terminal_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
        if (!terminal) return;
        auto shell = spawn({.arguments = {"/bin/sh", "-i"},
                            .environment = {{"TERM", "linux"}},
                            .descriptors = {{0, terminal.get()}, {1, terminal.get()}, {2, terminal.get()}},
                            .new_session = true});
        if (shell) shell->wait();
    }
    bool count_boot_again(const Error& error) override { return next_.count_boot_again(error); }

  private:
    BootProgress& next_;
    std::string terminal_;
};

/// PID 1 must not end: the kernel would panic.
[[noreturn]] void boot_as_init() {
    SystemClock clock;
    Screen screen("tty1");
    const Status mounted = mount_api_file_systems();
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
            const int opened = open("/dev/null", O_RDWR);
    const auto stay = [&](const Error& error) {
        screen.line(error.to_user());
        while (true) clock.sleep(std::chrono::hours(1));
    };
    if (!mounted) stay(mounted.error());
    auto parameters = read_boot_parameters();
    if (!parameters) stay(parameters.error());
    screen.set_console(parameters->console);
    auto trust = read_trust();
    if (!trust) stay(trust.error());
    auto http = net::make_http_client(ErrorCode::B02), posts = net::make_http_client(ErrorCode::B02);
    StatusPoster poster(*parameters, *posts, clock);
    ScreenAndPosts progress(screen, poster);
    DebugShell shell(progress, parameters->console);
    RealSystem system(screen, clock);
    boot_until_it_works({.parameters = *parameters, .trust = *trust, .times = {}}, system, *http, clock,
                        shell);
    stay(Error(ErrorCode::B07, "the new system returned"));
    while (true) pause();
}

class Lines final : public BootProgress {
  public:
    void stage(std::string_view name, int percent) override { say("{} {}\n", name, percent); }
    void problem(const Error& error) override { say("{}\n", error.to_user()); }
    bool count_boot_again(const Error&) override { return false; }
};

int fetch_only(int argc, char** argv) {
    CLI::App app{"Fetches and verifies one file of an image (as PID 1: boots)", "berth-bootstrap"};
    FetchOrder order;
    std::string key_path = k_key_path, kind = "image";
    app.add_option("--fetch-only", order.folder, "folder for the verified file")->required();
    app.add_option("--url", order.url, "the image's folder at the server")->required();
    app.add_option("--key", key_path, "public key");
    app.add_option("--kind", kind, "image or site")->check(CLI::IsMember({"image", "site"}));
    app.add_option("--minimum-version", order.minimum_version, "refuse older manifests");
    long stall = order.times.stall.count();
    app.add_option("--stall", stall, "seconds below 1 KiB/s after which a transfer is cancelled")
        ->check(CLI::Range(1, 3600));
    app.add_option("--tries", order.tries, "transfers in a row without any progress")
        ->check(CLI::Range(1, 100));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return print_usage(app, e);
    }
    order.times.stall = std::chrono::seconds(stall);
    order.kind = kind == "site" ? ManifestKind::site : ManifestKind::image;
    order.file = kind == "site" ? "site.squashfs" : "root.squashfs";
    const auto run = [&]() -> Result<FetchedFile> {
        auto text = BERTH_TRY(read_file(key_path, 4096));
        order.key = BERTH_TRY(parse_public_key(text));
        SystemClock clock;
        Lines lines;
        auto fetched = fetch_verified(order, *net::make_http_client(ErrorCode::B02), clock, lines);
        if (!fetched) return fail(fetched.error().error);
        return *fetched;
    };
    auto fetched = run();
    if (fetched) {
        say("version {}: {} bytes at {}\n", fetched->version, fetched->size, fetched->path);
        return 0;
    }
    complain("{}\n", fetched.error().to_user());
    return 1;
}

}  // namespace
}  // namespace berth::boot

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    if (getpid() == 1) berth::boot::boot_as_init();
    return berth::boot::fetch_only(argc, argv);
}
