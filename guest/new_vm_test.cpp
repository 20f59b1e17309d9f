// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/new_vm.h"

#include <gtest/gtest.h>

#include "files/remove_tree.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"

namespace berth::guest {
namespace {

struct NewVmTest : ::testing::Test {
    Result<NewVm> begin(const std::string& maker = "m-1", const std::string& origin = "o") {
        return NewVm::begin(nfs, "work", maker, origin, clock);
    }
    std::vector<std::string> names() {
        std::vector<std::string> all;
        for (const auto& [name, node] : server.root()->entries) all.push_back(name);
        return all;
    }
    Status copy(NewVm& made, const files::SharedTree& shared = {}) {
        return copy_vm(
            nfs, nfs.lookup(nfs.root(), "template")->handle, shared, made, nfs,
            [](const std::string& text) -> Result<VmCopy> {
                return VmCopy{text + "copy", {"disks/a.raw", "base.raw"}, {"nvram"}};
            },
            [](const std::string&, uint64_t, uint64_t) { return Status{}; }, clock);
    }
    void put_template() {
        server.put("template/machine.toml", files::FileType::regular, "toml ");
        server.put("template/disks/a.raw", files::FileType::regular, "disk");
        server.put("template/base.raw", files::FileType::regular, "base");
    }
    files::MemoryServer server;
    files::MemoryFiles nfs{server};
    FakeClock clock;
};

TEST_F(NewVmTest, is_private_until_it_is_finished) {
    auto made = begin();
    ASSERT_TRUE(made);
    ASSERT_TRUE(made->put("machine.toml", "x"));
    ASSERT_EQ(names().size(), 1U);
    EXPECT_TRUE(names()[0].starts_with(".new-"));
    ASSERT_TRUE(made->finish());
    EXPECT_EQ(names(), (std::vector<std::string>{"work"}));
    EXPECT_EQ(server.at("work")->entries.size(), 1U);
}

TEST_F(NewVmTest, the_same_maker_goes_on_with_the_same_origin) {
    {
        auto made = begin();
        auto file = made->file("a.raw");
        ASSERT_TRUE(made->checkpoint("a.raw", *file, 7, true));
    }
    auto again = begin();
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->resumed());
    EXPECT_EQ(again->done("a.raw"), 7U);
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(NewVmTest, another_origin_starts_anew_and_so_does_an_unreadable_record) {
    {
        auto made = begin();
        auto file = made->file("a.raw");
        ASSERT_TRUE(made->checkpoint("a.raw", *file, 7, true));
    }
    {
        auto other = begin("m-1", "another");
        ASSERT_TRUE(other);
        EXPECT_FALSE(other->resumed());
        EXPECT_EQ(other->done("a.raw"), 0U);
    }
    server.at(names()[0] + "/.making")->data = "{";
    EXPECT_FALSE(begin("m-1", "another")->resumed());
    EXPECT_TRUE(begin("m-1", "another")->resumed());
    auto& record = server.at(names()[0] + "/.making")->data;
    record.insert(record.find('{') + 1, R"("of_a_later_version":1,)");
    EXPECT_FALSE(begin("m-1", "another")->resumed());
}

TEST_F(NewVmTest, two_processes_of_one_maker_are_never_at_it_together) {
    auto made = begin();
    EXPECT_EQ(code_of(begin()), "BERTH-M35");
}

TEST_F(NewVmTest, one_of_two_makers_wins_and_the_other_leaves_nothing) {
    auto one = begin("m-1"), two = begin("m-2");
    ASSERT_TRUE(one && two);
    ASSERT_TRUE(one->put("machine.toml", "one"));
    ASSERT_TRUE(two->put("machine.toml", "two"));
    ASSERT_TRUE(two->finish());
    EXPECT_FALSE(one->finish());
    EXPECT_EQ(names(), (std::vector<std::string>{"work"}));
    EXPECT_EQ(server.at("work/machine.toml")->data, "two");
    EXPECT_EQ(code_of(begin("m-1")), "BERTH-M34");
}

TEST_F(NewVmTest, a_lost_answer_to_the_rename_is_no_failure) {
    files::Fault fault = files::Fault::none;
    files::MemoryFiles faulty(server, [&](std::string_view call, const std::string& from) {
        return call == "RENAME" && from.starts_with(".new-") ? fault : files::Fault::none;
    });
    auto made = NewVm::begin(faulty, "work", "m-1", "o", clock);
    ASSERT_TRUE(made);
    fault = files::Fault::no_reply;
    ASSERT_TRUE(made->finish());
    EXPECT_EQ(names(), (std::vector<std::string>{"work"}));
}

TEST_F(NewVmTest, copies_what_the_plan_names_and_leaves_out_what_may_be_missing) {
    put_template();
    auto made = begin();
    ASSERT_TRUE(copy(*made));
    ASSERT_TRUE(made->finish());
    EXPECT_EQ(server.at("work/machine.toml")->data, "toml copy");
    EXPECT_EQ(server.at("work/disks/a.raw")->data, "disk");
    EXPECT_EQ(server.at("work/nvram"), nullptr);
}

TEST_F(NewVmTest, a_source_that_changed_since_an_earlier_attempt_is_copied_anew) {
    put_template();
    bool interrupted = true;
    const auto attempt = [&](NewVm& made) {
        return copy_vm(
            nfs, nfs.lookup(nfs.root(), "template")->handle, {}, made, nfs,
            [](const std::string& text) -> Result<VmCopy> {
                return VmCopy{text, {"disks/a.raw", "base.raw"}, {}};
            },
            [&](const std::string& file, uint64_t, uint64_t) -> Status {
                clock.sleep(std::chrono::seconds(10));  // long enough that each is written down
                if (interrupted && file == "base.raw") return fail(ErrorCode::I01, "interrupted");
                return {};
            },
            clock);
    };
    server.at("template/disks/a.raw")->data = std::string(3 << 20, 'a');
    for (const std::string changed : {"", "disks/a.raw", "base.raw"}) {
        interrupted = true;
        {
            auto made = begin();
            ASSERT_TRUE(made);
            EXPECT_FALSE(attempt(*made));
            ASSERT_NE(made->done("disks/a.raw"), 0U) << "nothing to continue from";
        }
        if (!changed.empty()) {
            auto source = server.at("template/" + changed);
            source->data.replace(0, 1, "b");
            source->mtime_ns += 1;
        }
        interrupted = false;
        auto again = begin();
        ASSERT_TRUE(again->resumed());
        ASSERT_TRUE(attempt(*again)) << changed;
        EXPECT_EQ(again->resumed(), changed.empty());
        ASSERT_TRUE(again->finish());
        for (const char* name : {"disks/a.raw", "base.raw"})
            EXPECT_EQ(server.at(std::string("work/") + name)->data,
                      server.at(std::string("template/") + name)->data);
        ASSERT_TRUE(files::remove_tree(nfs, nfs.root(), "work"));
    }
}

TEST_F(NewVmTest, a_file_of_the_shared_tree_stays_a_link) {
    put_template();
    files::MemoryServer shared;
    shared.put("base.raw", files::FileType::regular, "base");
    files::MemoryFiles shared_nfs(shared);
    server.at("template")->entries.erase("base.raw");
    server.put("template/base.raw", files::FileType::symlink, "/export/shared/base.raw");
    auto made = begin();
    ASSERT_TRUE(copy(*made, {&shared_nfs, "/export/shared"}));
    ASSERT_TRUE(made->finish());
    EXPECT_EQ(server.at("work/base.raw")->type, files::FileType::symlink);
    EXPECT_EQ(server.at("work/base.raw")->data, "/export/shared/base.raw");
}

TEST_F(NewVmTest, a_link_out_of_the_source_is_not_copied) {
    put_template();
    server.at("template")->entries.erase("base.raw");
    server.put("template/base.raw", files::FileType::symlink, "../secret");
    server.put("secret", files::FileType::regular, "geheim");
    auto made = begin();
    EXPECT_EQ(code_of(copy(*made)), "BERTH-C04");
}

TEST_F(NewVmTest, removing_a_vm_follows_no_link) {
    server.put("keep/x", files::FileType::regular, "x");
    server.put("work/a/b", files::FileType::regular, "x");
    server.put("work/link", files::FileType::symlink, "../keep");
    server.put(".removed-half", files::FileType::directory);
    ASSERT_TRUE(remove_vm(nfs, "work"));
    EXPECT_EQ(names(), (std::vector<std::string>{"keep"}));
    EXPECT_NE(server.at("keep/x"), nullptr);
}

TEST(VmName, is_one_part_of_utf8_that_is_not_hidden) {
    for (const char* good : {"work", "my vm", "ü", "-rf", "a.b"}) EXPECT_TRUE(check_vm_name(good)) << good;
    EXPECT_TRUE(check_vm_name(std::string(255, 'n')));
    for (const char* bad : {"", ".", "..", ".x", "a/b", "a\nb", "\xff", "\x7f"})
        EXPECT_EQ(code_of(check_vm_name(bad)), "BERTH-M36") << bad;
    EXPECT_FALSE(check_vm_name(std::string(256, 'n')));
}

}  // namespace
}  // namespace berth::guest
