// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/vmtools/tar_index.h"

#include <gtest/gtest.h>

#include "base/spawn.h"
#include "tests/testing/code_of.h"

namespace berth::server {
namespace {

/// What tar(1) makes of files with these names and contents.
std::string archive(const std::string& format,
                    const std::vector<std::pair<std::string, std::string>>& files) {
    char folder[] = "/tmp/berth-tar-XXXXXX";
    EXPECT_NE(mkdtemp(folder), nullptr);
    std::vector<std::string> command{"tar", "-C", folder, "--format=" + format, "-cf", "-", "--"};
    for (const auto& [name, text] : files) {
        EXPECT_TRUE(write_file_durably(std::string(folder) + "/" + name, text));
        command.push_back(name);
    }
    auto out = run_checked({.arguments = command}, std::chrono::seconds(20));
    EXPECT_TRUE(out);
    EXPECT_TRUE(run_checked({.arguments = {"rm", "-r", folder}}, std::chrono::seconds(20)));
    return out.value_or("");
}

Result<std::vector<TarMember>> index_of(const std::string& bytes) {
    return read_tar_index(
        [&](uint64_t offset, size_t length) -> Result<std::string> {
            return bytes.substr(std::min<uint64_t>(offset, bytes.size()), length);
        },
        bytes.size(), "x.ova");
}

TEST(TarIndex, finds_the_files_of_every_kind_of_tar) {
    const std::string long_name(120, 'n');
    for (const char* format : {"ustar", "gnu", "pax"}) {
        const std::string name = std::string(format) == "ustar" ? "b.vmdk" : long_name;
        const std::string bytes = archive(format, {{"a.ovf", "<Envelope/>"}, {name, std::string(700, 'x')}});
        const auto members = index_of(bytes);
        ASSERT_TRUE(members) << format << members.error().to_log();
        ASSERT_EQ(members->size(), 2U) << format;
        EXPECT_EQ((*members)[1].name, name);
        EXPECT_EQ(bytes.substr((*members)[0].offset, (*members)[0].size), "<Envelope/>");
        EXPECT_EQ(bytes.substr((*members)[1].offset, (*members)[1].size), std::string(700, 'x'));
    }
}

TEST(TarIndex, a_member_that_ends_behind_the_archive_is_refused) {
    const std::string bytes = archive("ustar", {{"a.ovf", std::string(2000, 'x')}});
    EXPECT_EQ(code_of(index_of(bytes.substr(0, 1024))), "BERTH-P25");
}

TEST(TarIndex, a_damaged_header_is_refused) {
    std::string bytes = archive("ustar", {{"a.ovf", "x"}});
    bytes[0] ^= 1;
    EXPECT_EQ(code_of(index_of(bytes)), "BERTH-P25");
}

TEST(TarIndex, what_is_no_archive_is_refused) {
    EXPECT_EQ(code_of(index_of("")), "BERTH-P25");
    EXPECT_EQ(code_of(index_of(std::string(4096, 'x'))), "BERTH-P25");
    EXPECT_EQ(code_of(index_of(std::string(4096, '\0'))), "BERTH-P25");
}

}  // namespace
}  // namespace berth::server
