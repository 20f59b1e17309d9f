// SPDX-License-Identifier: GPL-3.0-or-later
// How domains ended. A transient domain is unknown to libvirt as soon as it is gone; why it is gone only its
// lifecycle events tell (virConnectDomainEventRegisterAny in
// https://libvirt.org/html/libvirt-libvirt-domain.html).
#pragma once

#include <libvirt/libvirt.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"

namespace berth::guest {

/// libvirt hands events out where its event loop runs: one thread of a process, of which the first call makes
/// it. To be called before the first connection is opened. False: there will be no events.
bool run_libvirt_events();

/// Signals that reach only the main thread: none comes to the calling thread. libvirt's client writes to its
/// socket without MSG_NOSIGNAL; when libvirtd dies that must be an error, not the end of the process.
void block_all_signals();

class DomainEnds;

/// A connection to libvirt whose events go to `ends`. Opening and destroying it ask libvirtd and wait as long
/// as that does not answer. One thread.
class Connection {
  public:
    /// nullptr, and libvirt's last error, when libvirtd is not there.
    static std::shared_ptr<Connection> open(const std::string& uri, std::shared_ptr<DomainEnds> ends);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    virConnectPtr get() const { return connection_; }

  private:
    explicit Connection(virConnectPtr connection) : connection_(connection) {}
    virConnectPtr connection_;
    int events_ = -1;  ///< The registration; it holds the connection open.
};

/// What the events said of one domain's end.
struct DomainEnd {
    std::optional<int> shutdown;  ///< A virDomainEventShutdownDetailType, the first one's: whose idea it was.
    std::optional<int> stopped;   ///< A virDomainEventStoppedDetailType.
};

/// Pure: whether the guest shut down. A QEMU that was told to end by a signal (systemd stops its cgroup, say)
/// looks to libvirt as if it had, but for VIR_DOMAIN_EVENT_SHUTDOWN_HOST: its guest was cut. So was one of
/// whose end nothing was said, for all that anybody knows.
bool guest_shut_down(const DomainEnd& end);

/// What the events said, by the domains' names. Any thread.
class DomainEnds {
  public:
    /// `event`: VIR_DOMAIN_EVENT_SHUTDOWN or _STOPPED with its detail; others are passed over.
    void add(const std::string& name, int event, int detail);
    /// A domain of this name is about to start; how an earlier one ended is forgotten.
    void forget(const std::string& name);
    /// How `name` ended; without `stopped` when no event has said so `within` this time.
    DomainEnd wait(const std::string& name, Duration within);

  private:
    std::mutex mutex_;
    std::condition_variable added_;
    std::map<std::string, DomainEnd> ends_;
};

}  // namespace berth::guest
