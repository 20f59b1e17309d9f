// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/model/traces/client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <random>

#include "base/report.h"
#include "lock/lease.h"
#include "lock/protocol.h"
#include "lock/release_rule.h"
#include "tests/model/trace_events.h"
#include "tests/model/traces/seen_ops.h"
#include "tests/testing/recording_report.h"

namespace berth::traces {
namespace {

using namespace files;
using namespace lock;
using namespace std::chrono_literals;

/// Shorter than any that is waited for here: the conductor ends calls, not this.
constexpr Duration k_call_timeout = 60s;

class InjectedClock final : public Clock {
  public:
    explicit InjectedClock(const ClientSetup& setup) : setup_(setup) {}
    BootTime now() override { return {Duration(setup_.time->now_ns.load())}; }
    std::chrono::system_clock::time_point wall() override {
        return std::chrono::system_clock::time_point(
            std::chrono::duration_cast<std::chrono::system_clock::duration>(now().since_boot));
    }
    void sleep(Duration d) override {
        Note note;
        note.kind = Note::Kind::sleep;
        note.time = (now() + d).since_boot.count();
        send_note(setup_.control, note);
        if (!receive_note(setup_.control, note)) _exit(1);
    }

  private:
    const ClientSetup& setup_;
};

/// One client's part of one trace.
class Player {
  public:
    Player(const ClientSetup& setup, const Note& run)
        : setup_(setup), run_(run), clock_(setup), random_(run.seed * k_clients + setup.number + 1) {
        if (run.broken == Broken::take_over_wait) times_.take_over = 0ms;
        if (run.broken == Broken::sweep_wait) times_.sweep_wait = 0ms;
    }
    void play() {
        for (int i = 0; i < 3 && !exhausted_; i++) {
            if (random_() % 2) clock_.sleep(std::chrono::seconds(random_() % 120));
            session();
        }
    }

  private:
    struct Held {
        TakenLock taken;
        Lease lease;
        NfsSession* lock;
        std::unique_ptr<NfsSession> blocks;
        FileHandle disk;
        bool unknown = false;                // a write of unknown outcome
        std::optional<BootTime> write_lost;  // when the connection of one was lost
    };

    std::unique_ptr<NfsSession> mount() {
        NfsLocation server = setup_.server;
        server.directory += std::string("/") + run_.text;
        auto session = NfsSession::mount(server, {4711, 4711, {}}, k_call_timeout, {setup_.interrupt});
        if (!session) throw std::runtime_error(session.error().to_log());
        return std::move(*session);
    }
    void tell(uint32_t event, uint32_t a, uint32_t b, std::string_view nonce = {}) {
        Note note;
        note.kind = Note::Kind::event;
        note.event = event;
        note.a = a;
        note.b = b;
        note.set_text(nonce);
        send_note(setup_.control, note);
    }

    uint32_t session_number() const { return setup_.number * k_sessions + attempts_; }
    void session();
    WriterEnd use(SeenOps& ops, LockProtocol& protocol, Held& held);
    std::optional<BootTime> may_release(WriterEnd end, std::optional<BootTime> write_lost);
    void renew(SeenOps& ops, LockProtocol& protocol, Held& held);
    void write(Held& held);
    bool drained(SeenOps& ops, LockProtocol& protocol, Held& held);
    void sweep();

