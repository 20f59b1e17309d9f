// SPDX-License-Identifier: GPL-3.0-or-later
// Which of the user's VMs; who has none may get a copy of the site's template. Before "check", for a broken VM
// must not keep its owner from another one.
#pragma once

#include "greeter/session/steps/mount.h"

namespace berth::session {

struct Chosen : Mounted {
    std::string vm;  ///< Its folder's name; plain text.
};

class ChooseStep : public SessionStep {
  public:
    static constexpr StepFacts facts{
        step::choose, "Looking for your virtual machines", "", std::chrono::seconds(60), 0, {}};
    using SessionStep::SessionStep;

    /// M31 there is none; M33 its name is not text; L05 the user cancelled.
    Result<Chosen> run(Mounted home, BootTime deadline);
    static constexpr std::string_view no_undo = "a VM that was made from the template is the user's";

  private:
    Result<std::vector<std::string>> list_or_make(UserFiles& files, BootTime deadline);
    Status make_from_template(const guest::MountOptions& user);
};

}  // namespace berth::session
