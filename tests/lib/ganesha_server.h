// SPDX-License-Identifier: GPL-3.0-or-later
// tests/lib/ganesha for C++ tests: a real NFSv3 server over a folder that goes with the object.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/nfs_types.h"

namespace berth::test {

class GaneshaServer {
  public:
    /// Makes a temporary folder with `export/` and `shared/` in it and starts a server. Throws
    /// std::runtime_error with the script's words.
    explicit GaneshaServer(std::vector<std::string> options = {});
    ~GaneshaServer();
    GaneshaServer(const GaneshaServer&) = delete;
    GaneshaServer& operator=(const GaneshaServer&) = delete;

    std::filesystem::path folder() const { return folder_; }
    std::filesystem::path exported() const { return folder_ / "export"; }
    std::filesystem::path shared() const { return folder_ / "shared"; }
    NfsLocation location(const std::string& below = "") const;
    NfsLocation shared_location() const;

    void stop();
    void start(std::vector<std::string> options);
    void restart() { stop(), start(options_); }
    void pause();
    void resume();

  private:
    std::string script(std::vector<std::string> arguments) const;
    std::filesystem::path folder_;
    std::vector<std::string> options_;
    uint16_t nfs_port_ = 0, mount_port_ = 0;
};

}  // namespace berth::test
