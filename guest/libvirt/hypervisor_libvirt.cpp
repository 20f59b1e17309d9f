// SPDX-License-Identifier: GPL-3.0-or-later
// libvirt's C API: https://libvirt.org/html/
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "base/no_links.h"
#include "base/no_throw.h"
#include "guest/domain_facts.h"
#include "guest/hypervisor.h"
#include "guest/kvm/kvm_probe.h"
#include "guest/libvirt/complaint.h"
#include "guest/libvirt/domain_ends.h"

namespace berth::guest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct FreeDomain {
    void operator()(virDomainPtr d) const { virDomainFree(d); }
};
struct FreeText {
    void operator()(char* s) const { free(s); }
};
using DomainHandle = std::unique_ptr<virDomain, FreeDomain>;
using Text = std::unique_ptr<char, FreeText>;

/// libvirtd may be starting; a request is tried again so long.
constexpr auto k_reconnect_time = seconds(20);
constexpr auto k_reconnect_pause = milliseconds(200);
/// For an answer when the last request got none.
constexpr auto k_soon = seconds(2);
/// QEMU binds the console's socket before libvirt reports the domain as started; this is for a loaded
/// machine.
constexpr auto k_console_time = seconds(10);
/// libvirt itself gives QEMU 15 s from SIGTERM to SIGKILL and 15 more.
constexpr auto k_destroy_time = seconds(45);
/// libvirt sends the event of a domain's end before or just after it answers that the domain is unknown; this
/// is for a loaded machine.
constexpr auto k_event_time = seconds(10);
constexpr auto k_forgetting = seconds(10);

/// A thread that runs one job after the other, each of which may never end: libvirt's calls wait for libvirtd
/// as long as it lives, also for one that is stopped. What a job touches it must own.
class Worker {
  public:
    Worker() : shared_(std::make_shared<Shared>()) {
        std::thread([shared = shared_] { run(*shared); }).detach();
    }
    ~Worker() {
        const std::lock_guard held(shared_->mutex);
        shared_->stop = true;
        shared_->changed.notify_all();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// False: not done after `limit`; the job goes on, or, behind an earlier one that does, was not begun.
    bool run(std::function<void()> job, Duration limit) {
        const auto end = std::chrono::steady_clock::now() + limit;
        std::unique_lock held(shared_->mutex);
        const auto idle = [this] { return !shared_->busy; };
        if (!shared_->changed.wait_until(held, end, idle)) return false;
        shared_->job = std::move(job);
        shared_->busy = true;
        shared_->changed.notify_all();
        return shared_->changed.wait_until(held, end, idle);
    }

  private:
    struct Shared {
        std::mutex mutex;
        std::condition_variable changed;
        std::function<void()> job;
        bool busy = false;  ///< From its order to its end, with all that it owned.
        bool stop = false;
    };
    static void run(Shared& shared) {
        block_all_signals();
        std::unique_lock held(shared.mutex);
        while (true) {
            shared.changed.wait(held, [&] { return shared.stop || shared.job; });
            if (!shared.job) return;
            auto job = std::exchange(shared.job, nullptr);
            held.unlock();
            no_throw("berth: a request to libvirt", [&] { job(); });
            job = nullptr;
            held.lock();
            shared.busy = false;
            shared.changed.notify_all();
        }
    }
    std::shared_ptr<Shared> shared_;
};

/// The one connection, opened when first needed and again when it broke. One thread; libvirt is called in
/// another one.
class LibvirtClient {
  public:
    LibvirtClient(std::string uri, Clock& clock, Report& report, LibvirtTimes times)
        : uri_(std::move(uri)), clock_(clock), report_(report), times_(times) {
        // By default libvirt prints every error on standard error.
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    }
    ~LibvirtClient() {
        // Closing asks libvirtd, too. A job that never ended keeps its connection.
        auto last = std::make_shared<std::shared_ptr<Connection>>(std::move(connection_));
        worker_.run([last] { last->reset(); }, k_soon);
    }
    LibvirtClient(const LibvirtClient&) = delete;
    LibvirtClient& operator=(const LibvirtClient&) = delete;

