// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "bootstrap/image_tool.h"
#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

class ImageAddTest : public CtlTest {
  protected:
    ImageAddTest() {
        std::filesystem::create_directory(folder + "/images");
        EXPECT_TRUE(boot::make_keys(folder + "/key", folder + "/key.pub"));
        boot::ManifestOrder order{.kind = boot::ManifestKind::site,
                                  .version = 7,
                                  .created = "2026-01-01T00:00:00Z",
                                  .files = {file("site.squashfs", std::string(100'000, 'x'))},
                                  .out = folder + "/site"};
        EXPECT_TRUE(boot::make_image(order));
        EXPECT_TRUE(boot::sign_file(folder + "/key", folder + "/site/site.json"));
    }
    std::vector<std::string> line() {
        return {"image",         "add", "--images", folder + "/images", "--key", folder + "/key.pub",
                folder + "/site"};
    }
};

TEST_F(ImageAddTest, says_which_build_is_served_and_whether_it_was_before) {
    EXPECT_THAT(out_of(line()), testing::MatchesRegex("site: build 7-[0-9a-f]+ is served from now on\n"));
    EXPECT_THAT(out_of(line()), testing::MatchesRegex("site: build 7-[0-9a-f]+ is served already\n"));
}

TEST_F(ImageAddTest, with_json_prints_the_build_and_the_one_before) {
    const auto added = json_of(line());
    EXPECT_EQ(added["name"], "site");
    EXPECT_EQ(added["before"], "");
    EXPECT_EQ(added["changed"], true);
    EXPECT_EQ(json_of(line())["before"], added["build"]);
}

TEST_F(ImageAddTest, prints_nothing_but_the_reason_when_it_is_refused) {
    file("site/site.json", "{}");
    auto words = line();
    words.emplace_back("--json");
    const Said said = run(words);
    EXPECT_TRUE(said.refused("BERTH-P31")) << said.error;
    EXPECT_EQ(said.out, "");
}

}  // namespace
}  // namespace berth::server
