// SPDX-License-Identifier: GPL-3.0-or-later
// A user's directory on a server whose ports the client must ask for: port 0 (RFC 1833). The port mapper is
// rpcbind, the server nfs-ganesha, which registers with it.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "base/spawn.h"
#include "guest/user_directory.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/lib/run_under.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class PortMapper : public ::testing::Test {
  protected:
    guest::MountOptions options() const {
        guest::MountOptions o{server_.location("ann"), server_.shared_location(), {4711, 4711, {4711}}};
        o.location.nfs_port = o.location.mount_port = 0;
        o.shared->nfs_port = o.shared->mount_port = 0;
        o.call_timeout = 5s;
        o.times = {100ms, 2000ms, 3000ms, 1000ms};
        return o;
    }
    PortMapper() {
        fs::create_directories(server_.exported() / "ann/work");
        std::ofstream(server_.exported() / "ann/work/machine.toml") << "cpus = 1\n";
        for (const char* path : {"ann", "ann/work", "ann/work/machine.toml"})
            EXPECT_EQ(chown((server_.exported() / path).c_str(), 4711, 4711), 0);
    }
    Result<std::unique_ptr<guest::UserDirectory>> mount() {
        return guest::mount_user_directory(options(), files_, clock_, report_);
    }
    static void forget(const char* program, const char* version) {
        SpawnOptions o;
        o.arguments = {"rpcinfo", "-d", program, version};
        auto done = run_checked(o, 10s);
        EXPECT_TRUE(done) << done.error().to_log();
    }

    test::GaneshaServer server_;
    SystemClock clock_;
    RecordingReport report_;
    files::FilesHelper files_{test::files_program(), report_};
};

TEST_F(PortMapper, tells_the_ports_for_a_mount_a_lock_and_a_read) {
    auto directory = mount();
    ASSERT_TRUE(directory) << directory.error().to_log();
    auto taken = (*directory)->lock("work", {"m-1", "berth-1", "ann", "boot"}, false, nullptr, nullptr);
    ASSERT_TRUE(taken) << taken.error().to_log();
    EXPECT_TRUE(fs::exists(server_.exported() / "ann/work/lock.1"));
    auto text = (*directory)->read("work", "machine.toml", 4096);
    ASSERT_TRUE(text) << text.error().to_log();
    EXPECT_EQ(*text, "cpus = 1\n");
    EXPECT_TRUE((*directory)->release("work", taken->epoch, taken->nonce, {}));
}

TEST_F(PortMapper, has_told_the_ports_that_guests_are_kept_from) {
    auto directory = mount();
    ASSERT_TRUE(directory) << directory.error().to_log();
    const auto server = server_.location();
    const MountedServer found{{server.server}, server.nfs_port, server.mount_port};
    EXPECT_EQ((*directory)->servers(), (std::vector{found, found})) << "the user's and the shared tree's";
}

TEST_F(PortMapper, is_asked_again_when_the_server_comes_back_on_other_ports) {
    const auto before = server_.location();
    ASSERT_TRUE(mount());
    server_.stop();
    fs::remove(server_.folder() / "state/ports");
    server_.start({});
    ASSERT_NE(server_.location().nfs_port, before.nfs_port);
    auto directory = mount();
    ASSERT_TRUE(directory) << directory.error().to_log();
    EXPECT_TRUE((*directory)->read("work", "machine.toml", 4096));
}

TEST_F(PortMapper, is_named_with_its_port_when_it_knows_no_mount_service) {
    // Ganesha registers version 1 too, and a port mapper that lacks the version asked for tells another's
    // port.
    forget("100005", "1");
    forget("100005", "3");
    auto directory = mount();
    ASSERT_FALSE(directory);
    EXPECT_EQ(code_of(directory), "BERTH-M05");
    EXPECT_NE(directory.error().to_user().find("127.0.0.1 port 111 knows no program 100005 version 3"),
              std::string::npos)
        << directory.error().to_user();
}

TEST_F(PortMapper, is_named_with_its_port_when_it_knows_no_nfs_service) {
    forget("100003", "3");
    auto directory = mount();
    ASSERT_FALSE(directory);
    EXPECT_EQ(code_of(directory), "BERTH-M05");
    EXPECT_NE(directory.error().to_user().find("127.0.0.1 port 111 knows no program 100003 version 3"),
              std::string::npos)
        << directory.error().to_user();
}

TEST_F(PortMapper, is_named_with_its_port_when_it_is_silent) {
    const pid_t rpcbind = std::stoi(getenv("BERTH_PORT_MAPPER"));
    ASSERT_EQ(kill(rpcbind, SIGSTOP), 0);
    guest::MountOptions o = options();
    o.call_timeout = 500ms;
    auto directory = guest::mount_user_directory(o, files_, clock_, report_);
    EXPECT_EQ(kill(rpcbind, SIGCONT), 0);
    ASSERT_FALSE(directory);
    EXPECT_EQ(code_of(directory), "BERTH-M04");
    EXPECT_NE(directory.error().to_user().find("127.0.0.1 port 111"), std::string::npos)
        << directory.error().to_user();
}

/// Another network namespace for this thread only, in which nothing listens.
void enter_empty_network() {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0) << strerror(errno);
    SpawnOptions o;
    o.arguments = {"/bin/sh", "-c",
                   "ip link set lo up && ip link add br0 type bridge && ip addr add 10.77.0.1/24 dev br0 && "
                   "ip link set br0 up"};
    auto done = run_checked(o, 10s);
    ASSERT_TRUE(done) << done.error().to_log();
}

TEST_F(PortMapper, is_named_with_its_port_when_it_is_absent) {
    std::thread([this] {
        ASSERT_NO_FATAL_FAILURE(enter_empty_network());
        auto directory = mount();
        ASSERT_FALSE(directory);
        EXPECT_EQ(code_of(directory), "BERTH-M02") << directory.error().to_user();
        EXPECT_NE(directory.error().to_user().find("port mapper: 127.0.0.1 port 111"), std::string::npos)
            << directory.error().to_user();
    }).join();
}

}  // namespace
}  // namespace berth::volume

int main(int argc, char** argv) {
    return berth::test::run_under(argc, argv, "BERTH_PORT_MAPPER", {"with-port-mapper"});
}
