// SPDX-License-Identifier: GPL-3.0-or-later
#include <poll.h>

#include <filesystem>
#include <mutex>
#include <stdexcept>

#include "files/nfs/nfs_session.h"
#include "lock/lease.h"
#include "tests/lib/ganesha_server.h"
#include "tests/lib/rpc_proxy.h"
#include "tests/model/traces/wire.h"
#include "tests/sim/conformance/tested_server.h"
#include "volume/core/rpc_transport.h"

namespace berth::sim {
namespace {

constexpr Duration k_timeout = std::chrono::seconds(60);
// RFC 1813 3.
constexpr uint32_t k_create = 8, k_remove = 12, k_rename = 14, k_link = 15;
constexpr files::TransferLimits k_limits{16, 16};

class Real final : public TestedServer {
  public:
    Real()
        : proxy_(server_.location().nfs_port,
                 [this](uint32_t procedure, const std::string& call) { return judge(procedure, call); }) {
        std::filesystem::create_directory(server_.exported() / "vm");
        NfsLocation location = server_.location("vm");
        location.nfs_port = proxy_.port();
        auto mounted = files::NfsSession::mount(location, {0, 0, {}}, k_timeout);
        if (!mounted) throw std::runtime_error(mounted.error().to_log());
        files_ = std::move(*mounted);
        lease_.renewed(clock_.now(), lease_.begin_renewal());
    }

    files::FileOps& files() override { return *files_; }
    std::unique_ptr<volume::Line> make_line() override {
        auto session = files_->another();
        if (!session) throw std::runtime_error(session.error().to_log());
        return std::make_unique<volume::RpcTransport>((*session)->take_connection(), k_limits, clock_);
    }
    void serve(volume::Line& line, const bool& over) override {
        auto& transport = static_cast<volume::RpcTransport&>(line);
        const BootTime end = clock_.now() + k_timeout;
        while (!over && !transport.broken()) {
            if (clock_.now() > end) throw std::runtime_error("the server does not answer");
            pollfd p{transport.fd(), static_cast<short>(transport.events(lease_)), 0};
            if (poll(&p, 1, 1000) > 0) transport.service(p.revents, lease_);
        }
    }
    void restart() override {
        server_.restart();
        proxy_.reset_all();
        const BootTime end = clock_.now() + k_timeout;
        for (; files_->connected(); files_->notice_loss())
            if (clock_.now() > end) throw std::runtime_error("the connection outlives its server");
    }
    void keep(Keep what) override {
        std::lock_guard lock(mutex_);
        keep_ = what;
    }
    size_t run_kept() override {
        std::lock_guard lock(mutex_);
        const size_t count = kept_.size();
        const UniqueFd server = traces::connect_to(server_.location().nfs_port);
        for (std::string& call : std::exchange(kept_, {})) {
            // Under an id of its own: no repetition to the server.
            traces::set_word(call, 0, next_id_++);
            traces::write_record(server.get(), call);
            std::string reply;
            if (!traces::read_record(server.get(), reply)) throw std::runtime_error("the server is gone");
            traces::nfs_status(reply);
        }
        return count;
    }

  private:
    test::RpcProxy::Fate judge(uint32_t procedure, const std::string& call) {
        using Fate = test::RpcProxy::Fate;
        std::lock_guard lock(mutex_);
        const bool write = procedure == test::k_proc_write;
        const bool names =
            procedure == k_create || procedure == k_remove || procedure == k_rename || procedure == k_link;
        if (!(keep_ == Keep::blocks && write) && !(keep_ == Keep::names && names)) return Fate::pass;
        kept_.push_back(call);
        return write ? Fate::cut : Fate::pass;
    }

    SystemClock clock_;
    lock::Lease lease_{clock_, std::chrono::hours(1)};
    std::mutex mutex_;
    Keep keep_ = Keep::nothing;
    std::vector<std::string> kept_;
    uint32_t next_id_ = 1;
    test::GaneshaServer server_;
    test::RpcProxy proxy_;
    std::unique_ptr<files::NfsSession> files_;
};

}  // namespace

Transcript play_real(const Script& script) {
    Real server;
    Transcript transcript;
    script(server, transcript);
    return transcript;
}

}  // namespace berth::sim
