// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/session/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/client_identity.h"
#include "base/no_throw.h"
#include "base/output.h"
#include "base/record/boot_record.h"
#include "base/spawn.h"
#include "base/text.h"
#include "files/helper/files_helper.h"
#include "greeter/session/greeter_link.h"
#include "greeter/session/leftovers/settle.h"
#include "greeter/session/resources/provisioner_client.h"
#include "greeter/session/secret.h"
#include "greeter/session/session.h"
#include "greeter/session/step_table.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int k_greeter_fd = 3;

/// The command line; every path can be another, so that tests run the same program on any machine.
struct Options {
    std::string config = "/etc/berth/berth.toml", machine = "/run/berth/machine.json",
                boot = "/run/berth/boot.json";
    std::string command_line = "/proc/cmdline";
    std::string state_dir = "/var/lib/berth/state", swap_dir = "/var/lib/berth/swap",
                run_root = "/run/berth/vm", screen_root = "/run/berth/screen";
    std::string libvirt = "qemu:///system", nat_network = "berth-nat";
    std::string volume_program = "/usr/libexec/berth/berth-volume", volume_user = "_berth-volume",
                qemu_group = "libvirt-qemu";
    std::string files_program = files::FilesProgram{}.program, files_user = "_berth-files";
    std::string pam_service = "berth";
    FixedTimes fixed;
    int64_t power_button_seconds = 60, volume_stop_seconds = 60;
    int64_t settle_seconds = 180;
    std::string nft = "/usr/sbin/nft";
    std::string going_down = "/run/berth/going-down";
    bool sweep = false, settle = false, steps = false;
};

void declare(CLI::App& app, Options& o) {
    const auto text = [&app](const char* name, std::string& value, const char* help) {
        app.add_option(name, value, help)->capture_default_str();
    };
    const auto duration = [&app](const char* name, int64_t& value, const char* help) {
        app.add_option(name, value, help)->check(CLI::Range(1, 3600))->capture_default_str();
    };
    text("--config", o.config, "Site configuration, berth.toml(5)");
    text("--machine", o.machine, "This workstation's record");
    text("--boot", o.boot, "What the boot found");
    text("--kernel-command-line", o.command_line, "File with the kernel's parameters");
    text("--state-dir", o.state_dir, "Folder of the session state files");
    text("--swap-dir", o.swap_dir, "Folder of the swap disks");
    text("--run-root", o.run_root, "Folder of the sessions' sockets");
    text("--screen-root", o.screen_root, "Folder of the guests' screens' sockets");
    text("--libvirt", o.libvirt, "libvirt's URI");
    text("--nat-network", o.nat_network, "libvirt network for \"nat\"; empty: QEMU's user-mode network");
    text("--volume-program", o.volume_program, "berth-volume");
    text("--volume-user", o.volume_user, "Whom berth-volume runs as; empty: the caller");
    text("--files-program", o.files_program, "berth-files, which speaks to the file servers");
    text("--files-user", o.files_user, "Whom berth-files runs as; empty: the caller");
    text("--qemu-group", o.qemu_group, "Group that may open the disks' socket");
    text("--nft", o.nft,
         "nft(8), which keeps guests from the servers; empty: nothing does (laboratories only)");
    text("--pam-service", o.pam_service, "PAM service");
    duration("--power-button-seconds", o.power_button_seconds, "From the power button to switching a VM off");
    duration("--volume-stop-seconds", o.volume_stop_seconds, "For writing the last changes");
    app.add_flag("--sweep", o.sweep, "Finish the sessions that could not end themselves, then exit");
    app.add_flag(
        "--settle", o.settle,
        "Before the workstation goes down: ask sessions to close, wait until nothing is left, then exit");
    duration("--settle-seconds", o.settle_seconds, "The longest that --settle waits");
    text("--going-down", o.going_down, "Where --settle says what it waits for");
    app.add_flag("--steps", o.steps, "Print the table of steps and exit");
}

/// A missing file is `missing`; anything else that cannot be read is an error.
template <typename T>
Result<T> parse_if_there(const std::string& path, auto parse, T missing) {
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return missing;
    auto text = BERTH_TRY(read_file(path));
    auto parsed = BERTH_TRY(parse(text));
    return T(std::move(parsed));
}

