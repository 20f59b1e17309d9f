// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/libvirt/domain_ends.h"

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/no_throw.h"

namespace berth::guest {
namespace {

using SharedEnds = std::shared_ptr<DomainEnds>;

int on_event(virConnectPtr, virDomainPtr domain, int event, int detail, void* opaque) {
    no_throw("berth: an event of libvirt", [&] {
        const char* name = virDomainGetName(domain);
        if (name != nullptr) (*static_cast<SharedEnds*>(opaque))->add(name, event, detail);
    });
    return 0;
}

}  // namespace

void block_all_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

bool run_libvirt_events() {
    static const bool runs = [] {
        if (virEventRegisterDefaultImpl() != 0) return false;
        std::thread([] {
            no_throw("berth: the events of libvirt", [] {
                block_all_signals();
                while (true)
                    if (virEventRunDefaultImpl() != 0) std::this_thread::sleep_for(std::chrono::seconds(1));
            });
        }).detach();
        return true;
    }();
    return runs;
}

std::shared_ptr<Connection> Connection::open(const std::string& uri, SharedEnds ends) {
    const bool events = run_libvirt_events();
    virConnectPtr opened = virConnectOpen(uri.c_str());
    if (opened == nullptr) return nullptr;
    const std::shared_ptr<Connection> connection(new Connection(opened));
    if (!events) return connection;
    auto kept = std::make_unique<SharedEnds>(std::move(ends));
    connection->events_ = virConnectDomainEventRegisterAny(
        opened, nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_event), kept.get(),
        [](void* opaque) { delete static_cast<SharedEnds*>(opaque); });
    if (connection->events_ >= 0) (void)kept.release();
    return connection;
}

Connection::~Connection() {
    if (events_ >= 0) virConnectDomainEventDeregisterAny(connection_, events_);
    virConnectClose(connection_);
}

bool guest_shut_down(const DomainEnd& end) {
    return end.stopped == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN && end.shutdown != VIR_DOMAIN_EVENT_SHUTDOWN_HOST;
}

void DomainEnds::add(const std::string& name, int event, int detail) {
    const std::lock_guard held(mutex_);
    if (event == VIR_DOMAIN_EVENT_SHUTDOWN) {
        // libvirt ends the QEMU of a guest that has shut down by a signal: that is not news.
        auto& first = ends_[name].shutdown;
        if (!first) first = detail;
    } else if (event == VIR_DOMAIN_EVENT_STOPPED) {
        ends_[name].stopped = detail;
        added_.notify_all();
    }
}

void DomainEnds::forget(const std::string& name) {
    const std::lock_guard held(mutex_);
    ends_.erase(name);
}

DomainEnd DomainEnds::wait(const std::string& name, Duration within) {
    std::unique_lock held(mutex_);
    added_.wait_for(held, within, [&] { return ends_[name].stopped.has_value(); });
    return ends_[name];
}

}  // namespace berth::guest
