// SPDX-License-Identifier: GPL-3.0-or-later
// libvirt's C API: https://libvirt.org/html/
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>

#include "greeter/vm/domain_facts.h"
#include "greeter/vm/hypervisor.h"
#include "greeter/vm/kvm_probe.h"

namespace berth::vm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct CloseConnection {
    void operator()(virConnectPtr c) const { virConnectClose(c); }
};
struct FreeDomain {
    void operator()(virDomainPtr d) const { virDomainFree(d); }
};
struct FreeText {
    void operator()(char* s) const { free(s); }
};
using Connection = std::unique_ptr<virConnect, CloseConnection>;
using DomainHandle = std::unique_ptr<virDomain, FreeDomain>;
using Text = std::unique_ptr<char, FreeText>;

/// libvirtd may be starting; a request is tried again so long.
constexpr auto k_reconnect_time = seconds(20);
constexpr auto k_reconnect_pause = milliseconds(200);
/// QEMU binds the console's socket before libvirt reports the domain as started; this is for a loaded
/// machine.
constexpr auto k_console_time = seconds(10);
/// libvirt itself gives QEMU 15 s from SIGTERM to SIGKILL and 15 more.
constexpr auto k_destroy_time = seconds(45);

/// libvirt's client writes to its socket without MSG_NOSIGNAL: when libvirtd dies that must be an error, not
/// the end of the process. Keeps SIGPIPE from this thread while it lives and swallows one that came.
class NoPipeSignal {
  public:
    NoPipeSignal() {
        sigset_t pending;
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        const timespec now{};
        if (!was_pending_)
            while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
            }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

  private:
    sigset_t pipe_{}, before_{};
    bool was_pending_;
};

/// What libvirt said last in this thread.
struct Complaint {
    int code = VIR_ERR_OK;
    std::string text;
};

Complaint last_complaint() {
    const virError* e = virGetLastError();
    if (e == nullptr) return {VIR_ERR_INTERNAL_ERROR, "libvirt gave no reason"};
    return {e->code, e->message != nullptr ? e->message : "libvirt gave no reason"};
}

/// The connection broke, not the request.
bool is_connection_loss(const Complaint& c, virConnectPtr connection) {
    if (c.code == VIR_ERR_RPC || c.code == VIR_ERR_NO_CONNECT || c.code == VIR_ERR_INVALID_CONN) return true;
    return connection != nullptr && virConnectIsAlive(connection) != 1;
}

/// The one connection, opened when first needed and again when it broke. One thread.
class Link {
  public:
    Link(std::string uri, Clock& clock, Report& report)
        : uri_(std::move(uri)), clock_(clock), report_(report) {
        // By default libvirt prints every error on standard error.
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    }
    ~Link() {
        const NoPipeSignal quiet;
        connection_.reset();
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    Clock& clock() { return clock_; }
    Report& report() { return report_; }

    /// Runs `request` (true: done; false: libvirt's last error says why) on a living connection; again on a
    /// new one when that breaks, if `repeatable`. `code` names the error of the request itself.
    Result<Complaint> call(bool repeatable, const std::function<bool(virConnectPtr)>& request) {
        const NoPipeSignal quiet;
        const BootTime end = clock_.now() + k_reconnect_time;
        while (true) {
            Complaint complaint;
            if (connection_ == nullptr || virConnectIsAlive(connection_.get()) != 1) {
                if (connection_ != nullptr)
                    report_.event(Level::warning, "libvirt connection lost", {{"uri", uri_}});
                connection_.reset();
                connection_.reset(virConnectOpen(uri_.c_str()));
                if (connection_ == nullptr) complaint = last_complaint();
            }
            if (connection_ != nullptr) {
                virResetLastError();
                if (request(connection_.get())) return Complaint{};
                complaint = last_complaint();
                if (!is_connection_loss(complaint, connection_.get())) return complaint;
                connection_.reset();
                if (!repeatable) return fail(ErrorCode::H02, "{}", complaint.text);
            }
            if (clock_.now() >= end) return fail(ErrorCode::H02, "{}: {}", uri_, complaint.text);
            clock_.sleep(k_reconnect_pause);
        }
    }

  private:
    std::string uri_;
    Clock& clock_;
    Report& report_;
    Connection connection_;
};

/// nullptr without an error: libvirt knows no such domain.
Result<DomainHandle> look_up(Link& link, const std::string& uuid) {
    DomainHandle handle;
    const auto done = link.call(true, [&](virConnectPtr c) {
        handle.reset();
        handle.reset(virDomainLookupByUUIDString(c, uuid.c_str()));
        return handle != nullptr;
    });
    if (!done) return fail(done.error());
    if (done->code == VIR_ERR_OK || done->code == VIR_ERR_NO_DOMAIN) return handle;
    return fail(ErrorCode::H07, "{}", done->text);
}

DomainState from_libvirt(int state, int reason) {
    switch (state) {
        case VIR_DOMAIN_PAUSED:
            return reason == VIR_DOMAIN_PAUSED_IOERROR ? DomainState::paused_io_error : DomainState::paused;
        case VIR_DOMAIN_SHUTDOWN:
            return DomainState::shutting_down;
        case VIR_DOMAIN_SHUTOFF:
        case VIR_DOMAIN_CRASHED:
            return DomainState::gone;
        default:
            return DomainState::running;
    }
}

class LibvirtDomain final : public Domain {
  public:
    LibvirtDomain(std::shared_ptr<Link> link, std::string name, std::string console_socket)
        : link_(std::move(link)), name_(std::move(name)), console_socket_(std::move(console_socket)) {}

