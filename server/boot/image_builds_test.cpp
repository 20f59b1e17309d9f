// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/image_builds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "bootstrap/manifest/chunks.h"
#include "bootstrap/manifest/image_tool.h"
#include "server/boot/images.h"
#include "server/store/store.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"

namespace berth::server {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ImageBuildsTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_GE(sodium_init(), 0);
        // In memory where that is possible: an add makes every file durable, which a busy disk takes long
        // for.
        char memory[] = "/dev/shm/berth-images-XXXXXX", disk[] = "/tmp/berth-images-XXXXXX";
        const char* made = mkdtemp(memory);
        folder = made != nullptr ? made : mkdtemp(disk);
        images = folder + "/images";
        fs::create_directories(images);
        ASSERT_TRUE(boot::make_keys(folder + "/key", folder + "/key.pub"));
        builds.emplace(std::move(*ImageBuilds::open(images)));
        store = std::move(*Store::open(folder + "/a.db", clock));
        ASSERT_TRUE(store->add({.macs = {"52:54:00:00:00:01"}}));
    }
    void TearDown() override { fs::remove_all(folder); }

    void write(const std::string& path, const std::string& bytes) const {
        std::ofstream(path, std::ios::binary) << bytes;
    }
    std::string read(const std::string& path) const { return *read_file(path, 64 << 20); }

    /// A signed image or site archive whose files' content is told by `text`; its folder.
    std::string made(uint64_t version, const std::string& text, bool site = false, const char* key = "/key") {
        const std::string out = fmt::format("{}/{}-{}-{}", folder, site ? "site" : "image", version, text),
                          work = out + ".work";
        fs::create_directories(work);
        boot::ManifestOrder order{.kind = site ? boot::ManifestKind::site : boot::ManifestKind::image,
                                  .version = version,
                                  .created = "2026-01-01T00:00:00Z",
                                  .files = {},
                                  .out = out};
        for (const char* name : {"vmlinuz", "initrd.img", "root.squashfs", "site.squashfs"}) {
            if (site != (std::string_view(name) == "site.squashfs")) continue;
            std::string bytes = std::string(name) + text;
            while (bytes.size() < 300'000) bytes += fmt::format("{}{}", bytes.size(), text);
            write(work + "/" + name, bytes);
            order.files.push_back(work + "/" + name);
        }
        EXPECT_TRUE(boot::make_image(order));
        EXPECT_TRUE(boot::sign_file(folder + key, out + (site ? "/site.json" : "/manifest.json")));
        return out;
    }
    Result<AddedImage> add(const std::string& source, const std::string& key = "/key.pub", bool older = false,
                           const std::string& name = {}) {
        return builds->add(
            {.source = source, .name = name, .key = key.empty() ? "" : folder + key, .allow_older = older});
    }
    /// Why it was refused.
    std::string refused(const Result<AddedImage>& added) {
        EXPECT_FALSE(added);
        if (added) return {};
        EXPECT_EQ(code_of(added), "BERTH-P31");
        return added.error().detail();
    }
    PrunedBuilds prune() {
        const auto unless = [this](const std::string& build, const std::function<Status()>& remove) {
            return build == awaited ? Status{} : remove();
        };
        auto pruned = builds->prune([&]() -> Result<Store*> { return store.get(); }, unless);
        EXPECT_TRUE(pruned) << pruned.error().to_log();
        return *pruned;
    }
    std::string awaited;  ///< What a token that is not written yet refers to.
    /// What is in NAME's folder of builds.
    std::vector<std::string> held(const std::string& name = "berth") const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(images + "/." + name))
            names.push_back(entry.path().filename());
        std::ranges::sort(names);
        return names;
    }

    std::string folder, images;
    FakeClock clock;
    std::optional<ImageBuilds> builds;
    std::unique_ptr<Store> store;
};

