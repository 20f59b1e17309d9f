// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/fd.h"
#include "server/boot/ipxe_script.h"
#include "server/ctl/verbs.h"

namespace berth::server {
namespace {

class BootScript final : public Verb {
  public:
    explicit BootScript(CLI::App& command) {
        command.add_option("--url", url_, "the provisioner's URL, such as http://10.0.0.1:8080")->required();
        command.add_option("--ipxe", script_, "another script than the built-in one");
    }

    Result<Answer> run(Ctl& /*ctl*/) override {
        std::string text(built_in_boot_ipxe());
        if (!script_.empty()) text = BERTH_TRY(read_file(script_));
        const auto script = BERTH_TRY(with_provisioner(text, url_));
        return file_answer(script);
    }

  private:
    std::string url_, script_;
};

}  // namespace

const MakeVerb boot_script = make_verb<BootScript>;

}  // namespace berth::server
