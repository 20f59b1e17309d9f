// SPDX-License-Identifier: GPL-3.0-or-later
// UserDirectory on a real NFSv3 server.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "tests/lib/ganesha_server.h"
#include "volume/lock_protocol.h"
#include "volume/nfs_session.h"
#include "volume/user_directory.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

void put(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
}

class UserDirectoryOnServer : public ::testing::Test {
 protected:
    UserDirectoryOnServer() {
        fs::create_directories(user() / "work");
        put(user() / "work/machine.toml", "cpus = 1\n");
        put(user() / "work/software.raw", std::string(8192, 's'));
        fs::create_directories(user() / "empty");
        fs::create_directories(user() / "alpha");
        put(user() / "alpha/machine.toml", "");
        own(user());
    }
    /// The tests' user on the server: 4711.
    static void own(const fs::path& path) {
        lchown(path.c_str(), 4711, 4711);
        for (const auto& e : fs::recursive_directory_iterator(path)) lchown(e.path().c_str(), 4711, 4711);
    }
    fs::path user() const { return server_.exported() / "ann"; }
    MountOptions options() const {
        MountOptions o{server_.location("ann"), server_.shared_location(), {4711, 4711, {4711}}};
        o.call_timeout = 5s;
        o.times = {100ms, 2000ms, 3000ms, 1000ms};
        return o;
    }
    std::unique_ptr<UserDirectory> mount() {
        auto mounted = mount_user_directory(options(), clock_, report_);
        EXPECT_TRUE(mounted) << mounted.error().to_log();
        return mounted ? std::move(*mounted) : nullptr;
    }
    static std::set<std::string> names(const fs::path& folder) {
        std::set<std::string> found;
        for (const auto& e : fs::directory_iterator(folder)) found.insert(e.path().filename());
        return found;
    }
    test::GaneshaServer server_;
    SystemClock clock_;
    RecordingReport report_;
    LockOwner berth1_{"m-1", "berth-1", "ann", "boot"}, berth2_{"m-2", "berth-2", "ann", "boot"};
};

TEST_F(UserDirectoryOnServer, lists_the_folders_that_hold_a_machine) {
    fs::create_directory_symlink("work", user() / "zlink");
    auto vms = mount()->list_vms();
    ASSERT_TRUE(vms) << vms.error().to_log();
    EXPECT_EQ(*vms, (std::vector<std::string>{"alpha", "work"}));
}

TEST_F(UserDirectoryOnServer, takes_and_releases_a_lock) {
    auto directory = mount();
    uint64_t announced = 0;
    auto taken = directory->lock("work", berth1_, false, [&](uint64_t epoch, const std::string&) { announced = epoch; return Status{}; }, nullptr);
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_EQ(taken->epoch, 1u);
    EXPECT_EQ(announced, 1u);
    EXPECT_FALSE(taken->broke);
    EXPECT_TRUE(names(user() / "work").contains("lock.1"));
    auto holder = directory->holder("work");
    ASSERT_TRUE(holder && *holder);
    EXPECT_EQ((*holder)->record.owner.host, "berth-1");
    auto released = directory->release("work", taken->epoch, taken->nonce);
    ASSERT_TRUE(released) << released.error().to_log();
    EXPECT_EQ(names(user() / "work"), (std::set<std::string>{"last-used.1", "machine.toml", "software.raw"}));
    auto again = directory->lock("work", berth1_, false, nullptr, nullptr);
    ASSERT_TRUE(again) << again.error().to_log();
    EXPECT_EQ(again->epoch, 2u);
    ASSERT_TRUE(again->predecessor);
    EXPECT_EQ(again->predecessor->record.nonce, taken->nonce);
    ASSERT_EQ(again->predecessor->disks.size(), 1u);
    EXPECT_EQ(again->predecessor->disks[0].name, "software.raw");
    EXPECT_EQ(again->predecessor->disks[0].size, 8192u);
}

}  // namespace
}  // namespace berth::volume
