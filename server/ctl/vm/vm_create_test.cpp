// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class VmCreateTest : public CtlTest {
  protected:
    std::vector<std::string> line(const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{"vm", "create", "ann/work", "--disk", "1 MiB"};
        append(words, more);
        return words;
    }
};

TEST_F(VmCreateTest, makes_the_disks_in_their_order_and_says_the_uuid) {
    EXPECT_THAT(out_of(line({"--disk", "2MiB", "--disk", "3 MiB", "--swap", "64 MiB"})),
                StartsWith("ann/work: made, uuid "));
    EXPECT_THAT(names("ann", "work"), ElementsAre("data-1.raw", "files.raw", "machine.toml", "software.raw"));
    EXPECT_EQ(of("ann").at("work/files.raw")->data.size(), 2U << 20);
    EXPECT_THAT(of("ann").at("work/machine.toml")->data, HasSubstr("role = \"swap\""));
}

TEST_F(VmCreateTest, prints_what_it_made_with_json) {
    const auto made = json_of(line({"--cpus", "3", "--memory", "1GiB", "--firmware", "uefi"}));
    EXPECT_EQ(made["vm"], "work");
    EXPECT_EQ(made["cpus"], 3);
    EXPECT_EQ(made["memory"], 1 << 30);
    EXPECT_EQ(made["firmware"], "uefi");
    EXPECT_EQ(made["disks"][0]["path"], "software.raw");
}

TEST_F(VmCreateTest, names_the_range_of_a_wrong_size_and_makes_nothing) {
    EXPECT_THAT(run(line({"--memory", "1 MiB"})).error, HasSubstr("16 MiB to 4 TiB"));
    EXPECT_THAT(run(line({"--disk", "0"})).error, HasSubstr("1 MiB to 64 TiB"));
    EXPECT_TRUE(run({"vm", "create", "ann"}).refused("BERTH-M36"));
    EXPECT_TRUE(run({"vm", "create", "eve/work"}).refused("BERTH-P29"));
    EXPECT_EQ(run(line({"--cpus", "129"})).out, "");
    EXPECT_TRUE(names("ann").empty());
}

TEST_F(VmCreateTest, leaves_a_vm_of_that_name_as_it_is) {
    add_vm();
    const std::string before = of("ann").at("work/machine.toml")->data;
    EXPECT_TRUE(run(line()).refused("BERTH-M34"));
    EXPECT_EQ(of("ann").at("work/machine.toml")->data, before);
}

TEST_F(VmCreateTest, copies_a_medium_or_links_to_it) {
    const std::string iso = file("debian.iso", std::string(4096, 'i'));
    out_of(line({"--iso", iso}));
    EXPECT_EQ(of("ann").at("work/installer.iso")->data, std::string(4096, 'i'));
    out_of({"vm", "create", "ben/work", "--disk", "1 MiB", "--iso-link", "/shared/debian.iso"});
    EXPECT_EQ(of("ben").at("work/installer.iso")->data, "/shared/debian.iso");
}

TEST_F(VmCreateTest, ends_at_a_signal) {
    console.was_interrupted = true;
    EXPECT_TRUE(run(line({"--iso", file("debian.iso", std::string(4096, 'i'))})).refused("BERTH-P30"));
    EXPECT_THAT(names("ann"), ElementsAre(StartsWith(".new-")));
}

TEST_F(VmCreateTest, says_each_percent_in_a_line_when_asked_to) {
    const auto words = line({"--iso", file("debian.iso", std::string(4096, 'i')), "--progress"});
    EXPECT_THAT(run(words).error, HasSubstr("work: installer.iso: 100 % of 1 MiB\n"));
}

}  // namespace
}  // namespace berth::server
