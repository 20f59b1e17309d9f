// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"
#include "tests/testing/signed_site.h"

namespace berth::server {
namespace {

class ImageAddTest : public CtlTest {
  protected:
    ImageAddTest() {
        std::filesystem::create_directory(folder + "/images");
        boot::make_signed_site(folder, 7);
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

TEST_F(ImageAddTest, prints_the_build_and_the_one_before_with_json) {
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
