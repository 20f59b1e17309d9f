// SPDX-License-Identifier: GPL-3.0-or-later
#include <sodium.h>

#include "server/boot/image_builds.h"
#include "server/ctl/verbs.h"

namespace berth::server {
namespace {

class ImageAdd final : public Verb {
  public:
    explicit ImageAdd(CLI::App& command) {
        command.add_option("DIR", order_.source, "out/image or out/site, as build-image.sh leaves it")
            ->required();
        command.add_option("--name", order_.name,
                           "what it is called (default: berth, for a site archive site)");
        command.add_option(
            "--key", order_.key,
            "public key that it must be signed with; without: the key of what is served by that name");
        command.add_flag("--allow-older", order_.allow_older, "take a version below the one that is served");
        command.add_option("--images", images_, "the provisioner's folder")->capture_default_str();
    }

    Result<Answer> run(Ctl& /*ctl*/) override {
        if (sodium_init() < 0) return fail(ErrorCode::I01, "the cryptographic library does not start");
        auto builds = BERTH_TRY(ImageBuilds::open(images_));
        auto added = BERTH_TRY(builds.add(order_));
        const bool changed = added.build != added.before;
        return Answer{.json = {{"name", added.name},
                               {"build", added.build},
                               {"before", added.before},
                               {"changed", changed}},
                      .lines = {fmt::format("{}: build {} is served {}", added.name, added.build,
                                            changed ? "from now on" : "already")}};
    }

  private:
    std::string images_ = "/var/lib/berth-provisioner/images";
    AddImageOrder order_;
};

}  // namespace

const MakeVerb image_add = make_verb<ImageAdd>;

}  // namespace berth::server
