// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/client.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/sim/line.h"

namespace berth::sim {

using lock::WriterEnd;
using std::chrono::seconds;
using volume::VolumeState;

namespace {

constexpr const char* k_vm = "vm";
constexpr const char* k_disk = "system.raw";

}  // namespace

void SimReport::event(Level, std::string_view event, const Fields& fields) {
    std::string text;
    for (const auto& [name, value] : fields) text += " " + name + "=" + value;
    world_.note("client {} says: {}{}", client_ + 1, event, text);
}

/// What berth-volume is.
struct Client::Engine {
    Engine(Client& c, const lock::TakenLock& taken)
        : client(c),
          config(config_of(c, taken)),
          lease(c.clock_, config.hold),
          connector(c.world_, {c.number_, taken.epoch, [this] { wake_io(); }}),
          guard(config, lease, c.clock_, c.report_, connector,
                [this](bool shared, std::unique_ptr<volume::Line> line) {
                    delivered.emplace_back(shared, std::move(line));
                    wake_io();
                }),
          core(config, lease, c.clock_, c.report_,
               {[this](bool shared) {
                    guard.want_line(shared);
                    client.world_.wake(lines);
                },
                [this] { return guard.silent_since(); }},
               c.plan_.lines) {}

    /// Nobody hears of what had no answer.
    ~Engine() {
        core.abandon();
        for (auto& request : submitted) request->done(ESHUTDOWN);
    }

    static volume::VolumeConfig config_of(const Client& c, const lock::TakenLock& taken) {
        volume::VolumeConfig config;
        config.vm = k_vm;
        config.epoch = taken.epoch;
        config.nonce = taken.nonce;
        config.disks = {{"system", volume::DiskMode::direct, k_disk, false}};
        config.renew = c.times_.lock.renew;
        config.hold = c.times_.lock.hold;
        config.request_timeout = c.times_.request_timeout;
        config.notice = c.times_.notice;
        return config;
    }

    void wake_io() { client.world_.wake(io); }
    void start() {
        World& world = client.world_;
        for (const auto& file : guard.files()) core.add_served(file);
        guard.on_change([this] { wake_io(); });
        keeper = world.spawn(client.number_, "keeper", [this] {
            BootTime next;
            do {
                const BootTime ends = lease.ends();
                next = guard.step();
                client.trace([&](Tracer& t, unsigned n) { t.looked(n, lease.ends() != ends); });
            } while (client.world_.wait(next));
        });
        lines = world.spawn(client.number_, "lines", [this] {
            while (client.world_.wait(guard.step_lines(false))) {
            }
        });
        io = world.spawn(client.number_, "io", [this] { serve(); });
    }
    void serve() {
        while (true) {
            for (auto& [shared, line] : std::exchange(delivered, {})) core.line_up(shared, std::move(line));
            core.each_line([](volume::Line& line) { static_cast<SimLine&>(line).service(); });
            for (auto& request : std::exchange(submitted, {})) core.submit(0, std::move(request));
            const BootTime next = core.step();
            if (state != core.state()) {
                state = core.state();
                client.world_.wake(session);
            }
            client.world_.wait(next);
        }
    }
    void submit(std::shared_ptr<volume::BlockRequest> request) {
        submitted.push_back(std::move(request));
        wake_io();
    }
    std::vector<uint64_t> tasks() const { return {keeper, lines, io, guest}; }