/// What the files say, read once.
struct WorkstationFacts {
    ClientConfig client;
    std::optional<MachineRecord> record;
    std::optional<BootRecord> boot;
    lock::LockOwner owner;
    std::optional<Provisioner> provisioner;
    SessionTimes times;
};

Result<WorkstationFacts> read_workstation_facts(const Options& o) {
    WorkstationFacts facts;
    auto client = read_client_config(o.config);
    if (!client) return fail(client.error());
    auto record = parse_if_there<std::optional<MachineRecord>>(
        o.machine, [](const std::string& t) { return parse_machine_record(t); }, {});
    if (!record) return fail(record.error());
    auto boot = parse_if_there<std::optional<BootRecord>>(
        o.boot, [](const std::string& t) { return parse_boot_record(t); }, {});
    if (!boot) return fail(boot.error());
    facts.client = *record ? with_record(*client, **record) : *client;
    facts.record = std::move(*record);
    facts.boot = std::move(*boot);

    auto boot_id = BERTH_TRY(read_file("/proc/sys/kernel/random/boot_id", 128));
    facts.owner.boot_id = boot_id.substr(0, boot_id.find('\n'));
    if (facts.boot && !facts.boot->client_id.empty()) {
        facts.owner.client = facts.boot->client_id;
        facts.owner.host = facts.boot->host;
    } else {
        auto identity = BERTH_TRY(read_client_identity());
        facts.owner.client = identity.id;
        facts.owner.host = identity.host;
    }
    if (auto line = read_file(o.command_line, 65536))
        facts.provisioner = find_provisioner(*line, facts.record ? facts.record->id : "",
                                             facts.record ? facts.record->boot_token : "");
    facts.times.lock = o.fixed.lock;
    facts.times.watch.power_button = seconds(o.power_button_seconds);
    facts.times.volume_stop = seconds(o.volume_stop_seconds);
    return facts;
}

/// The real seams that a session and a sweeper share.
struct RealSeams {
    SystemClock clock;
    std::unique_ptr<ProvisionerClient> provisioner;
    std::unique_ptr<StateStore> store;
    std::unique_ptr<SessionResources> resources;
    std::unique_ptr<guest::Hypervisor> hypervisor;
    std::unique_ptr<ProcessTable> processes = real_process_table();
    std::unique_ptr<Sweeper> sweeper;
};

SweepSeams sweep_seams(RealSeams& seams, const WorkstationFacts& facts, Report& report) {
    return {seams.clock,         report,           *seams.resources,
            *seams.hypervisor,   *seams.store,     *seams.processes,
            facts.owner.boot_id, facts.times.lock, facts.times.watch.power_button};
}

Status build(RealSeams& seams, const WorkstationFacts& facts, const Options& o, Report& report) {
    for (const std::string& folder : {o.state_dir, o.swap_dir, o.run_root}) {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (error) return fail(ErrorCode::I01, "make {}: {}", folder, error.message());
    }
    // Nobody but root sees the states; the swap disks are opened by the volume engine's user.
    chmod(o.state_dir.c_str(), 0700);
    chmod(o.swap_dir.c_str(), 0711);
    if (facts.provisioner) seams.provisioner = std::make_unique<ProvisionerClient>(*facts.provisioner);
    const bool diskless = facts.boot && !facts.boot->persistent.value_or(false);
    seams.store = std::make_unique<StateStore>(o.state_dir, diskless ? seams.provisioner.get() : nullptr,
                                               report, o.run_root, o.swap_dir);

    RealSessionResourcesOptions resources;
    resources.locate = facts.client.locate;
    resources.volume.program = o.volume_program;
    resources.volume_user = o.volume_user;
    resources.qemu_group = o.qemu_group;
    resources.screen_root = o.screen_root;
    resources.files_program = o.files_program;
    resources.files_user = o.files_user;
    resources.guests.nft = o.nft;
    if (facts.provisioner)
        if (auto host = host_of_url(facts.provisioner->url))
            resources.guests.hosts.push_back(std::move(*host));
    if (auto source = parse_location(facts.client.template_vm))
        resources.guests.hosts.push_back(
            {source->server, closed_ports(facts.client.locate.nfs_port, facts.client.locate.mount_port)});
    for (const char* name : {"BERTH_NBDKIT", "BERTH_NBDKIT_PLUGIN"})
        if (const char* value = getenv(name)) resources.volume.environment[name] = value;
    seams.resources = BERTH_TRY(real_session_resources(std::move(resources), seams.clock, report));
    seams.hypervisor = guest::connect_libvirt(o.libvirt, seams.clock, report, o.fixed.libvirt);
    seams.sweeper = std::make_unique<Sweeper>(sweep_seams(seams, facts, report));
    return {};
}