    const ClientSetup& setup_;
    const Note run_;
    InjectedClock clock_;
    RecordingReport report_;
    std::minstd_rand random_;
    LockTimes times_;
    uint32_t attempts_ = 0, epoch_ = 0;
    std::string nonce_;  // durable: what a sweep goes by
    bool exhausted_ = false;
};

/// Takes the lock, uses it, and ends: in order, by a crash and a sweep, or for good.
void Player::session() {
    auto connection = mount();
    SeenOps ops(setup_, *connection);
    LockProtocol protocol(ops, connection->root(), times_, clock_, report_);
    nonce_.clear();
    auto intent = [&](uint64_t epoch, const std::string& nonce) -> Status {
        if (epoch > k_epochs || attempts_ == k_sessions) {
            exhausted_ = true;
            return fail(ErrorCode::K02, "the model counts no further");
        }
        attempts_++;
        epoch_ = static_cast<uint32_t>(epoch);
        nonce_ = nonce;
        if (run_.broken == Broken::read_back) ops.own_nonce = nonce;
        tell(EV_START, session_number(), epoch_, nonce);
        return {};
    };
    auto taken = protocol.take({fmt::format("m-{}", setup_.number), "berth", "ann", "boot"}, true, intent,
                               [&](auto) { return random_() % 40 != 0; });
    if (exhausted_) return;
    if (taken) {
        Held held{*taken,
                  Lease(clock_, run_.broken == Broken::hold_time ? 4 * times_.hold : times_.hold),
                  connection.get(),
                  mount(),
                  {}};
        auto disk = held.blocks->lookup(held.blocks->root(), "software.raw");
        if (!disk) throw std::runtime_error(disk.error().to_log());
        held.disk = disk->handle;
        // As the session does it (greeter/session/steps/volume.cpp, lock.cpp).
        const WriterEnd end = use(ops, protocol, held);
        if (const auto from = may_release(end, held.write_lost)) {
            if (clock_.now() < *from) clock_.sleep(*from - clock_.now());
            tell(EV_RELEASE, epoch_, 0);
            ops.releasing = true;
            (void)protocol.release(taken->epoch, taken->nonce, {});
            return;
        }
    }
    connection.reset();
    if (!nonce_.empty() && random_() % 2) sweep();
}

/// The rule of the real code, or the rule with a part left out.
std::optional<BootTime> Player::may_release(WriterEnd end, std::optional<BootTime> write_lost) {
    const Broken broken = run_.broken;
    if (broken == Broken::drain || (broken == Broken::lost_is_drained && end == WriterEnd::lost) ||
        (broken == Broken::died_is_drained && end == WriterEnd::died))
        return BootTime{};
    if (broken == Broken::lost_writes_forgotten) write_lost.reset();
    return release_from(end, write_lost, times_.sweep_wait);
}

WriterEnd Player::use(SeenOps& ops, LockProtocol& protocol, Held& held) {
    if (run_.broken == Broken::renewal_look) ops.blind_above = static_cast<uint32_t>(held.taken.epoch);
    for (int tries = 0; tries < 5 && !held.lease.may_send() && !held.lease.lost_for_good(); tries++)
        renew(ops, protocol, held);
    if (!held.lease.may_send()) return WriterEnd::died;
    tell(EV_GRANT, session_number(), 0, held.taken.predecessor ? held.taken.predecessor->record.nonce : "");
    for (unsigned step = random_() % 24; step > 0 && !held.lease.lost_for_good(); step--) {
        switch (random_() % 4) {
            case 0:
                renew(ops, protocol, held);
                break;
            case 1:
                clock_.sleep(std::chrono::seconds(random_() % 30));
                break;
            default:
                write(held);
        }
    }
    if (held.lease.lost_for_good()) return WriterEnd::lost;
    if (random_() % 3 == 0) return WriterEnd::died;
    if (run_.broken == Broken::drain || drained(ops, protocol, held)) return WriterEnd::stopped;
    return held.lease.lost_for_good() ? WriterEnd::lost : WriterEnd::died;
}

/// As Guard does it (volume/core/guard.cpp).
void Player::renew(SeenOps&, LockProtocol& protocol, Held& held) {
    const uint64_t begun = held.lease.begin_renewal();
    const uint64_t lost = held.lock->lost_writes();
    auto renewed = protocol.renew(held.taken.epoch, held.taken.nonce);
    if (held.lock->lost_writes() != lost) held.lease.connection_lost();
    if (auto since = lock::good_since(renewed)) held.lease.renewed(*since, begun);
    if (renewed && std::holds_alternative<lock::Lost>(*renewed)) held.lease.lose_for_good();
    if (renewed && std::holds_alternative<lock::Claimed>(*renewed)) held.lease.claimed();
}

void Player::write(Held& held) {
    for (NfsSession* s : {held.lock, held.blocks.get()}) {
        s->notice_loss();
        if (s->connected()) continue;
        (void)s->attributes(s->root());  // connects anew; what comes then asks for the right
    }
    if (!held.lease.may_send()) return;
    SeenOps blocks(setup_, *held.blocks);
    const uint64_t lost = held.blocks->lost_writes();
    auto written = blocks.write_block(held.disk, static_cast<uint32_t>(held.taken.epoch), held.taken.nonce);
    held.unknown = !written;
    if (held.blocks->lost_writes() == lost) return;
    held.write_lost = clock_.now();
    held.lease.connection_lost();
}

/// What has an unknown outcome is sent again until it is answered.
bool Player::drained(SeenOps& ops, LockProtocol& protocol, Held& held) {
    for (int tries = 0; held.unknown && tries < 10; tries++) {
        if (held.lease.lost_for_good()) return false;
        renew(ops, protocol, held);
        write(held);
    }
    return !held.unknown;
}

void Player::sweep() {
    tell(EV_CRASH, 0, 0);
    clock_.sleep(times_.sweep_wait);
    auto connection = mount();
    SeenOps ops(setup_, *connection);
    ops.releasing = true;
    tell(EV_SWEEP, epoch_, 0);
    LockProtocol protocol(ops, connection->root(), times_, clock_, report_);
    (void)protocol.release(epoch_, nonce_, {});
}

}  // namespace

int run_client(const ClientSetup& setup) {
    Note note;
    while (receive_note(setup.control, note)) {
        Player(setup, note).play();
        note = {};
        note.kind = Note::Kind::done;
        send_note(setup.control, note);
    }
    return 0;
}

}  // namespace berth::traces
