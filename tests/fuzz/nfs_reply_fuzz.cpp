// SPDX-License-Identifier: GPL-3.0-or-later
// Replies of a file server, recorded and mutated, to a real berth-files in its sandbox: it errs or dies, the
// program that asks lives. The first byte of an input says whether MOUNT is hostile, too (odd). Then comes a
// row of replies: a byte with the NFS procedure that it answers (and 0x80: all of it but the transaction's
// number, instead of the body behind a good head), 16 bits of length, and so many bytes. A procedure gets its
// replies in turn. tests/fuzz/record-nfs-replies made the corpus from a real server's.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "files/file_limits.h"
#include "files/helper/files_helper.h"
#include "tests/lib/fake_rpc_server.h"

namespace {

using namespace berth;
using namespace berth::files;

class Quiet final : public Report {
  public:
    void event(Level, std::string_view, const Fields&) override {}
};

void must(bool holds) {
    if (!holds) abort();
}

/// One server and one berth-files for all inputs; the latter is started anew when it died.
struct FuzzedServer {
    std::mutex mutex;
    std::map<uint32_t, std::deque<test::RpcAnswer>> answers;  ///< By procedure.
    bool hostile_mount = false;
    Quiet report;
    test::FakeRpcServer server{[this](uint32_t program, uint32_t procedure) {
        std::lock_guard lock(mutex);
        if (program == test::k_mount_program && !hostile_mount)
            return test::RpcAnswer{test::mount_reply("root")};
        auto& row = answers[program == test::k_mount_program ? 0 : procedure];
        if (row.empty()) return test::RpcAnswer{std::string(12, '\0')};
        test::RpcAnswer next = std::move(row.front());
        row.pop_front();
        return next;
    }};
    files::FilesHelper files{{BERTH_FILES, {}, {}}, report};

    Result<std::unique_ptr<files::FileOps>> mount(Duration timeout = std::chrono::seconds(10)) {
        return files.mount({"127.0.0.1", "/x", server.port(), server.port()}, {0, 0, {}}, timeout);
    }
};

void ask(files::FileOps& tree) {
    if (auto found = tree.lookup(tree.root(), "work")) must(files::possible_handle(found->handle));
    (void)tree.attributes("file");
    (void)tree.access("file", k_access_read);
    if (auto target = tree.readlink("link")) must(files::possible_link_target(*target));
    if (auto names = tree.list("folder"))
        for (const auto& entry : *names) must(files::possible_name(entry.name));
    if (auto bytes = tree.read("file", 0, 512)) must(bytes->size() <= 512);
    (void)tree.write_sync("file", 0, "data");
    if (auto made = tree.create("folder", "new", 0600)) must(files::possible_handle(*made));
    (void)tree.rename("folder", "a", "b");
    (void)tree.space();
    (void)tree.limits();
    (void)tree.commit("file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static FuzzedServer& fuzzed = *[] {
        auto* made = new FuzzedServer;
        // One that cannot even start would survive everything.
        must(made->mount().has_value());
        return made;
    }();
    if (size == 0) return 0;
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    {
        std::lock_guard lock(fuzzed.mutex);
        fuzzed.hostile_mount = (data[0] & 1) != 0;
        fuzzed.answers.clear();
        while (rest.size() >= 3) {
            const size_t length = std::min<size_t>(
                static_cast<unsigned char>(rest[1]) << 8 | static_cast<unsigned char>(rest[2]),
                rest.size() - 3);
            fuzzed.answers[rest[0] & 0x1f].push_back(
                {std::string(rest.substr(3, length)), (rest[0] & 0x80) != 0});
            rest.remove_prefix(3 + length);
        }
    }
    auto tree = fuzzed.mount(std::chrono::milliseconds(20));
    if (tree) ask(**tree);
    return 0;
}
