// SPDX-License-Identifier: GPL-3.0-or-later
// A file server as a script of calls sees it: the simulator's, or a real one behind a proxy. Both begin with one empty
// directory. Everything happens on one thread (in the simulator: in one fibre).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "files/file_ops.h"
#include "volume/core/line.h"

namespace berth::sim {

class TestedServer {
  public:
    virtual ~TestedServer() = default;
    /// The directory is its root.
    virtual files::FileOps& files() = 0;
    /// A connection of its own for blocks, with the right to send.
    virtual std::unique_ptr<volume::Line> make_line() = 0;
    /// Until `over`, or until the line is broken.
    virtual void serve(volume::Line& line, const bool& over) = 0;
    /// Another instance of the server, all connections broken.
    virtual void restart() = 0;

    enum class Keep { nothing, names, blocks };
    /// From now on: each CREATE, LINK, RENAME and REMOVE is executed, and a copy of it kept; or each WRITE is kept
    /// unexecuted, and its connection breaks.
    virtual void keep(Keep what) = 0;
    /// What was kept is executed, in its order; nobody sees the answers. How much it was.
    virtual size_t run_kept() = 0;
};

/// What was asked and what came of it, a line a call.
using Transcript = std::vector<std::string>;
using Script = std::function<void(TestedServer&, Transcript&)>;

Transcript play_simulated(const Script& script);
/// With nfs-ganesha.
Transcript play_real(const Script& script);

}  // namespace berth::sim