    Result<DomainState> state() override {
        DomainState state = DomainState::gone;
        const auto done = on_domain(true, [&](virDomainPtr d) {
            int number = 0, reason = 0;
            if (virDomainGetState(d, &number, &reason, 0) != 0) return false;
            state = from_libvirt(number, reason);
            return true;
        });
        if (!done) return fail(done.error());
        if (done->code == VIR_ERR_NO_DOMAIN) return DomainState::gone;
        if (done->code != VIR_ERR_OK) return fail(ErrorCode::H07, "{}", done->text);
        return state;
    }

    Result<UniqueFd> console() override {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (console_socket_.empty() || console_socket_.size() >= sizeof address.sun_path)
            return fail(ErrorCode::H06, "no usable socket: {}", console_socket_);
        memcpy(address.sun_path, console_socket_.data(), console_socket_.size());
        const BootTime end = link_->clock().now() + k_console_time;
        while (true) {
            UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
            if (!fd) return fail_errno("socket");
            if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
            const int error = errno;
            const auto now = state();
            if (now && *now == DomainState::gone) return fail(ErrorCode::H08, "{}", console_socket_);
            if (link_->clock().now() >= end)
                return fail(ErrorCode::H06, "{}: {}", console_socket_,
                            std::generic_category().message(error));
            link_->clock().sleep(milliseconds(100));
        }
    }

    Status press_power_button() override {
        return control("shutdown", [](virDomainPtr d) {
            return virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0;
        });
    }

    Status destroy() override {
        const BootTime end = link_->clock().now() + k_destroy_time;
        while (true) {
            const auto done = on_domain(true, [](virDomainPtr d) { return virDomainDestroy(d) == 0; });
            if (!done) return fail(done.error());
            // Only libvirt's word that it is gone counts, whatever the request said.
            const auto now = state();
            if (!now) return fail(now.error());
            if (*now == DomainState::gone) return {};
            if (link_->clock().now() >= end)
                return fail(ErrorCode::H07, "destroy: {}", done->text.empty() ? "still there" : done->text);
            link_->clock().sleep(milliseconds(200));
        }
    }

    Status resume() override {
        return control("resume", [](virDomainPtr d) { return virDomainResume(d) == 0; });
    }

  private:
    Result<Complaint> on_domain(bool repeatable, const std::function<bool(virDomainPtr)>& request) {
        const NoPipeSignal quiet;
        // Outside the request: freeing it clears libvirt's last error, and that is the answer.
        DomainHandle handle;
        return link_->call(repeatable, [&](virConnectPtr c) {
            handle.reset();
            handle.reset(virDomainLookupByName(c, name_.c_str()));
            return handle != nullptr && request(handle.get());
        });
    }

    Status control(std::string_view what, const std::function<bool(virDomainPtr)>& request) {
        const auto done = on_domain(true, request);
        if (!done) return fail(done.error());
        if (done->code == VIR_ERR_OK) return {};
        if (done->code == VIR_ERR_NO_DOMAIN) return fail(ErrorCode::H08, "{}", what);
        return fail(ErrorCode::H07, "{}: {}", what, done->text);
    }

    std::shared_ptr<Link> link_;
    std::string name_;
    std::string console_socket_;
};

class LibvirtHypervisor final : public Hypervisor {
  public:
    LibvirtHypervisor(const std::string& uri, Clock& clock, Report& report)
        : link_(std::make_shared<Link>(uri, clock, report)) {}

    Status kvm_usable() override { return probe_kvm(); }

    Result<std::unique_ptr<Domain>> start(const std::string& domain_xml) override {
        const std::string uuid = uuid_of(domain_xml), name = name_of(domain_xml);
        const auto there = look_up(*link_, uuid);
        if (!there) return fail(there.error());
        if (*there != nullptr)
            return fail(ErrorCode::H03, "a machine with the uuid {} is running here already", uuid);
        // Not repeatable: a request whose answer was lost may have started it. What libvirt then knows under
        // the name decides.
        const auto done = link_->call(false, [&](virConnectPtr c) {
            const DomainHandle handle(virDomainCreateXML(c, domain_xml.c_str(), VIR_DOMAIN_START_PAUSED));
            return handle != nullptr;
        });
        if (!done) {
            auto known = find(name);
            if (known && *known == nullptr) return fail(done.error());
            if (known) return known;
            link_->report().error("whether the domain was started is unknown", done.error());
            return std::make_unique<LibvirtDomain>(link_, name, console_socket_of(domain_xml));
        }
        if (done->code != VIR_ERR_OK) return fail(ErrorCode::H03, "{}", done->text);
        link_->report().event(Level::info, "domain started", {{"uuid", uuid}});
        return std::make_unique<LibvirtDomain>(link_, name, console_socket_of(domain_xml));
    }

    Result<std::unique_ptr<Domain>> find(const std::string& name) override {
        std::string socket;
        const NoPipeSignal quiet;
        DomainHandle handle;  // Outside, as above.
        const auto done = link_->call(true, [&](virConnectPtr c) {
            handle.reset();
            handle.reset(virDomainLookupByName(c, name.c_str()));
            if (handle == nullptr) return false;
            const Text xml(virDomainGetXMLDesc(handle.get(), 0));
            if (xml == nullptr) return false;
            socket = console_socket_of(xml.get());
            return true;
        });
        if (!done) return fail(done.error());
        if (done->code == VIR_ERR_NO_DOMAIN) return nullptr;
        if (done->code != VIR_ERR_OK) return fail(ErrorCode::H07, "{}", done->text);
        return std::make_unique<LibvirtDomain>(link_, name, std::move(socket));
    }

  private:
    std::shared_ptr<Link> link_;
};

}  // namespace

std::unique_ptr<Hypervisor> connect_libvirt(const std::string& uri, Clock& clock, Report& report) {
    return std::make_unique<LibvirtHypervisor>(uri, clock, report);
}

}  // namespace berth::vm
