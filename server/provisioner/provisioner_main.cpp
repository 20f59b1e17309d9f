// SPDX-License-Identifier: GPL-3.0-or-later
// berth-provisioner(8).
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>

#include "base/fd.h"
#include "base/output.h"
#include "base/random.h"
#include "net/http_server.h"
#include "server/api/service.h"
#include "server/boot/image_builds.h"
#include "server/boot/ipxe_script.h"

namespace berth::server {
namespace {

/// For others' changes of the database: an iPXE waits 4 s for its answer, and other requests wait behind it.
constexpr std::chrono::milliseconds k_patience{500};
constexpr rlim_t k_files = 4096;

struct Options {
    std::string listen = "0.0.0.0:8080", database = "/var/lib/berth-provisioner/berth.db",
                images = "/var/lib/berth-provisioner/images", ipxe, public_url;
};

/// So often it is looked for old builds that no boot token refers to any more.
constexpr timespec k_prune_period{.tv_sec = 10, .tv_nsec = 0};

/// Reports a failure when it is not the last one again.
void prune(ImageBuilds& builds, Store& store, Service& service, Report& report, std::string& last_failure) {
    const auto unless = [&](const std::string& build, const std::function<Status()>& remove) {
        return service.unless_awaited(build, remove);
    };
    const auto pruned = builds.prune([&]() -> Result<Store*> { return &store; }, unless);
    if (!pruned && pruned.error().to_log() != last_failure)
        report.error("old builds not removed", pruned.error());
    last_failure = pruned ? "" : pruned.error().to_log();
    if (!pruned) return;
    for (const auto& build : pruned->removed)
        report.event(Level::info, "old build removed", {{"build", build}});
}

Status serve(const Options& options, Report& report) {
    // Blocked before the library's threads start, so that only sigwait below gets them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // A limit of the database's size is an error of a write.
    // A descriptor for each connection and one for the image file that it gets.
    if (rlimit files{}; getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < k_files) {
        files.rlim_cur = std::min<rlim_t>(files.rlim_max, k_files);
        setrlimit(RLIMIT_NOFILE, &files);
    }

    if (!options.public_url.empty() && !is_base_url(options.public_url))
        return fail(ErrorCode::P05, "--public-url {}: must be http://host or http://host:port",
                    options.public_url);
    std::string boot_ipxe(built_in_boot_ipxe());
    if (!options.ipxe.empty()) {
        auto own = read_file(options.ipxe);
        if (!own) return fail(own.error().with_prefix("--ipxe"));
        boot_ipxe = std::move(*own);
        if (auto good = with_provisioner(boot_ipxe, "http://localhost"); !good)
            return fail(good.error().with_prefix("--ipxe"));
    }
    auto images = BERTH_TRY(ImageFolder::open(options.images));
    SystemClock clock;
    auto store = BERTH_TRY(Store::open(options.database, clock, k_patience));
    Bookkeeper* books = nullptr;
    Service service(
        {.public_url = options.public_url, .boot_ipxe = boot_ipxe}, *store, images, report,
        [] { return random_hex(16); }, [&books](Job job) { books->add(std::move(job)); });
    // Ends after the server that gives it jobs, and before the service whose jobs they are.
    Bookkeeper bookkeeper(report);
    books = &bookkeeper;
    auto server =
        net::HttpServer::start(options.listen, service.routes(), net::Listener::boot, ErrorCode::P05);
    if (!server) return fail(ErrorCode::P05, "--listen {}", server.error().detail());
    say("listening on {}\n", server->address());
    auto builds = BERTH_TRY(ImageBuilds::open(options.images));
    int signal = 0;
    std::string last_failure;
    do {
        prune(builds, *store, service, report, last_failure);
        signal = sigtimedwait(&signals, nullptr, &k_prune_period);
    } while (signal < 0);
    report.event(Level::info, "ending", {{"signal", std::to_string(signal)}});
    return {};
}

}  // namespace
}  // namespace berth::server

int main(int argc, char** argv) {
    berth::server::Options options;
    CLI::App app("Berth's provisioner: answers booting machines and serves images", "berth-provisioner");
    app.add_option("--listen", options.listen, "ADDRESS:PORT; port 0 takes a free one")
        ->capture_default_str();
    app.add_option("--database", options.database, "the SQLite file, made if missing")->capture_default_str();
    app.add_option("--images", options.images, "the folder with image folders")->capture_default_str();
    app.add_option("--ipxe", options.ipxe, "another boot script than the built-in one");
    app.add_option("--public-url", options.public_url,
                   "this server's URL for clients, instead of their Host header");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return berth::print_usage(app, e);
    }
    berth::JournalReport report("berth-provisioner");
    const auto done = berth::server::serve(options, report);
    if (done) return 0;
    berth::complain("berth-provisioner: {}\n", done.error().to_user());
    return 1;
}