    Clock& clock() { return clock_; }
    Report& report() { return report_; }
    const LibvirtTimes& times() const { return times_; }
    DomainEnds& ends() { return *ends_; }

    /// Runs `request` (true: done; false: libvirt's last error says why) on a living connection; again on a
    /// new one when that breaks, if `repeatable`. `code` names the error of the request itself. `request`
    /// runs in another thread, may never end, and must own what it touches. `begun`: it may have reached
    /// libvirtd.
    Result<Complaint> call(bool repeatable, const std::function<bool(virConnectPtr)>& request, Duration limit,
                           bool* begun = nullptr) {
        const BootTime start = clock_.now();
        const BootTime answered_by = start + (silent_ ? std::min<Duration>(limit, k_soon) : limit);
        const BootTime end = start + k_reconnect_time;
        while (true) {
            struct Attempt {
                std::shared_ptr<Connection> connection;
                std::function<bool(virConnectPtr)> request;
                Complaint complaint{VIR_ERR_INTERNAL_ERROR, "the request failed"};
                bool connected = false, lost_before = false, done = false;
                std::atomic<bool> begun = false;
            };
            auto attempt = std::make_shared<Attempt>();
            attempt->connection = std::move(connection_);
            attempt->request = request;
            const auto job = [attempt, uri = uri_, ends = ends_] {
                auto& c = attempt->connection;
                if (c != nullptr && virConnectIsAlive(c->get()) != 1) {
                    attempt->lost_before = true;
                    c.reset();
                }
                if (c == nullptr) c = Connection::open(uri, ends);
                if (c == nullptr) {
                    attempt->complaint = last_complaint();
                    return;
                }
                attempt->connected = true;
                virResetLastError();
                attempt->begun = true;
                attempt->done = attempt->request(c->get());
                if (attempt->done) return;
                attempt->complaint = last_complaint();
                attempt->connected = !is_connection_loss(attempt->complaint, c->get());
                if (!attempt->connected) c.reset();
            };
            const bool ended = worker_.run(job, answered_by - clock_.now());
            if (begun != nullptr) *begun = *begun || attempt->begun;
            if (!ended) {
                silent_ = true;
                return fail(ErrorCode::H02, "{}: no answer", uri_);
            }
            silent_ = false;
            connection_ = std::move(attempt->connection);
            if (attempt->lost_before)
                report_.event(Level::warning, "libvirt connection lost", {{"uri", uri_}});
            if (attempt->done) return Complaint{};
            if (attempt->connected) return attempt->complaint;
            if (attempt->begun && !repeatable) return fail(ErrorCode::H02, "{}", attempt->complaint.text);
            if (clock_.now() >= std::min(end, answered_by))
                return fail(ErrorCode::H02, "{}: {}", uri_, attempt->complaint.text);
            clock_.sleep(k_reconnect_pause);
        }
    }

  private:
    std::string uri_;
    Clock& clock_;
    Report& report_;
    LibvirtTimes times_;
    std::shared_ptr<Connection> connection_;
    const std::shared_ptr<DomainEnds> ends_ = std::make_shared<DomainEnds>();
    bool silent_ = false;  ///< The last request was not answered.
    Worker worker_;
};

/// Whether libvirt knows such a domain.
Result<bool> is_known(LibvirtClient& client, const std::string& uuid, Duration limit) {
    // Freed after the answer was taken: freeing clears libvirt's last error.
    auto handle = std::make_shared<DomainHandle>();
    const auto done = BERTH_TRY(client.call(
        true,
        [handle, uuid](virConnectPtr c) {
            handle->reset();
            handle->reset(virDomainLookupByUUIDString(c, uuid.c_str()));
            return *handle != nullptr;
        },
        limit));
    if (done.code == VIR_ERR_OK) return true;
    if (done.code == VIR_ERR_NO_DOMAIN) return false;
    return fail(ErrorCode::H07, "{}", done.text);
}

DomainState from_libvirt(int state, int reason) {
    switch (state) {
        case VIR_DOMAIN_PAUSED:
            return reason == VIR_DOMAIN_PAUSED_IOERROR ? DomainState::paused_io_error : DomainState::paused;
        case VIR_DOMAIN_SHUTDOWN:
            return DomainState::shutting_down;
        case VIR_DOMAIN_CRASHED:  // on_crash is "preserve": QEMU is still there.
            return DomainState::crashed;
        case VIR_DOMAIN_SHUTOFF:
            return DomainState::gone;
        default:
            return DomainState::running;
    }
}

class LibvirtDomain final : public Domain {
  public:
    LibvirtDomain(std::shared_ptr<LibvirtClient> client, std::string name, std::string console_socket)
        : client_(std::move(client)), name_(std::move(name)), console_socket_(std::move(console_socket)) {}

