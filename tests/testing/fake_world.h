// SPDX-License-Identifier: GPL-3.0-or-later
// Everything a session touches, in memory: it keeps what was made and in which order things were done, and
// fails where a test says.
#pragma once

#include <sys/socket.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "greeter/session/session.h"
#include "guest/swap.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_front_end.h"
#include "tests/testing/recording_report.h"

namespace berth::session {

inline constexpr const char* k_machine_toml = R"(schema = 1
uuid = "6a4f3c1e-0000-4000-8000-000000000001"
cpus = 1
memory = "256 MiB"
[[disk]]
name = "software"
role = "software"
path = "software.raw"
[[disk]]
name = "swap"
role = "swap"
size = "64 MiB"
uuid = "9b0c1d52-8f2e-4c11-a4de-0c5e1ad1b7a3"
)";

struct FakeWorld {
    FakeClock clock;
    RecordingReport report;
    FakeFrontEnd front_end{clock};

    std::vector<std::string> log;  ///< What was done and undone, in order.
    std::set<std::string> made;  ///< What stands: "pam", "mount", "lock", "swap", "run_dir", "volume", "vm".
    std::set<std::string> silent;   ///< Operations that get no answer, once.
    int lease_suspended = 0;        ///< So many questions for its status find no right to write.
    std::set<std::string> failing;  ///< Operations that fail; "mount", "lock", ... and "undo lock", ....
    std::function<void(const std::string&)> at;  ///< Called at each operation.

    std::vector<std::string> vms{"work"};
    std::map<std::string, std::string> files{{"machine.toml", k_machine_toml}};
    std::map<std::string, guest::FileFacts> disks{
        {"software.raw",
         {.size = 1 << 20, .fileid = 1, .regular = true, .readable = true, .writable = true}}};
    User user{.name = "ann", .uid = 1000, .gid = 1000, .groups = {}};
    std::optional<lock::LockHolder> holder;
    std::optional<lock::LockHolder> holder_below;  ///< Whom a claim waits for.
    std::vector<lock::ConfiguredDisk> released;    ///< What the last release was told of the disks.
    int take_over_seconds = 0;  ///< How often `waiting` is called before a broken lock is ours.
    volume::VolumeState volume_state = volume::VolumeState::running;
    int volume_unanswered = 0;  ///< So many questions for its state get no answer.
    std::deque<volume::VolumeState> volume_events;
    std::optional<BootTime> claimed_until;  ///< Another claimed the lock: the lease's end.
    uint64_t uncommitted = 0;               ///< What the volume engine holds of acknowledged writes.
    bool volume_dead = false;               ///< Its process has ended without a word.
    std::optional<std::chrono::milliseconds> write_lost;  ///< What its `stopped` says.
    std::optional<BootTime> files_lost;                   ///< When berth-files lost a write.
    uint64_t own_epoch = 7;                        ///< Of the lock that the session or its state names.
    std::deque<guest::DomainState> domain_states;  ///< Last one stays.
    bool domain_failed = false;                    ///< Why it is gone.
    bool power_button_works = true;
    int libvirt_silent = 0;  ///< So many requests about the domain are not answered (H02).
    bool kvm = true;
    std::string domain = "berth-s1";  ///< The name of the VM that "vm" stands for.
    uint64_t room_for_swap = 1ULL << 40;
    guest::MountOptions mount_options;  ///< Of the last mount.
    std::vector<MountedServer> servers{{{"10.0.0.1"}, 2049, 20048}}, kept_from;
    std::optional<BootTime> finish_by;  ///< What the user's directory was told.
    UniqueFd console_peer;              ///< The guest's end of its console.

