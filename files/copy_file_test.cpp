// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/copy_file.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_files.h"

namespace berth::files {
namespace {

struct CopyFile : ::testing::Test {
    CopyFile() {
        server.put("from", FileType::regular, data);
        server.put("to", FileType::regular);
        from = nfs.lookup(nfs.root(), "from")->handle;
        to = nfs.lookup(nfs.root(), "to")->handle;
    }
    Status copy(uint64_t begin = 0) {
        return copy_file(
            nfs, from, nfs, to, begin, data.size(),
            [this](uint64_t done) {
                steps.push_back(done);
                return stop ? Status(fail(ErrorCode::L05)) : Status{};
            },
            clock);
    }
    std::string data = std::string(200'000, 'a') + std::string(300'000, '\0') + std::string(70'001, 'b');
    MemoryServer server;
    Fault next = Fault::none;
    int faults = 0, writes = 0;
    MemoryFiles nfs{server, [this](std::string_view call, const std::string&) {
                        if (call == "WRITE") writes++;
                        return (call == "WRITE" || call == "COMMIT") && faults > 0 ? (faults--, next)
                                                                                   : Fault::none;
                    }};
    FileHandle from, to;
    FakeClock clock;
    std::vector<uint64_t> steps;
    bool stop = false;
};

TEST_F(CopyFile, copies_data_and_leaves_holes_unwritten) {
    ASSERT_TRUE(copy());
    EXPECT_EQ(server.at("to")->data, data);
    EXPECT_EQ(writes, 2);
    EXPECT_EQ(steps.back(), data.size());
}

TEST_F(CopyFile, goes_on_where_it_was) {
    server.at("to")->data = data.substr(0, 131072);
    ASSERT_TRUE(copy(131072));
    EXPECT_EQ(server.at("to")->data, data);
}

TEST_F(CopyFile, asks_again_while_no_answer_comes) {
    next = Fault::no_reply, faults = 5;
    ASSERT_TRUE(copy());
    EXPECT_EQ(server.at("to")->data, data);
}

TEST_F(CopyFile, gives_a_silent_server_up_in_the_end) {
    next = Fault::not_sent, faults = 1'000'000;
    EXPECT_EQ(code_of(copy()), "BERTH-M04");
}

TEST_F(CopyFile, sends_again_what_a_restarted_server_lost_before_its_commit) {
    struct Restarting final : public FileOps {
        explicit Restarting(CopyFile& t) : test(t) {}
        const FileHandle& root() const override { return test.nfs.root(); }
        Result<LookupReply> lookup(const FileHandle& d, const std::string& n) override {
            return test.nfs.lookup(d, n);
        }
        Result<Attributes> attributes(const FileHandle& f) override { return test.nfs.attributes(f); }
        Result<uint32_t> access(const FileHandle& f, uint32_t w) override { return test.nfs.access(f, w); }
        Result<std::string> readlink(const FileHandle& l) override { return test.nfs.readlink(l); }
        Result<std::vector<DirectoryEntry>> list(const FileHandle& d) override { return test.nfs.list(d); }
        Result<std::string> read(const FileHandle& f, uint64_t o, uint32_t c) override {
            return test.nfs.read(f, o, c);
        }
        Status write_sync(const FileHandle& f, uint64_t o, std::string_view d) override {
            return test.nfs.write_sync(f, o, d);
        }
        Result<FileHandle> create(const FileHandle& d, const std::string& n, uint32_t m) override {
            return test.nfs.create(d, n, m);
        }
        Status link(const FileHandle& f, const FileHandle& d, const std::string& n) override {
            return test.nfs.link(f, d, n);
        }
        Status rename(const FileHandle& d, const std::string& a, const std::string& b) override {
            return test.nfs.rename(d, a, b);
        }
        Status remove(const FileHandle& d, const std::string& n) override { return test.nfs.remove(d, n); }
        Result<Space> space() override { return test.nfs.space(); }
        Result<TransferLimits> limits() override { return test.nfs.limits(); }
        Result<FileHandle> make_directory(const FileHandle& d, const std::string& n, uint32_t m) override {
            return test.nfs.make_directory(d, n, m);
        }
        Status remove_directory(const FileHandle& d, const std::string& n) override {
            return test.nfs.remove_directory(d, n);
        }
        Status symlink(const FileHandle& d, const std::string& n, const std::string& t) override {
            return test.nfs.symlink(d, n, t);
        }
        Result<std::string> write(const FileHandle& f, uint64_t o, std::string_view d) override {
            return test.nfs.write(f, o, d);
        }
        Result<std::string> commit(const FileHandle& f) override {
            if (!restarted) {  // everything uncommitted is gone
                restarted = true;
                test.server.at("to")->data.assign(test.data.size(), '\0');
                test.nfs.verifier = "another";
            }
            return test.nfs.commit(f);
        }
        Status set_size(const FileHandle& f, uint64_t s) override { return test.nfs.set_size(f, s); }
        CopyFile& test;
        bool restarted = false;
    } restarting(*this);
    ASSERT_TRUE(
        copy_file(nfs, from, restarting, to, 0, data.size(), [](uint64_t) { return Status{}; }, clock));
    EXPECT_EQ(server.at("to")->data, data);
}

TEST_F(CopyFile, a_source_that_ends_early_is_an_error_and_a_step_can_end_it) {
    stop = true;
    EXPECT_EQ(code_of(copy()), "BERTH-L05");
    stop = false;
    server.at("from")->data.resize(100);
    EXPECT_EQ(code_of(copy()), "BERTH-M11");
}

TEST(DataRuns, are_cut_at_the_grain_and_hold_no_block_of_zeros) {
    std::string data(40, '\0');
    data[9] = 'x', data[20] = 'y', data[39] = 'z';
    std::vector<std::pair<size_t, size_t>> runs;
    ASSERT_TRUE(each_data_run(data, 8, [&](size_t at, std::string_view run) {
        runs.emplace_back(at, run.size());
        return Status{};
    }));
    EXPECT_EQ(runs, (std::vector<std::pair<size_t, size_t>>{{8, 16}, {32, 8}}));
}

}  // namespace
}  // namespace berth::files