TEST_F(ImageBuildsTest, an_image_is_served_whole_by_its_build_and_by_its_name) {
    const std::string source = made(7, "a");
    const auto added = add(source);
    ASSERT_TRUE(added) << added.error().to_log();
    EXPECT_EQ(added->name, "berth");
    EXPECT_EQ(added->before, "");
    EXPECT_TRUE(added->build.starts_with("7-"));
    const auto served = ImageFolder::open(images).value();
    EXPECT_EQ(served.current("berth"), added->build);
    EXPECT_TRUE(served.has("berth", added->build));
    for (const auto& entry : fs::directory_iterator(source)) {
        const std::string name = entry.path().filename();
        EXPECT_EQ(read(images + "/berth/" + name), read(entry.path())) << name;
        EXPECT_TRUE(served.file("berth", added->build, name)) << name;
    }
    for (const char* name : {"vmlinuz", "initrd.img"})
        EXPECT_EQ(read(images + "/berth/" + name), read(source + ".work/" + name)) << "for iPXE";
    EXPECT_THAT(held(), ElementsAre(added->build));
}

TEST_F(ImageBuildsTest, a_second_add_switches_and_leaves_the_old_build_whole) {
    const auto first = add(made(7, "a")).value();
    const auto second = add(made(8, "b"), "").value();
    EXPECT_EQ(second.before, first.build);
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), second.build);
    EXPECT_EQ(read(images + "/berth/vmlinuz"), read(folder + "/image-8-b.work/vmlinuz"));
    EXPECT_EQ(read(images + "/.berth/" + first.build + "/vmlinuz"), read(folder + "/image-7-a.work/vmlinuz"));
}

TEST_F(ImageBuildsTest, the_same_build_again_is_no_change) {
    const std::string source = made(7, "a");
    const auto first = add(source).value();
    const auto inode = [&] {
        struct stat st{};
        EXPECT_EQ(lstat((images + "/berth").c_str(), &st), 0);
        return st.st_ino;
    };
    const auto link = inode();
    const auto again = add(source, "").value();
    EXPECT_TRUE(again.present);
    EXPECT_EQ(again.build, first.build);
    EXPECT_EQ(again.before, first.build);
    EXPECT_EQ(inode(), link);
    EXPECT_THAT(held(), ElementsAre(first.build));
}

TEST_F(ImageBuildsTest, a_damaged_copy_of_the_same_build_is_replaced) {
    const std::string source = made(7, "a");
    const auto first = add(source).value();
    const std::string file = fs::canonical(images + "/berth/vmlinuz");
    write(file, "damaged");
    const auto again = add(source).value();
    EXPECT_FALSE(again.present);
    EXPECT_EQ(read(file), read(source + ".work/vmlinuz"));
    EXPECT_THAT(held(), ElementsAre(first.build));
}

TEST_F(ImageBuildsTest, a_site_archive_is_another_image_of_another_name) {
    const auto image = add(made(7, "a")).value();
    const auto site = add(made(1, "s", true)).value();
    EXPECT_EQ(site.name, "site");
    EXPECT_EQ(ImageFolder::open(images)->current("site"), site.build);
    EXPECT_EQ(add(made(1, "s", true), "/key.pub", false, "school")->name, "school");
    EXPECT_THAT(refused(add(made(8, "t", true), "/key.pub", false, "berth")), HasSubstr("site archive"));
    EXPECT_THAT(refused(add(made(8, "t"), "/key.pub", false, "site")), HasSubstr("site archive"));
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), image.build);
}

TEST_F(ImageBuildsTest, the_first_add_needs_a_key_and_the_next_ones_that_key) {
    EXPECT_THAT(refused(add(made(7, "a"), "")), HasSubstr("--key"));
    EXPECT_FALSE(fs::exists(images + "/berth"));
    const auto first = add(made(7, "a")).value();
    ASSERT_TRUE(boot::make_keys(folder + "/other", folder + "/other.pub"));
    const std::string foreign = made(8, "b", false, "/other");
    EXPECT_THAT(refused(add(foreign, "")), HasSubstr("made with key"));
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build);
    // A site that changes its key says so once.
    ASSERT_TRUE(add(foreign, "/other.pub"));
    EXPECT_TRUE(add(made(9, "c", false, "/other"), ""));
    EXPECT_THAT(refused(add(made(10, "d"), "")), HasSubstr("made with key"));
}

TEST_F(ImageBuildsTest, an_older_version_needs_to_be_allowed) {
    const std::string old = made(6, "a");
    const auto first = add(made(7, "b")).value();
    EXPECT_THAT(refused(add(old)), HasSubstr("--allow-older"));
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build);
    EXPECT_TRUE(add(made(7, "c"))) << "an equal one is not an older one";
    const auto older = add(old, "", true);
    ASSERT_TRUE(older);
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), older->build);
}