    volume::VolumeStatus volume_status() {
        volume::VolumeStatus status;
        status.state = volume_state;
        status.disks.push_back({.name = "software", .uncommitted = uncommitted});
        if (volume_state != volume::VolumeState::lost) status.lease_left = std::chrono::seconds(50);
        if (lease_suspended > 0 && lease_suspended-- > 0) status.lease_left = {};
        if (claimed_until) {
            const Duration left = std::max<Duration>(Duration(0), *claimed_until - clock.now());
            status.claim = {"berth-7", "ann"};
            status.lease_left = std::chrono::duration_cast<std::chrono::milliseconds>(left);
            if (left == Duration(0)) status.state = volume::VolumeState::lost;
        }
        return status;
    }
    Status note(const std::string& what) {
        log.push_back(what);
        if (at) at(what);
        if (silent.erase(what) != 0) return fail(ErrorCode::M04, "{}", what);
        return failing.contains(what) ? Status(fail(ErrorCode::I01, "{}", what)) : Status{};
    }
    Status make(const std::string& what) {
        made.insert(what);  // a step that fails half-way leaves something
        return note(what);
    }
    Status unmake(const std::string& what) {
        if (Status s = note("undo " + what); !s) return s;
        made.erase(what);
        return {};
    }
};

class FakeAuthenticator final : public Authenticator {
  public:
    explicit FakeAuthenticator(FakeWorld& w) : w_(w) {}
    Status authenticate() override { return w_.make("pam"); }
    Status account() override { return w_.note("account"); }
    Status open() override { return w_.note("credentials"); }
    const User& user() const override { return w_.user; }
    Status end() override { return w_.unmake("pam"); }

  private:
    FakeWorld& w_;
};

class FakeDirectory final : public guest::UserDirectory {
  public:
    explicit FakeDirectory(FakeWorld& w) : w_(w) { w_.made.insert("mount"); }
    ~FakeDirectory() override { (void)w_.unmake("mount"); }
    void finish_by(std::optional<BootTime> deadline) override { w_.finish_by = deadline; }
    std::vector<MountedServer> servers() const override { return w_.servers; }
    Result<std::vector<std::string>> list_vms() override {
        if (Status s = w_.note("list"); !s) return fail(s.error());
        return w_.vms;
    }
    Status check_writable(const std::string&) override { return w_.note("check_writable"); }
    Result<guest::SpaceLeft> space_left() override { return guest::SpaceLeft{1ULL << 30, 1000}; }
    Result<guest::FileFacts> facts(const std::string&, const std::string& path) override {
        if (!w_.disks.contains(path)) return fail(ErrorCode::M09, "{}", path);
        return w_.disks[path];
    }
    Result<std::string> read(const std::string&, const std::string& path, size_t) override {
        if (Status s = w_.note("read " + path); !s) return fail(s.error());
        if (!w_.files.contains(path)) return fail(ErrorCode::M09, "{}", path);
        return w_.files[path];
    }
    Result<std::string> read_at(const std::string&, const std::string& path, uint64_t offset,
                                size_t length) override {
        return w_.files[path].substr(offset, length);
    }
    Status replace(const std::string&, const std::string& path, std::string_view data,
                   const MayRename& may_rename) override {
        if (Status s = w_.note("write " + path); !s) return s;
        if (Status s = may_rename(); !s) return s;
        if (Status s = w_.note("replace " + path); !s) return s;
        w_.files[path] = data;
        return {};
    }
    Result<std::optional<lock::LockHolder>> holder(const std::string&) override { return w_.holder; }
    Result<std::optional<lock::LockHolder>> holder_below(const std::string&, uint64_t) override {
        return w_.holder_below;
    }
    Result<lock::TakenLock> lock(const std::string&, const lock::LockOwner&, bool may_break,
                                 const Intent& intent, const Waiting& waiting) override {
        if (w_.holder && !may_break) return fail(ErrorCode::K01);
        if (Status s = intent(7, "00112233445566778899aabbccddeeff"); !s) return fail(s.error());
        if (Status s = w_.make("lock"); !s) return fail(s.error());
        for (int left = w_.take_over_seconds; left > 0; --left)
            if (!waiting(std::chrono::seconds(left))) return fail(ErrorCode::K03);
        w_.holder = lock::LockHolder{};
        w_.holder->epoch = 7;
        w_.holder->record.nonce = "00112233445566778899aabbccddeeff";
        return lock::TakenLock{
            .epoch = 7, .nonce = "00112233445566778899aabbccddeeff", .broke = may_break, .predecessor = {}};
    }
    Status release(const std::string&, uint64_t, const std::string&,
                   const std::vector<lock::ConfiguredDisk>& disks) override {
        w_.released = disks;
        Status released = w_.unmake("lock");
        if (released) w_.holder.reset();
        return released;
    }
    Result<lock::Renewal> renew(const std::string&, uint64_t, const std::string&) override {
        if (Status s = w_.note("renew"); !s) return fail(s.error());
        if (!w_.holder || w_.holder->epoch != w_.own_epoch) return lock::Lost{"lock 7 is another's"};
        return lock::GoodRenewal{w_.clock.now()};
    }