/// What outlives a login that cannot return.
struct Login {
    bool unfinished = false;  ///< Something is left for a sweeper; true also if log_in throws.
    std::optional<StateClaim> claim;
};

Status log_in(const Options& o, GreeterLink& greeter, Watchdog& watchdog, Report& report, Login& login) {
    auto start = BERTH_TRY(greeter.wait_for_start());
    auto facts = read_workstation_facts(o);
    RealSeams seams;
    Status built = facts ? build(seams, *facts, o, report) : fail(facts.error());
    if (!built) {
        greeter.say(MessageStyle::error, built.error().to_user());
        return built;
    }
    auto claim = BERTH_TRY(seams.store->claim(start.session));
    if (!claim) return fail(ErrorCode::I03, "session {} is in use", start.session);
    login.claim = std::move(claim);
    BERTH_TRY(login.claim->sign());

    auto authenticator =
        pam_authenticator({.service = o.pam_service,
                           .user = std::string(start.user.view()),
                           .tty = start.tty,
                           .watchdog = &watchdog,
                           .limit = facts->client.pam_limit.value_or(step_deadline(step::authenticate))},
                          greeter, report);
    std::optional<guest::Resolution> monitor;
    if (start.width != 0 && start.height != 0)
        monitor = {static_cast<unsigned>(start.width), static_cast<unsigned>(start.height)};
    SessionConfig config{.session = start.session,
                         .client = facts->client,
                         .owner = facts->owner,
                         .run_root = o.run_root,
                         .swap_dir = o.swap_dir,
                         .monitor = monitor,
                         .nat_network = o.nat_network,
                         .host_memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                        static_cast<uint64_t>(sysconf(_SC_PAGESIZE)),
                         .host_cpus = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)),
                         .times = facts->times};
    const auto tell = [&](const std::string& user, const std::string& vm, const std::string& since) {
        if (!seams.provisioner) return;
        std::optional<RunningSession> running;
        if (!vm.empty()) running = {.user = user, .vm = vm, .since = since};
        if (Status s = seams.provisioner->report_session(facts->owner.boot_id, running); !s)
            report.error("session not reported", s.error());
    };
    Session session(config, {seams.clock, report, greeter, *authenticator, *seams.resources,
                             *seams.hypervisor, *seams.store, *seams.sweeper, tell});
    login.unfinished = true;
    Status done = session.run();
    login.unfinished = session.unfinished();
    return done;
}

/// Goes on beside us and after us: neither the prompt nor a later login waits for it. Also with the greeter
/// gone somebody has to do it.
void start_sweeper(int argc, char** argv, Report& report) {
    SpawnOptions options;
    options.arguments = {"/proc/self/exe"};
    options.arguments.insert(options.arguments.end(), argv + 1, argv + argc);
    options.arguments.emplace_back("--sweep");
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string_view variable = *e;
        if (const size_t at = variable.find('='); at != std::string_view::npos)
            options.environment.emplace(variable.substr(0, at), variable.substr(at + 1));
    }
    options.new_session = true;
    auto child = spawn(options);
    if (!child) return report.error("sweeper not started", child.error());
    (void)child->release();
}

