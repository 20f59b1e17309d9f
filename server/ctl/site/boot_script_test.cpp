// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using BootScriptVerbTest = CtlTest;

TEST_F(BootScriptVerbTest, prints_the_script_with_the_provisioners_url) {
    const std::string out = out_of({"boot-script", "--url", "http://10.0.0.1:8080"});
    EXPECT_THAT(out, StartsWith("#!ipxe\n"));
    EXPECT_THAT(out, HasSubstr("http://10.0.0.1:8080"));
}

TEST_F(BootScriptVerbTest, prints_the_file_as_a_text_with_json) {
    const std::vector<std::string> line{"boot-script", "--url", "http://10.0.0.1:8080"};
    EXPECT_EQ(json_of(line)["text"], out_of(line));
}

TEST_F(BootScriptVerbTest, takes_another_script_than_the_built_in_one) {
    const std::string own = file("own.ipxe", "#!ipxe\necho ours\n");
    EXPECT_THAT(out_of({"boot-script", "--url", "http://10.0.0.1:8080", "--ipxe", own}),
                HasSubstr("echo ours\n"));
    EXPECT_EQ(run({"boot-script", "--url", "http://10.0.0.1:8080", "--ipxe", own + "x"}).code, 1);
}

}  // namespace
}  // namespace berth::server