  private:
    FakeWorld& w_;
};

class FakeVolume final : public Volume {
  public:
    explicit FakeVolume(FakeWorld& w) : w_(w) {}
    pid_t pid() const override { return 4711; }
    uint64_t start_time() const override { return 99; }
    int gone_fd() const override { return -2; }
    Status wait_ready(std::chrono::milliseconds) override { return w_.note("ready"); }
    Result<volume::VolumeStatus> status() override {
        if (w_.volume_dead) return fail(ErrorCode::V05, "nobody listens");
        return w_.volume_status();
    }
    Result<int> watch_fd() override { return -3; }
    Result<std::optional<volume::VolumeStatus>> next_status() override {
        if (w_.volume_events.empty()) return std::optional<volume::VolumeStatus>{};
        w_.volume_state = w_.volume_events.front();
        w_.volume_events.pop_front();
        auto sent = *status();
        if (sent.claim) sent.lease_left = std::chrono::seconds(50);  // when it was sent
        return std::optional(std::move(sent));
    }
    Result<volume::Drained> stop(std::chrono::milliseconds) override {
        if (w_.volume_dead) return fail(ErrorCode::V05, "nobody listens");
        if (Status s = w_.unmake("volume"); !s) return fail(s.error());
        return volume::Drained{w_.write_lost};
    }
    void kill() override {
        w_.log.emplace_back("kill volume");
        w_.made.erase("volume");
    }
    void release() override { w_.log.emplace_back("leave volume"); }

  private:
    FakeWorld& w_;
};

class FakeSessionResources final : public SessionResources {
  public:
    explicit FakeSessionResources(FakeWorld& w) : w_(w) {}
    Result<NfsLocation> locate(const std::string& user, Duration) override {
        if (Status s = w_.note("locate"); !s) return fail(s.error());
        return NfsLocation{.server = "fs1", .directory = "/export/users/" + user};
    }
    Result<std::unique_ptr<guest::UserDirectory>> mount(const guest::MountOptions& options) override {
        w_.mount_options = options;
        if (Status s = w_.note("mount"); !s) return fail(s.error());
        return std::make_unique<FakeDirectory>(w_);
    }
    std::optional<BootTime> write_lost() override { return w_.files_lost; }
    Status keep_guests_from(const std::vector<MountedServer>& servers) override {
        w_.kept_from = servers;
        return w_.note("keep guests");
    }
    Status make_from_template(const guest::MountOptions&, const NfsLocation& source, const std::string&,
                              const guest::CopyProgress& progress) override {
        if (Status s = w_.note("template " + source.directory); !s) return s;
        if (Status s = progress("software.raw", 1 << 20, 4 << 20); !s) return s;
        w_.vms = {"debian"};
        return {};
    }
    Status check_swap_room(const std::string& folder, uint64_t bytes) override {
        return guest::check_swap_room(bytes, w_.room_for_swap, folder);
    }
    Status make_swap(const guest::SwapSpec&, const std::string&, guest::UserDirectory&,
                     const std::string&) override {
        return w_.make("swap");
    }
    Status delete_file(const std::string&) override { return w_.unmake("swap"); }
    Status make_run_dir(const std::string&) override { return w_.make("run_dir"); }
    Status remove_run_dir(const std::string&) override { return w_.unmake("run_dir"); }
    Result<std::string> make_screen_dir(const std::string& run_dir) override {
        if (Status s = w_.note("screen_dir"); !s) return fail(s.error());
        return run_dir + "-screen";
    }
    Result<std::unique_ptr<Volume>> start_volume(const volume::VolumeConfig&) override {
        if (Status s = w_.note("volume"); !s) return fail(s.error());
        w_.made.insert("volume");
        return std::make_unique<FakeVolume>(w_);
    }

