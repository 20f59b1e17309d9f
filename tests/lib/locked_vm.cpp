// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/lib/locked_vm.h"

#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "files/local/local_ops.h"
#include "lock/protocol.h"
#include "tests/testing/recording_report.h"

namespace berth::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using volume::DiskMode;

namespace {

template <typename T>
T expect(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_log());
    return std::move(*result);
}

lock::TakenLock take(const fs::path& user) {
    auto files =
        expect(files::LocalOps::open(user.parent_path(), user.filename(), {geteuid(), getegid(), {}}));
    const auto directory = expect(files->lookup(files->root(), "work"));
    SystemClock clock;
    RecordingReport report;
    lock::LockProtocol protocol(*files, directory.handle, {}, clock, report);
    return expect(protocol.take({"m-1", "berth-1", "ann", "boot"}, false, nullptr, nullptr));
}

}  // namespace

LockedVm::LockedVm() {
    fs::create_directories(vm());
    std::ofstream(vm() / "machine.toml") << "cpus = 1\n";
    for (const auto& [disk, size] : {std::pair{"software", k_disk}, std::pair{"swap", k_swap}}) {
        std::ofstream(file(disk)).flush();
        fs::resize_file(file(disk), size);
    }
    std::ofstream(file("shared"), std::ios::binary) << std::string(k_shared, 'B');
    fs::create_symlink(file("shared"), vm() / "shared.raw");
    const lock::TakenLock lock = take(server.exported() / "ann");
    config.run_dir = server.folder() / "run";
    fs::create_directory(config.run_dir);
    config.nfs = server.location("ann");
    config.shared = server.shared_location();
    config.vm = "work";
    config.epoch = lock.epoch;
    config.nonce = lock.nonce;
    config.owner = "m-1";
    config.disks = {{"software", DiskMode::direct, "software.raw", false},
                    {"shared", DiskMode::shared, "shared.raw", true},
                    {"swap", DiskMode::local, file("swap"), false}};
    config.renew = 200ms;
    config.hold = 60s;
    config.request_timeout = 60s;
}

fs::path LockedVm::file(const std::string& disk) const {
    if (disk == "swap") return server.folder() / "swap.raw";
    return disk == "shared" ? server.shared() / "base.raw" : vm() / (disk + ".raw");
}

}  // namespace berth::test
