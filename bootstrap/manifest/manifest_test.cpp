// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/testing/code_of.h"

namespace berth::boot {
namespace {

const std::string k_digest(64, 'a');

Manifest example() {
    return {.kind = ManifestKind::image,
            .version = 17,
            .created = "2026-01-01T00:00:00Z",
            .files = {{"root.squashfs", 1000, k_digest, {"root.squashfs.chunks", 44, std::string(64, '0')}},
                      {"vmlinuz", 7, k_digest, {"vmlinuz.chunks", 44, std::string(64, '1')}}}};
}

/// The example's text after one change by JSON pointer.
std::string with(const std::string& pointer, const nlohmann::json& value) {
    auto j = nlohmann::json::parse(format_manifest(example()));
    j[nlohmann::json::json_pointer(pointer)] = value;
    return j.dump();
}

void expect_refused(const std::string& text, const std::string& reason) {
    auto m = parse_manifest(text);
    ASSERT_FALSE(m) << text;
    EXPECT_EQ(code_of(m), "BERTH-B04");
    EXPECT_NE(m.error().detail().find(reason), std::string::npos) << m.error().detail();
}

TEST(Manifest, survives_being_written_and_read) {
    auto m = parse_manifest(format_manifest(example()));
    ASSERT_TRUE(m) << m.error().to_log();
    EXPECT_EQ(*m, example());
    EXPECT_EQ(m->find("vmlinuz")->size, 7u);
    EXPECT_EQ(m->find("other"), nullptr);
}

TEST(Manifest, refuses_an_unknown_key_at_every_level) {
    expect_refused(with("/more", 1), "manifest: more: is not a known member");
    expect_refused(with("/files/0/more", 1), "files[0].more: is not a known member");
    expect_refused(with("/files/0/chunks/more", 1), "files[0].chunks.more: is not a known member");
}

TEST(Manifest, refuses_a_key_that_stands_twice) {
    expect_refused(R"({"schema":1,"schema":1})", "manifest: member \"schema\" appears twice");
}

TEST(Manifest, refuses_values_out_of_range) {
    expect_refused(with("/schema", 2), "schema");
    expect_refused(with("/kind", "other"), "kind");
    expect_refused(with("/version", 0), "version");
    expect_refused(with("/version", -1), "version");
    expect_refused(with("/version", 1.5), "version");
    expect_refused(with("/created", "yesterday"), "created");
    expect_refused(with("/files", nlohmann::json::array()), "files");
    expect_refused(with("/files/0/size", 0), "size");
    expect_refused(with("/files/0/size", k_max_image_file + 1), "size");
    expect_refused(with("/files/0/digest", std::string(64, 'A')), "digest");
    expect_refused(with("/files/0/digest", "abc"), "digest");
}

TEST(Manifest, refuses_names_that_leave_the_folder) {
    for (const char* name : {"../x", "a/b", ".hidden", "-rf", "a b", ""})
        expect_refused(with("/files/0/name", name), "name");
}

TEST(Manifest, refuses_two_files_of_one_name) {
    expect_refused(with("/files/1/name", "root.squashfs"),
                   "files[1].name \"root.squashfs\": must not be the name of an earlier file");
}

TEST(Manifest, refuses_what_is_no_object_of_bounded_depth_and_size) {
    expect_refused("", "manifest: must be JSON");
    expect_refused("[]", "manifest: must be a JSON object");
    expect_refused(format_manifest(example()) + "x", "manifest: must be JSON");
    expect_refused("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}",
                   "must be at most 16 levels deep");
    expect_refused(std::string(k_max_manifest + 1, ' '), "must be at most");
}

TEST(BuildName, tells_builds_apart_by_version_and_content) {
    const std::string name = build_name(17, format_manifest(example()));
    EXPECT_TRUE(is_build_name(name)) << name;
    EXPECT_TRUE(name.starts_with("17-"));
    EXPECT_NE(build_name(17, format_manifest(example()) + " "), name);
    EXPECT_TRUE(is_build_name(build_name(k_max_version, "")));
    for (const char* other :
         {"", "17", "-0123456789abcdef", "17-", "17-0123456789abcde", "17-0123456789abcdef0",
          "17-0123456789abcdeF", "17-0123456789abcde/", "x7-0123456789abcdef", "../a", ".17",
          "017-0123456789abcdef", "17--123456789abcdef", "12345678901234567-0123456789abcdef"})
        EXPECT_FALSE(is_build_name(other)) << other;
}

}  // namespace
}  // namespace berth::boot
