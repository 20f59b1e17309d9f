// SPDX-License-Identifier: GPL-3.0-or-later
// The VM as the session sees it: start it, hand out its console, see it end, stop it by the ladder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "base/report.h"
#include "base/result.h"

namespace berth::guest {

/// A session's domain: its name is nobody else's, while a copied VM may have another's uuid.
inline std::string domain_name(std::string_view session) {
    return "berth-" + std::string(session);
}

/// `crashed`: the guest's kernel reported its end through the device "panic"; QEMU lives and the guest stands
/// still.
enum class DomainState { running, paused, paused_io_error, crashed, shutting_down, gone };

/// A running domain. One thread.
class Domain {
  public:
    virtual ~Domain() = default;
    /// libvirt's word; `gone` only when libvirt says the domain does not exist or is off.
    virtual Result<DomainState> state() = 0;
    /// Of a domain that is `gone`: QEMU ended, but neither because its guest had shut down nor after this
    /// object's destroy(): killed, told by a signal to end, ended by somebody else. True, too, when libvirt
    /// did not say (it was down itself, or just starting): then nobody knows what the guest saved. Waits 10 s
    /// at most.
    virtual bool failed() = 0;
    /// A connected stream of the guest's first serial port. May be called again after the peer closed.
    virtual Result<UniqueFd> console() = 0;
    /// ACPI power button.
    virtual Status press_power_button() = 0;
    /// Ends it now; returns when libvirt says that it is gone.
    virtual Status destroy() = 0;
    /// Continues after an I/O error pause.
    virtual Status resume() = 0;
};

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;
    /// KVM opens and runs, or why not ("H01: no virtualisation in this CPU or switched off in its firmware").
    virtual Status kvm_usable() = 0;
    /// Starts a transient domain (virDomainCreateXML, autodestroy off) with its vCPUs paused until the
    /// console is connected, then resumed by the caller. When the answer was lost and libvirt does not say
    /// what became of it, the domain is given all the same: its state is to be asked.
    virtual Result<std::unique_ptr<Domain>> start(const std::string& domain_xml) = 0;
    /// A domain by its name, for the sweeper; nullptr when libvirt knows none.
    virtual Result<std::unique_ptr<Domain>> find(const std::string& name) = 0;
};

/// How long libvirt may leave a request unanswered. After one that was not answered others fail soon, until
/// it answers again.
struct LibvirtTimes {
    Duration answer = std::chrono::seconds(30);
    Duration start = std::chrono::seconds(120);  ///< Hypervisor::start() in all.
};

/// Connects to libvirt at `uri` ("qemu:///system"); reconnects when libvirtd was restarted. H02
/// when it does not answer.
std::unique_ptr<Hypervisor> connect_libvirt(const std::string& uri, Clock& clock, Report& report,
                                            LibvirtTimes times = {});

}  // namespace berth::guest