    Result<DomainState> state() override {
        auto state = std::make_shared<DomainState>(DomainState::gone);
        const auto done = BERTH_TRY(on_domain(true, [state](virDomainPtr d) {
            int number = 0, reason = 0;
            if (virDomainGetState(d, &number, &reason, 0) != 0) return false;
            *state = from_libvirt(number, reason);
            return true;
        }));
        if (done.code == VIR_ERR_NO_DOMAIN) return DomainState::gone;
        if (done.code != VIR_ERR_OK) return fail(ErrorCode::H07, "{}", done.text);
        return *state;
    }

    Result<UniqueFd> console() override {
        if (console_socket_.empty()) return fail(ErrorCode::H06, "no usable socket");
        const std::filesystem::path socket(console_socket_);
        const BootTime end = client_->clock().now() + k_console_time;
        while (true) {
            // Its folder is the volume engine's.
            UniqueFd fd = connect_in(socket.parent_path(), socket.filename());
            if (fd) return fd;
            const int error = errno;
            const auto now = state();
            if (now && *now == DomainState::gone) return fail(ErrorCode::H08, "{}", console_socket_);
            if (failed_as(now, Condition::no_answer)) return fail(now.error());
            if (client_->clock().now() >= end)
                return fail(ErrorCode::H06, "{}: {}", console_socket_,
                            std::generic_category().message(error));
            client_->clock().sleep(milliseconds(100));
        }
    }

    Status press_power_button() override {
        return control("shutdown", [](virDomainPtr d) {
            return virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0;
        });
    }

    Status destroy() override {
        const BootTime end = client_->clock().now() + k_destroy_time;
        destroyed_ = true;
        while (true) {
            const auto done =
                on_domain(true, [](virDomainPtr d) { return virDomainDestroy(d) == 0; }, k_destroy_time);
            if (!done) return fail(done.error());
            // Only libvirt's word that it is gone counts, whatever the request said.
            const auto now = BERTH_TRY(state());
            if (now == DomainState::gone) return {};
            if (client_->clock().now() >= end)
                return fail(ErrorCode::H07, "destroy: {}", done->text.empty() ? "still there" : done->text);
            client_->clock().sleep(milliseconds(200));
        }
    }

    bool failed() override {
        return !destroyed_ && !guest_shut_down(client_->ends().wait(name_, k_event_time));
    }

    Status resume() override {
        return control("resume", [](virDomainPtr d) { return virDomainResume(d) == 0; });
    }

  private:
    /// `request` as in LibvirtClient::call().
    Result<Complaint> on_domain(bool repeatable, const std::function<bool(virDomainPtr)>& request,
                                std::optional<Duration> limit = {}) {
        // Not freed in the request: freeing it clears libvirt's last error, and that is the answer.
        auto handle = std::make_shared<DomainHandle>();
        return client_->call(
            repeatable,
            [handle, request, name = name_](virConnectPtr c) {
                handle->reset();
                handle->reset(virDomainLookupByName(c, name.c_str()));
                return *handle != nullptr && request(handle->get());
            },
            limit.value_or(client_->times().answer));
    }

    Status control(std::string_view what, const std::function<bool(virDomainPtr)>& request) {
        const auto done = BERTH_TRY(on_domain(true, request));
        if (done.code == VIR_ERR_OK) return {};
        if (done.code == VIR_ERR_NO_DOMAIN) return fail(ErrorCode::H08, "{}", what);
        return fail(ErrorCode::H07, "{}: {}", what, done.text);
    }

