// SPDX-License-Identifier: GPL-3.0-or-later
#include <sodium.h>

#include "base/output.h"
#include "server/boot/image_builds.h"
#include "server/ctl/berthctl.h"

namespace berth::server {
namespace {

struct ImageArguments {
    std::string images = "/var/lib/berth-provisioner/images";
    AddImageOrder order;
};

void print_added(const Ctl& ctl, const AddedImage& added) {
    if (ctl.json) {
        say_json({{"name", added.name},
                  {"build", added.build},
                  {"before", added.before},
                  {"changed", added.build != added.before}});
        return;
    }
    if (added.build == added.before)
        say("{}: build {} is served already\n", added.name, added.build);
    else
        say("{}: build {} is served from now on\n", added.name, added.build);
}

Status add_image(Ctl& ctl, const ImageArguments& arguments) {
    if (sodium_init() < 0) return fail(ErrorCode::I01, "the cryptographic library does not start");
    auto builds = ImageBuilds::open(arguments.images);
    if (!builds) return fail(builds.error());
    auto added = builds->add(arguments.order);
    if (!added) return fail(added.error());
    print_added(ctl, *added);
    return {};
}

}  // namespace

void add_image_commands(CLI::App& app, Ctl& ctl) {
    auto* image = app.add_subcommand("image", "the images and site archives that the provisioner serves");
    image->require_subcommand(1);
    auto arguments = std::make_shared<ImageArguments>();
    auto* add = image->add_subcommand("add", "verify one and serve it from now on, or update it");
    add->add_option("DIR", arguments->order.source, "out/image or out/site, as build-image.sh leaves it")
        ->required();
    add->add_option("--name", arguments->order.name,
                    "what it is called (default: berth, for a site archive site)");
    add->add_option(
        "--key", arguments->order.key,
        "public key that it must be signed with; without: the key of what is served by that name");
    add->add_flag("--allow-older", arguments->order.allow_older,
                  "take a version below the one that is served");
    add->add_option("--images", arguments->images, "the provisioner's folder")->capture_default_str();
    add->callback([&ctl, arguments] { ctl.run = [&ctl, arguments] { return add_image(ctl, *arguments); }; });
}

}  // namespace berth::server
