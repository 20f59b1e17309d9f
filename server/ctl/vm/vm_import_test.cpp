// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::StartsWith;

class VmImportTest : public CtlTest {
  protected:
    std::string image(const std::string& name = "disk.raw") { return file(name, std::string(1 << 20, 'd')); }
};

TEST_F(VmImportTest, brings_the_bytes_of_a_raw_image) {
    EXPECT_THAT(out_of({"vm", "import", "ann/work", image()}), StartsWith("ann/work: made, uuid "));
    EXPECT_EQ(of("ann").at("work/software.raw")->data, std::string(1 << 20, 'd'));
}

TEST_F(VmImportTest, takes_the_first_image_for_the_system_and_the_second_for_the_users_files) {
    const auto made = json_of({"vm", "import", "ann/work", image("a.raw"), image("b.img")});
    EXPECT_EQ(made["disks"][0]["path"], "software.raw");
    EXPECT_EQ(made["disks"][1]["path"], "files.raw");
}

TEST_F(VmImportTest, refuses_what_it_does_not_know_and_makes_nothing) {
    EXPECT_TRUE(run({"vm", "import", "ann/work", image("disk.unknown")}).refused("BERTH-P24"));
    EXPECT_TRUE(run({"vm", "import", "ann/work", "--format", "qcow2", image()}).refused("BERTH-P24"));
    EXPECT_TRUE(run({"vm", "import", "ann/work", image("a.ova"), image()}).refused("BERTH-P06"));
    EXPECT_TRUE(run({"vm", "import", "ann/work", image("a.ova")}).refused("BERTH-P25"));
    EXPECT_TRUE(names("ann").empty());
}

TEST_F(VmImportTest, prints_nothing_on_standard_output_when_it_fails) {
    const Said said = run({"vm", "import", "--json", "ann/work", folder + "/missing.raw"});
    EXPECT_EQ(said.code, 1);
    EXPECT_EQ(said.out, "");
}

}  // namespace
}  // namespace berth::server