    std::shared_ptr<LibvirtClient> client_;
    std::string name_;
    std::string console_socket_;
    bool destroyed_ = false;  ///< destroy() was called.
};

class LibvirtHypervisor final : public Hypervisor {
  public:
    LibvirtHypervisor(const std::string& uri, Clock& clock, Report& report, LibvirtTimes times)
        : client_(std::make_shared<LibvirtClient>(uri, clock, report, times)) {}

    Status kvm_usable() override { return probe_kvm(); }

    Result<std::unique_ptr<Domain>> start(const std::string& domain_xml) override {
        const auto facts = BERTH_TRY(read_domain_facts(domain_xml));
        const auto& [name, uuid, console_socket] = facts;
        const BootTime end = client_->clock().now() + client_->times().start;
        const auto there = BERTH_TRY(is_known(*client_, uuid, client_->times().start));
        if (there)
            return fail(ErrorCode::H03, "a virtual machine with the uuid {} is running here already", uuid);
        // Not repeatable: a request whose answer was lost may have started it. What libvirt then knows under
        // the name decides.
        bool begun = false;
        client_->ends().forget(name);
        const auto create = [&] {
            return client_->call(
                false,
                [domain_xml](virConnectPtr c) {
                    const DomainHandle handle(
                        virDomainCreateXML(c, domain_xml.c_str(), VIR_DOMAIN_START_PAUSED));
                    return handle != nullptr;
                },
                end - client_->clock().now(), &begun);
        };
        auto done = create();
        // One of that name or uuid that libvirt does not know any more, and has not forgotten yet: soon it has.
        const BootTime forgotten_by = std::min(end, client_->clock().now() + k_forgetting);
        while (done && is_being_removed(*done) && client_->clock().now() < forgotten_by) {
            client_->clock().sleep(std::chrono::milliseconds(100));
            done = create();
        }
        if (!done && !begun) return fail(done.error());
        if (!done) {
            auto known = find(name);
            if (known && *known == nullptr) return fail(done.error());
            if (known) return known;
            client_->report().error("whether the domain was started is unknown", done.error());
            return std::make_unique<LibvirtDomain>(client_, name, console_socket);
        }
        if (done->code != VIR_ERR_OK) return fail(ErrorCode::H03, "{}", done->text);
        client_->report().event(Level::info, "domain started", {{"uuid", uuid}});
        return std::make_unique<LibvirtDomain>(client_, name, console_socket);
    }

    Result<std::unique_ptr<Domain>> find(const std::string& name) override {
        struct DomainAndXml {
            DomainHandle handle;  // Freed late, as above.
            std::string xml;
        };
        auto found = std::make_shared<DomainAndXml>();
        const auto done = BERTH_TRY(client_->call(
            true,
            [found, name](virConnectPtr c) {
                found->handle.reset();
                found->handle.reset(virDomainLookupByName(c, name.c_str()));
                if (found->handle == nullptr) return false;
                const Text xml(virDomainGetXMLDesc(found->handle.get(), 0));
                if (xml != nullptr) found->xml = xml.get();
                return xml != nullptr;
            },
            client_->times().answer));
        if (done.code == VIR_ERR_NO_DOMAIN) return nullptr;
        if (done.code != VIR_ERR_OK) return fail(ErrorCode::H07, "{}", done.text);
        const auto facts = read_domain_facts(found->xml);
        // It can be stopped without its console.
        if (!facts) client_->report().error("the domain's description cannot be read", facts.error());
        return std::make_unique<LibvirtDomain>(client_, name, facts ? facts->console_socket : "");
    }

  private:
    std::shared_ptr<LibvirtClient> client_;
};

}  // namespace

std::unique_ptr<Hypervisor> connect_libvirt(const std::string& uri, Clock& clock, Report& report,
                                            LibvirtTimes times) {
    return std::make_unique<LibvirtHypervisor>(uri, clock, report, times);
}

}  // namespace berth::guest