    Client& client;
    volume::VolumeConfig config;
    lock::Lease lease;
    std::vector<std::pair<bool, std::unique_ptr<volume::Line>>> delivered;
    SimConnector connector;
    volume::Guard guard;
    volume::EngineCore core;
    std::vector<std::shared_ptr<volume::BlockRequest>> submitted;
    VolumeState state = VolumeState::starting;
    uint64_t keeper = 0, lines = 0, io = 0, guest = 0, session = 0;
    bool guest_over = false, lost = false;
};

Client::Client(World& world, Oracle& oracle, unsigned number, SimTimes times, Plan plan)
    : world_(world),
      oracle_(oracle),
      number_(number),
      times_(times),
      plan_(std::move(plan)),
      clock_(world),
      report_(world, number) {}

Client::~Client() = default;

void Client::boot() {
    world_.spawn(number_, "session", [this] { run(); });
}

void Client::crashed() {
    engine_.reset();
    files_.reset();
    trace([](Tracer& t, unsigned n) { t.crashed(n); });
    write_down();
    boot();
}

/// What survives a power cut; and all that the client knows after one.
void Client::write_down() {
    Digest digest;
    digest.add(durable_.epoch).add(durable_.nonce).add(durable_.sessions).add(durable_.values);
    if (World::current() == 0)
        world_.forget(number_, digest.value());
    else
        world_.observe(number_, digest.value());
}

std::string Client::fresh_hex(size_t bytes) {
    return fmt::format("{:0{}x}", (number_ + 1) * 0x1000 + ++durable_.nonces, bytes * 2);
}

void Client::run() {
    if (!durable_.nonce.empty()) sweep();
    if (durable_.sessions == 0 && plan_.begins > Duration::zero()) clock_.sleep(plan_.begins);
    while (durable_.sessions < plan_.sessions) {
        durable_.sessions++;
        session();
        if (!durable_.nonce.empty()) sweep();
    }
    over_ = true;
}

void Client::session() {
    files_ = std::make_unique<SimSession>(world_, Party{number_}, "session", times_.lock.hold);
    auto directory = files_->lookup(files_->root(), k_vm);
    InFlight in_flight;
    if (directory) {
        lock::LockProtocol protocol(*files_, directory->handle, times_.lock, clock_, report_);
        const auto intent = [this](uint64_t epoch, const std::string& nonce) -> Status {
            durable_.epoch = epoch;
            durable_.nonce = nonce;
            trace([&](Tracer& t, unsigned n) { t.starts(n, epoch, nonce); });
            write_down();
            return {};
        };
        auto taken = protocol.take({fmt::format("m-{}", number_ + 1), "berth", "ann", "boot"},
                                   plan_.takes_over, intent, [](auto) { return true; });
        if (taken)
            serve(*taken, in_flight);
        else
            world_.note("client {}: {}", number_ + 1, taken.error().to_log());
    }
    if (!durable_.nonce.empty())
        if (Status undone = undo_lock(*files_, in_flight); !undone)
            world_.note("client {}: {}", number_ + 1, undone.error().to_log());
    files_.reset();
}

void Client::serve(const lock::TakenLock& taken, InFlight& in_flight) {
    oracle_.granted(number_, taken.epoch);
    oracle_.begins(number_);
    engine_ = std::make_unique<Engine>(*this, taken);
    const Status opened = engine_->guard.open();
    if (opened) {
        trace([&](Tracer& t, unsigned n) {
            t.granted(n, taken.predecessor ? taken.predecessor->record.nonce : "");
        });
        use(*engine_, in_flight);
    } else {
        world_.note("client {}: {}", number_ + 1, opened.error().to_log());
    }
    engine_.reset();
}

void Client::use(Engine& engine, InFlight& in_flight) {
    engine.session = World::current();
    engine.start();
    engine.guest = world_.spawn(number_, "guest", [this, &engine] {
        Guest guest(world_, oracle_, engine.config.epoch, [&engine](auto r) { engine.submit(std::move(r)); });
        guest.run(wishes());
        engine.guest_over = true;
        world_.wake(engine.session);
    });
    while (!engine.guest_over && engine.state != VolumeState::claimed && engine.state != VolumeState::lost)
        if (!world_.wait(k_never)) return;
    // The VM is closed.
    world_.end_tasks({engine.guest});
    end_volume(engine, in_flight);
    world_.end_tasks(engine.tasks());
}

/// As greeter/session/steps/volume.cpp does it.
void Client::end_volume(Engine& engine, InFlight& in_flight) {
    while (true) {
        if (engine.state == VolumeState::lost) {
            in_flight.end = WriterEnd::lost;
            return;
        }
        if (flush_all(engine)) {
            in_flight.lose(engine.core.write_lost());
            in_flight.end = WriterEnd::stopped;
            return;
        }
        clock_.sleep(times_.retry);
    }
}

bool Client::flush_all(Engine& engine) {
    engine.core.stopping(true);
    auto error = std::make_shared<std::optional<int>>();
    const uint64_t task = World::current();
    oracle_.asked_flush(engine.config.epoch);
    engine.submit(flush_request([this_world = &world_, error, task](int e) {
        *error = e;
        this_world->wake(task);
    }));
    while (!*error)
        if (!world_.wait(k_never)) return false;
    oracle_.told_flush(engine.config.epoch, **error == 0);
    if (**error == 0) return true;
    engine.core.stopping(false);
    engine.wake_io();
    return false;
}

/// As greeter/session/steps/lock.cpp does it.
Status Client::undo_lock(SimSession& files, const InFlight& in_flight) {
    InFlight under_way = in_flight;
    under_way.lose(files.write_lost());
    const auto from = lock::release_from(under_way.end, under_way.write_lost, times_.lock.sweep_wait);
    if (!from) return fail(ErrorCode::K32, "left to the sweeper");
    if (clock_.now() < *from) clock_.sleep(*from - clock_.now());
    trace([](Tracer& t, unsigned n) { t.releases(n); });
    if (Status released = release(files); released) return released;
    return release(files);  // on a new connection
}

Status Client::release(SimSession& files) {
    auto directory = BERTH_TRY(files.lookup(files.root(), k_vm));
    lock::LockProtocol protocol(files, directory.handle, times_.lock, clock_, report_);
    const Status done = protocol.release(durable_.epoch, durable_.nonce, {{"system", k_disk}});
    trace([](Tracer& t, unsigned n) { t.tried(n); });
    BERTH_TRY(done);
    forget_lock();
    return {};
}

void Client::forget_lock() {
    durable_.nonce.clear();
    trace([](Tracer& t, unsigned n) { t.released(n); });
    write_down();
}

/// As LockStep::undo_left does it, round by round. Nothing of the session lives any more.
void Client::sweep() {
    trace([](Tracer& t, unsigned n) { t.crashed(n); });
    clock_.sleep(times_.lock.sweep_wait);
    trace([](Tracer& t, unsigned n) { t.sweeps(n); });
    while (true) {
        files_ = std::make_unique<SimSession>(world_, Party{number_}, "sweeper", times_.lock.hold);
        Status released = release(*files_);
        files_.reset();
        if (released) return;
        world_.note("client {}: {}", number_ + 1, released.error().to_log());
        clock_.sleep(times_.retry);
    }
}

std::vector<Wish> Client::wishes() {
    std::vector<Wish> wishes = plan_.guest;
    for (Wish& wish : wishes) {
        if (wish.kind != Wish::Kind::write) continue;
        const char value = static_cast<char>((number_ == 0 ? 'a' : 'A') + durable_.values++ % 26);
        wish.data.assign(wish.data.size(), value);
    }
    return wishes;
}

/// A lock that is lost was lost for a reason.
void Client::check() {
    if (!engine_ || std::exchange(engine_->lost, engine_->lease.lost_for_good()) || !engine_->lost) return;
    const lock::Lease& lease = engine_->lease;
    if (clock_.now() >= lease.ends()) return;
    if (lease.is_claimed()) {
        if (!oracle_.ever_lost_write(number_))
            world_.fail_run(fmt::format("client {} lost the rest of its right for nothing", number_ + 1));
    } else if (stands()) {
        world_.fail_run(fmt::format("client {} gave up a lock that stands", number_ + 1));
    }
}

bool Client::stands() const {
    const Server& server = world_.server();
    const Server::Node* folder = server.named(server.root(), k_vm);
    const auto vm = "d" + std::to_string(folder->id);
    const Server::Node* lock = server.named(vm, lock::lock_name(durable_.epoch));
    return lock && !server.named(vm, lock::last_used_name(durable_.epoch)) &&
           lock->data.find(durable_.nonce) != std::string::npos;
}

}  // namespace berth::sim
