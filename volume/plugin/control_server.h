// SPDX-License-Identifier: GPL-3.0-or-later
// control.sock of berth-volume (docs/architecture.md): status, watch, stop. One thread of its own for all
// connections.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/message.h"
#include "base/report.h"
#include "volume/core/engine.h"

namespace berth::volume {

class ControlServer {
  public:
    /// Binds `path` with mode 0600: for this process's user and root. `stopped` is called on the server's
    /// thread when all is flushed and said.
    static Result<std::unique_ptr<ControlServer>> start(const std::string& path, Engine& engine,
                                                        Report& report, std::function<void()> stopped);
    ~ControlServer();

  private:
    struct Peer {
        MessageSocket socket;
        bool watching = false;
    };
    ControlServer(UniqueFd listener, std::string path, Engine& engine, Report& report,
                  std::function<void()> stopped);
    void run();
    /// Waits once and serves whoever has something; false: it cannot wait any more.
    bool serve_all();
    void accept_peer();
    /// false: the connection ends.
    bool serve(Peer& peer);
    bool answer(Peer& peer, const ControlRequest& request);
    bool send(Peer& peer, const ControlReply& reply);
    void notify();

    UniqueFd listener_, wake_;
    std::string path_;
    Engine& engine_;
    Report& report_;
    std::function<void()> stopped_;
    std::list<Peer> peers_;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

/// Gives a socket mode 0660 and its folder's group.
Status open_to_group(const std::string& path);

}  // namespace berth::volume
