// SPDX-License-Identifier: GPL-3.0-or-later
// The user's directory on the file server, as a session has it from its step "mount" to the undo of that.
#pragma once

#include <memory>

#include "greeter/session/resources/session_resources.h"

namespace berth::session {

class UserFiles {
  public:
    explicit UserFiles(SessionResources& resources) : resources_(resources) {}

    Status mount(guest::MountOptions options);
    /// With the same options again: its connection may have died in the hours between.
    Status remount();
    void unmount() { directory_.reset(); }

    explicit operator bool() const { return directory_ != nullptr; }
    guest::UserDirectory& operator*() { return *directory_; }
    guest::UserDirectory* operator->() { return directory_.get(); }
    const guest::MountOptions& options() const { return options_; }
    const std::string& server() const { return options_.location.server; }

    /// While it lives, nothing that waits for the server waits past the deadline; afterwards each call has
    /// its own time.
    class Bound {
      public:
        Bound(UserFiles& files, BootTime deadline) : files_(files) { renew(deadline); }
        ~Bound() { set(std::nullopt); }
        Bound(const Bound&) = delete;
        Bound& operator=(const Bound&) = delete;
        /// A person was asked, or an earlier session finished, which does not count.
        void renew(BootTime deadline) { set(deadline); }

      private:
        void set(std::optional<BootTime> deadline) {
            if (files_) files_->finish_by(deadline);
        }
        UserFiles& files_;
    };

  private:
    SessionResources& resources_;
    guest::MountOptions options_;
    std::unique_ptr<guest::UserDirectory> directory_;
};

}  // namespace berth::session