TEST_F(ImageBuildsTest, whatever_is_wrong_with_a_source_the_old_build_stays_and_nothing_else) {
    const auto first = add(made(7, "a")).value();
    const std::string source = made(8, "b"), manifest = source + "/manifest.json";
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(source)) files.push_back(entry.path());
    ASSERT_EQ(files.size(), 8u) << "three files, their chunk lists, manifest and signature";
    const auto expect_refused = [&](const std::string& what) {
        refused(add(source));
        EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build) << what;
        EXPECT_THAT(held(), ElementsAre(first.build)) << what;
    };
    for (const auto& file : files) {
        const std::string good = read(file);
        for (const size_t at : {size_t{0}, good.size() / 2, good.size() - 1}) {
            std::string bad = good;
            bad[at] ^= 1;
            write(file, bad);
            expect_refused(fmt::format("{}: byte {}", file, at));
        }
        write(file, good.substr(0, good.size() - 2));  // a signature's last line feed is decoration
        expect_refused(file + ": shorter");
        write(file, good + "x");
        expect_refused(file + ": longer");
        fs::remove(file);
        expect_refused(file + ": gone");
        fs::create_symlink("/dev/zero", file);
        expect_refused(file + ": a link");
        fs::remove(file);
        write(file, good);
    }
    EXPECT_TRUE(add(source)) << "it was good without all that";
}

TEST_F(ImageBuildsTest, a_chunk_list_that_is_signed_but_does_not_fit_is_refused) {
    const auto first = add(made(7, "a")).value();
    const std::string source = made(8, "b");
    auto manifest = boot::parse_manifest(read(source + "/manifest.json")).value();
    // The right sizes in the wrong order of chunks.
    auto chunks =
        boot::parse_chunk_list(read(source + "/" + manifest.files[0].chunks.digest), manifest.files[0].size)
            .value();
    ASSERT_GE(chunks.size(), 2u);
    std::swap(chunks[0].digest, chunks[1].digest);
    const std::string list = boot::format_chunk_list(chunks);
    manifest.files[0].chunks.digest = to_hex(boot::digest_of(list));
    write(source + "/" + manifest.files[0].chunks.digest, list);
    write(source + "/manifest.json", boot::format_manifest(manifest));
    ASSERT_TRUE(boot::sign_file(folder + "/key", source + "/manifest.json"));
    EXPECT_THAT(refused(add(source)), HasSubstr("chunk 1"));
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build);
}

TEST_F(ImageBuildsTest, what_an_interrupted_add_left_goes_with_the_next) {
    const auto first = add(made(7, "a")).value();
    fs::create_directories(images + "/.berth/.new/deep");
    write(images + "/.berth/.new/deep/file", "x");
    fs::create_symlink(".berth/8-0123456789abcdef", images + "/.berth/.link");
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build);
    const auto second = add(made(8, "b")).value();
    EXPECT_THAT(held(), ElementsAre(first.build, second.build));
    fs::create_directories(images + "/.berth/.old-x");
    prune();
    EXPECT_THAT(held(), ElementsAre(second.build));
}

TEST_F(ImageBuildsTest, a_folder_or_link_made_by_hand_is_replaced) {
    fs::create_directories(images + "/berth/image");
    write(images + "/berth/vmlinuz", "by hand");
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), "");
    const auto first = add(made(7, "a")).value();
    EXPECT_EQ(ImageFolder::open(images)->current("berth"), first.build);
    EXPECT_THAT(held(), ElementsAre(first.build));
    fs::create_directory_symlink(made(9, "admins"), images + "/linked");
    EXPECT_THAT(refused(add(made(8, "b"), "/key.pub", false, "linked")), HasSubstr("version 9"))
        << "what it serves counts";
    EXPECT_TRUE(add(made(10, "c"), "/key.pub", false, "linked"));
    EXPECT_TRUE(fs::exists(folder + "/image-9-admins/manifest.json")) << "the admin's own folder stays";
}