  private:
    FakeWorld& w_;
};

class FakeDomain final : public guest::Domain {
  public:
    explicit FakeDomain(FakeWorld& w) : w_(w) {}
    Result<guest::DomainState> state() override {
        if (Status s = answer(); !s) return fail(s.error());
        if (!w_.made.contains("vm")) return guest::DomainState::gone;
        if (w_.domain_states.empty()) return guest::DomainState::running;
        const guest::DomainState now = w_.domain_states.front();
        if (w_.domain_states.size() > 1) w_.domain_states.pop_front();
        if (now == guest::DomainState::gone) w_.made.erase("vm");
        return now;
    }
    bool failed() override { return w_.domain_failed; }
    Result<UniqueFd> console() override {
        if (Status s = w_.note("console"); !s) return fail(s.error());
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair");
        w_.console_peer.reset(ends[1]);
        return UniqueFd(ends[0]);
    }
    Status press_power_button() override {
        BERTH_TRY(answer());
        if (w_.power_button_works) w_.domain_states = {guest::DomainState::running, guest::DomainState::gone};
        return w_.note("power button");
    }
    Status destroy() override {
        BERTH_TRY(answer());
        return w_.unmake("vm");
    }
    Status resume() override { return w_.note("resume"); }

  private:
    Status answer() {
        if (w_.libvirt_silent == 0) return {};
        --w_.libvirt_silent;
        return fail(ErrorCode::H02);
    }
    FakeWorld& w_;
};

class FakeHypervisor final : public guest::Hypervisor {
  public:
    explicit FakeHypervisor(FakeWorld& w) : w_(w) {}
    Status kvm_usable() override { return w_.kvm ? Status{} : Status(fail(ErrorCode::H01, "no KVM")); }
    Result<std::unique_ptr<guest::Domain>> start(const std::string&) override {
        if (Status s = w_.note("vm"); !s) return fail(s.error());
        w_.made.insert("vm");
        return std::make_unique<FakeDomain>(w_);
    }
    Result<std::unique_ptr<guest::Domain>> find(const std::string& name) override {
        if (Status s = w_.note("find"); !s) return fail(s.error());
        return w_.made.contains("vm") && name == w_.domain ? std::make_unique<FakeDomain>(w_) : nullptr;
    }

  private:
    FakeWorld& w_;
};

class FakeProcessTable final : public ProcessTable {
  public:
    explicit FakeProcessTable(FakeWorld& w) : w_(w) {}
    std::vector<pid_t> volume_processes(const SessionState&) override {
        return w_.made.contains("volume") ? std::vector<pid_t>{4711} : std::vector<pid_t>{};
    }
    Status stop_volume(const std::string&, std::chrono::milliseconds) override { return w_.unmake("volume"); }
    Result<std::optional<volume::VolumeStatus>> volume_status(const std::string&) override {
        if (w_.volume_dead) return std::nullopt;
        if (w_.volume_unanswered == 0) return std::optional(w_.volume_status());
        --w_.volume_unanswered;
        return fail(ErrorCode::V05, "no status");
    }
    void kill(pid_t) override {
        w_.log.emplace_back("kill volume");
        w_.made.erase("volume");
    }

  private:
    FakeWorld& w_;
};

}  // namespace berth::session
