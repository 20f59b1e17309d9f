// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/nfs_connector.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "files/nfs/nfs_session.h"
#include "volume/core/rpc_transport.h"

namespace berth::volume {
namespace {

class MountedSession final : public Session {
  public:
    MountedSession(std::unique_ptr<files::NfsSession> session, Clock& clock)
        : session_(std::move(session)), clock_(clock) {}

    files::FileOps& ops() override { return *session_; }
    bool connected() const override { return session_->connected(); }
    uint64_t connections() const override { return session_->connections(); }
    uint64_t lost_writes() const override { return session_->lost_writes(); }
    Status ping() override { return session_->ping(); }
    void notice_loss() override { session_->notice_loss(); }
    void set_timeout(Duration timeout) override { session_->set_timeout(timeout); }
    Result<std::unique_ptr<Session>> another() const override {
        return std::make_unique<MountedSession>(BERTH_TRY(session_->another()), clock_);
    }
    std::unique_ptr<Line> take_line(const files::TransferLimits& limits) override {
        return std::make_unique<RpcTransport>(session_->take_connection(), limits, clock_);
    }
    std::string place() const override {
        return fmt::format("{} from port {}", session_->location().server, session_->local_port());
    }

  private:
    const std::unique_ptr<files::NfsSession> session_;
    Clock& clock_;
};

}  // namespace

NfsConnector::NfsConnector(const VolumeConfig& config, Clock& clock, const files::LookUp& look_up)
    : config_(config),
      clock_(clock),
      interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      addresses_{files::ServerAddresses(config.nfs.server, look_up),
                 files::ServerAddresses(config.shared ? config.shared->server : "", look_up)} {}

Result<std::unique_ptr<Session>> NfsConnector::mount(bool shared, Duration timeout) {
    return std::make_unique<MountedSession>(
        BERTH_TRY(files::NfsSession::mount(shared ? *config_.shared : config_.nfs, addresses_[shared],
                                           config_.credentials, timeout, {interrupt_.get()})),
        clock_);
}

void NfsConnector::interrupt() {
    uint64_t one = 1;
    (void)!write(interrupt_.get(), &one, sizeof one);
}

}  // namespace berth::volume
