// SPDX-License-Identifier: GPL-3.0-or-later
// The folder of a volume process belongs to the volume engine's user: what that user puts there must not lead
// root anywhere.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/testing/code_of.h"
#include "volume/api/volume_process.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class RunFolder : public testing::Test {
  protected:
    RunFolder() {
        std::string name = "/tmp/berth-run-XXXXXX";
        base_ = mkdtemp(name.data());
        run_ = base_ / "s1";
        fs::create_directory(run_);
        std::ofstream(base_ / "secret") << "root:$6$secret\n";
    }
    ~RunFolder() override { fs::remove_all(base_); }

    /// A volume engine that does that in its folder and ends.
    VolumeProgram program(const std::string& commands) {
        const fs::path path = base_ / "program";
        std::ofstream(path) << "#!/bin/sh\ncd '" << run_.string() << "'\n" << commands << "\nexit 1\n";
        fs::permissions(path, fs::perms::owner_all);
        return {.program = path};
    }
    VolumeConfig config() const { return {.run_dir = run_, .nfs = {}, .vm = "work"}; }
    std::string secret() const { return read_file(base_ / "secret").value_or("gone"); }

    fs::path base_, run_;
};

TEST_F(RunFolder, log_that_became_a_link_is_not_read) {
    auto process = VolumeProcess::start(config(), program("rm volume.log; ln -s ../secret volume.log"));
    ASSERT_TRUE(process) << process.error().to_log();
    const auto ready = process->wait_ready(milliseconds(10'000));
    ASSERT_FALSE(ready);
    EXPECT_EQ(ready.error().detail().find("$6$"), std::string::npos) << ready.error().detail();
    EXPECT_NE(ready.error().detail().find("volume.log"), std::string::npos) << ready.error().detail();
}

TEST_F(RunFolder, names_that_are_taken_are_replaced_and_neither_written_nor_waited_for) {
    fs::create_symlink("../secret", run_ / "volume.log");
    fs::create_symlink("../secret", run_ / "volume.json");
    auto process = VolumeProcess::start(config(), program("echo told >&2"));
    ASSERT_TRUE(process) << process.error().to_log();
    const auto ready = process->wait_ready(milliseconds(10'000));
    ASSERT_FALSE(ready);
    EXPECT_NE(ready.error().detail().find("told"), std::string::npos) << ready.error().detail();
    EXPECT_EQ(secret(), "root:$6$secret\n");

    fs::remove(run_ / "volume.log");
    ASSERT_EQ(mkfifo((run_ / "volume.log").c_str(), 0666), 0);
    EXPECT_TRUE(VolumeProcess::start(config(), program("")));
}

TEST_F(RunFolder, control_socket_that_is_a_link_is_not_connected_to) {
    const fs::path other = base_ / "other";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, other.c_str());
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener.get(), 4), 0);
    fs::create_symlink(other, run_ / "control.sock");
    const auto control = VolumeControl::connect(run_);
    ASSERT_FALSE(control);
    EXPECT_EQ(code_of(control), "BERTH-V05");
}

}  // namespace
}  // namespace berth::volume