/// Rounds until nothing is left; the pause grows to a minute. SIGTERM ends it between two waits.
int sweep(const Options& o, int signals, Report& report) {
    auto facts = read_workstation_facts(o);
    RealSeams seams;
    Status built = facts ? build(seams, *facts, o, report) : fail(facts.error());
    if (!built) {
        report.error("sweeper cannot start", built.error());
        return 1;
    }
    const auto told_to_end = [signals](milliseconds timeout) {
        pollfd p{.fd = signals, .events = POLLIN, .revents = 0};
        return poll(&p, 1, static_cast<int>(timeout.count())) > 0;
    };
    const auto waiting = [&](seconds) { return !told_to_end(milliseconds(0)); };
    for (milliseconds pause = seconds(2); true; pause = std::min<milliseconds>(pause * 2, seconds(60))) {
        auto left = seams.sweeper->round(waiting);
        if (!left) report.error("sweep", left.error());
        if (left && *left == 0) {
            // Whoever ended without a word was swept; a session that lives has its state here.
            auto states = seams.store->list();
            if (seams.provisioner && states && states->empty())
                if (Status s = seams.provisioner->report_session(facts->owner.boot_id, std::nullopt); !s)
                    report.error("session not reported", s.error());
            return 0;
        }
        if (told_to_end(pause)) return 0;
    }
}

/// 0: nothing is left that power-off would cut.
int settle_all(const Options& o, int signals, Report& report) {
    auto facts = read_workstation_facts(o);
    RealSeams seams;
    Status built = facts ? build(seams, *facts, o, report) : fail(facts.error());
    if (!built) {
        report.error("sessions cannot be settled", built.error());
        return 1;
    }
    const auto go_on = [&] {
        // Written again and again: a greeter that starts meanwhile finds it.
        (void)write_file_durably(o.going_down, going_down_text(seconds(o.settle_seconds)));
        pollfd p{.fd = signals, .events = POLLIN, .revents = 0};
        return poll(&p, 1, 0) == 0;
    };
    const auto ask = [&](pid_t session) {
        report.event(Level::info, "asking a session to close", {{"pid", std::to_string(session)}});
        kill(session, SIGTERM);
    };
    auto left = settle(sweep_seams(seams, *facts, report), seconds(o.settle_seconds), ask, go_on);
    unlink(o.going_down.c_str());
    if (!left) report.error("settle", left.error());
    if (left && *left > 0)
        report.event(Level::error, "sessions are cut", {{"number", std::to_string(*left)}});
    return left && *left == 0 ? 0 : 1;
}

int serve_greeter(const Options& options, int signals, int argc, char** argv, Report& report) {
    if (fcntl(k_greeter_fd, F_SETFD, FD_CLOEXEC) != 0) {
        complain("berth-session: descriptor 3 must be the greeter's socket\n");
        return 2;
    }
    if (Status s = protect_process_memory(); !s) {
        report.error("cannot keep secrets", s.error());
        return 1;
    }
    GreeterLink greeter(UniqueFd(k_greeter_fd), signals, report);
    Status done = fail(ErrorCode::I03);
    Login login;
    // Nothing can make the stuck call return, so the process ends; what it had begun is written down.
    Watchdog watchdog([&](const std::string& what) {
        no_throw("berth-session", [&] {
            const Error late(ErrorCode::L04, what + ": no answer in time");
            report.error("session failed", late);
            greeter.say(MessageStyle::error, late.to_user());
        });
        no_throw("berth-session", [&] {
            login.claim.reset();
            if (login.unfinished) start_sweeper(argc, argv, report);
            greeter.end(false);
        });
        _exit(1);
    });
    try {
        done = log_in(options, greeter, watchdog, report, login);
    } catch (const std::exception& e) {
        done = fail(ErrorCode::I01, "{}", e.what());
    }
    if (!done) report.error("session failed", done.error());
    login.claim.reset();
    if (login.unfinished) start_sweeper(argc, argv, report);
    greeter.end(done.has_value());
    return done ? 0 : 1;
}

}  // namespace

int run_program(int argc, char** argv, const MoreOptions& more) {
    Options options;
    CLI::App app("berth-session: one login, from the password to the last undo");
    declare(app, options);
    if (more) more(app, options.fixed);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return print_usage(app, e) == 0 ? 0 : 2;
    }
    if (options.steps) {
        print_text(Stream::out, step_table_text(session_steps()));
        return 0;
    }

    signal(SIGPIPE, SIG_IGN);
    sigset_t term;
    sigemptyset(&term);
    for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&term, number);
    sigprocmask(SIG_BLOCK, &term, nullptr);
    UniqueFd signals(signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK));

    JournalReport report("berth-session");
    if (options.sweep) return sweep(options, signals.get(), report);
    if (options.settle) return settle_all(options, signals.get(), report);

    return serve_greeter(options, signals.get(), argc, argv, report);
}

}  // namespace berth::session
