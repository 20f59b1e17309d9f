// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

class DnsmasqVerbTest : public CtlTest {
  protected:
    const std::vector<std::string> line{
        "dnsmasq", "--interface", "eth0", "--range", "10.0.0.10,10.0.0.99", "--url", "http://10.0.0.1:8080"};
};

TEST_F(DnsmasqVerbTest, prints_settings_as_a_file) {
    const std::string out = out_of(line);
    EXPECT_THAT(out, HasSubstr("interface=eth0\n"));
    EXPECT_THAT(out, HasSubstr("10.0.0.10,10.0.0.99"));
    EXPECT_THAT(out, HasSubstr("http://10.0.0.1:8080/"));
}

TEST_F(DnsmasqVerbTest, prints_the_file_as_a_text_with_json) {
    EXPECT_EQ(json_of(line)["text"], out_of(line));
}

TEST_F(DnsmasqVerbTest, refuses_a_url_that_is_none) {
    auto words = line;
    words.back() = "10.0.0.1";
    const Said said = run(words);
    EXPECT_TRUE(said.refused("BERTH-P06"));
    EXPECT_EQ(said.out, "");
}

}  // namespace
}  // namespace berth::server