TEST_F(ImageBuildsTest, a_build_stays_as_long_as_a_token_names_it) {
    const auto first = add(made(7, "a")).value();
    ASSERT_TRUE(store->add_token("m-0001", "t1", "berth/" + first.build));
    const auto second = add(made(8, "b")).value();
    EXPECT_THAT(prune().kept, ElementsAre("berth/" + first.build));
    EXPECT_THAT(held(), ElementsAre(first.build, second.build));
    for (size_t i = 0; i < k_kept_tokens; ++i)
        ASSERT_TRUE(store->add_token("m-0001", fmt::format("u{}", i), "berth/" + second.build));
    EXPECT_THAT(prune().removed, ElementsAre("berth/" + first.build));
    EXPECT_THAT(held(), ElementsAre(second.build));
    EXPECT_THAT(prune().removed, IsEmpty()) << "what is current stays";
}

TEST_F(ImageBuildsTest, a_build_stays_while_a_token_that_names_it_is_not_written_yet) {
    const auto first = add(made(7, "a")).value();
    ASSERT_TRUE(add(made(8, "b")));
    awaited = "berth/" + first.build;
    EXPECT_THAT(prune().kept, ElementsAre(awaited));
    awaited.clear();
    EXPECT_THAT(prune().removed, ElementsAre("berth/" + first.build));
}

TEST_F(ImageBuildsTest, a_site_archives_build_stays_likewise) {
    const auto first = add(made(1, "a", true)).value();
    ASSERT_TRUE(store->add_token("m-0001", "t1", "", "site/" + first.build));
    ASSERT_TRUE(add(made(2, "b", true)));
    EXPECT_THAT(prune().kept, ElementsAre("site/" + first.build));
    ASSERT_TRUE(store->remove("m-0001"));
    EXPECT_THAT(prune().removed, ElementsAre("site/" + first.build));
}

TEST_F(ImageBuildsTest, nothing_is_removed_while_an_add_runs) {
    const auto first = add(made(7, "a")).value();
    const auto second = add(made(8, "b")).value();
    fs::create_directories(images + "/.berth/.new");
    const UniqueFd other(open(images.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(flock(other.get(), LOCK_EX), 0);
    EXPECT_THAT(prune().removed, IsEmpty());
    EXPECT_EQ(held().size(), 3u);
}

TEST_F(ImageBuildsTest, nothing_is_removed_when_the_database_cannot_be_asked) {
    ASSERT_TRUE(add(made(7, "a")));
    ASSERT_TRUE(add(made(8, "b")));
    const auto pruned =
        builds->prune([]() -> Result<Store*> { return fail(ErrorCode::P04, "locked"); },
                      [](const std::string&, const std::function<Status()>& remove) { return remove(); });
    ASSERT_FALSE(pruned);
    EXPECT_EQ(held().size(), 2u);
}

TEST_F(ImageBuildsTest, no_link_in_the_folder_leads_out_of_it) {
    fs::create_directories(folder + "/outside/.new");
    write(folder + "/outside/.new/file", "x");
    fs::create_directory_symlink(folder + "/outside", images + "/.berth");
    refused(add(made(7, "a")));
    prune();
    EXPECT_TRUE(fs::exists(folder + "/outside/.new/file"));
    fs::remove(images + "/.berth");
    const auto added = add(made(7, "a")).value();
    fs::create_directory_symlink(folder + "/outside", images + "/.berth/.old-x");
    prune();
    EXPECT_TRUE(fs::exists(folder + "/outside/.new/file"));
    EXPECT_THAT(held(), ElementsAre(added.build));
}

TEST_F(ImageBuildsTest, a_name_that_leaves_the_folder_is_refused) {
    const std::string source = made(7, "a");
    for (const char* name : {"..", "a/b", ".hidden", "a b"})
        EXPECT_THAT(refused(add(source, "/key.pub", false, name)), HasSubstr("--name"));
}

TEST_F(ImageBuildsTest, serves_no_build_of_another_form) {
    const auto added = add(made(7, "a")).value();
    const auto served = ImageFolder::open(images).value();
    for (const char* build : {"..", ".", ".new", "7", "../.berth"})
        EXPECT_FALSE(served.file("berth", build, "vmlinuz")) << build;
    EXPECT_FALSE(served.file("..", added.build, "vmlinuz"));
    fs::create_directory_symlink(added.build, images + "/.berth/9-0123456789abcdef");
    EXPECT_FALSE(served.has("berth", "9-0123456789abcdef")) << "a link is not a build";
}

}  // namespace
}  // namespace berth::server
