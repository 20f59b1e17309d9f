// SPDX-License-Identifier: GPL-3.0-or-later
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "greeter/session/resources/locator.h"
#include "greeter/session/resources/session_resources.h"
#include "guest/machine_text.h"
#include "guest/swap.h"

namespace berth::session {
namespace {

using std::chrono::milliseconds;

class RealVolume final : public Volume {
  public:
    explicit RealVolume(volume::VolumeProcess process) : process_(std::move(process)) {}
    pid_t pid() const override { return process_.pid(); }
    uint64_t start_time() const override { return process_.start_time(); }
    int gone_fd() const override { return process_.pidfd(); }
    Status wait_ready(milliseconds timeout) override { return process_.wait_ready(timeout); }
    Result<volume::VolumeStatus> status() override { return process_.status(); }
    Result<int> watch_fd() override { return process_.watch_fd(); }
    Result<std::optional<volume::VolumeStatus>> next_status() override { return process_.next_status(); }
    Result<volume::Drained> stop(milliseconds timeout) override { return process_.stop(timeout); }
    void kill() override { process_.kill(); }
    void release() override { process_.release(); }

  private:
    volume::VolumeProcess process_;
};

class RealSessionResources final : public SessionResources {
  public:
    RealSessionResources(files::FilesProgram files, std::optional<gid_t> qemu_group,
                         RealSessionResourcesOptions options, Clock& clock, Report& report)
        : locate_(std::move(options.locate)),
          program_(std::move(options.volume)),
          files_(std::move(files), report),
          qemu_group_(qemu_group),
          screen_root_(std::move(options.screen_root)),
          qemu_user_(std::move(options.qemu_user)),
          screen_group_(std::move(options.screen_group)),
          guests_(std::move(options.guests), report),
          clock_(clock),
          report_(report) {}

    Result<NfsLocation> locate(const std::string& user, Duration limit) override {
        return locate_user(locate_, user, limit);
    }
    Result<std::unique_ptr<guest::UserDirectory>> mount(const guest::MountOptions& options) override {
        return guest::mount_user_directory(options, files_, clock_, report_);
    }
    std::optional<BootTime> write_lost() override { return files_.write_lost(); }
    Status keep_guests_from(const std::vector<MountedServer>& servers) override {
        return guests_.close(servers);
    }
    Status make_from_template(const guest::MountOptions& user, const NfsLocation& source,
                              const std::string& maker, const guest::CopyProgress& progress) override;
    Status check_swap_room(const std::string& folder, uint64_t bytes) override {
        return guest::check_swap_folder(folder, bytes);
    }
    Status make_swap(const guest::SwapSpec& spec, const std::string& path, guest::UserDirectory& directory,
                     const std::string& vm) override;
    Status delete_file(const std::string& path) override { return remove_file_durably(path); }
    Status make_run_dir(const std::string& path) override;
    Status remove_run_dir(const std::string& path) override;
    Result<std::string> make_screen_dir(const std::string& run_dir) override;
    Result<std::unique_ptr<Volume>> start_volume(const volume::VolumeConfig& config) override {
        auto process = BERTH_TRY(volume::VolumeProcess::start(config, program_));
        return std::make_unique<RealVolume>(std::move(process));
    }

  private:
    std::string screen_dir(const std::string& run_dir) const {
        return screen_root_ + "/" + std::filesystem::path(run_dir).filename().string();
    }

    LocateConfig locate_;
    volume::VolumeProgram program_;
    files::FilesHelper files_;
    std::optional<gid_t> qemu_group_;
    std::string screen_root_, qemu_user_, screen_group_;
    GuestFirewall guests_;
    Clock& clock_;
    Report& report_;
};

Status RealSessionResources::make_from_template(const guest::MountOptions& user, const NfsLocation& source,
                                                const std::string& maker,
                                                const guest::CopyProgress& progress) {
    const std::string name = source.directory.substr(source.directory.rfind('/') + 1);
    const guest::PlanVmCopy plan = [&](const std::string& text) {
        return guest::copy_machine_toml(text, name + "/machine.toml", guest::fresh_uuid(),
                                        guest::fresh_mac());
    };
    return guest::make_vm_from_template(user, source, name, maker, plan, progress, files_, clock_, report_);
}

Status RealSessionResources::make_swap(const guest::SwapSpec& spec, const std::string& path,
                                       guest::UserDirectory& directory, const std::string& vm) {
    std::optional<guest::SwapOwner> owner;
    if (program_.uid) owner = guest::SwapOwner{*program_.uid, program_.gid.value_or(0)};
    if (spec.content != guest::SwapContent::from_template)
        return guest::make_swap(path, spec, nullptr, owner);
    auto facts = BERTH_TRY(directory.facts(vm, spec.template_path));
    const guest::SwapTemplate source{.size = facts.size, .read = [&](uint64_t offset, size_t length) {
                                         return directory.read_at(vm, spec.template_path, offset, length);
                                     }};
    return guest::make_swap(path, spec, &source, owner);
}

Status RealSessionResources::make_run_dir(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (error) return fail(ErrorCode::I01, "make {}: {}", path, error.message());
    if (mkdir(path.c_str(), 0700) != 0) return fail_errno("make " + path);
    if (chown(path.c_str(), program_.uid.value_or(geteuid()),
              qemu_group_.value_or(program_.gid.value_or(getegid()))) != 0)
        return fail_errno("chown " + path);
    // The group is QEMU's, and what is made here gets it: QEMU opens the disks' socket and its variables by
    // name, and libvirt binds its console for it. Nobody but us and the volume engine puts anything here.
    if (chmod(path.c_str(), 02710) != 0) return fail_errno("chmod " + path);
    return {};
}

Result<std::string> RealSessionResources::make_screen_dir(const std::string& run_dir) {
    const std::string path = screen_dir(run_dir);
    const passwd* qemu = getpwnam(qemu_user_.c_str());
    if (qemu == nullptr) return fail(ErrorCode::I04, "user {} does not exist", qemu_user_);
    const uid_t owner = qemu->pw_uid;
    const group* viewer = getgrnam(screen_group_.c_str());
    if (viewer == nullptr) return fail(ErrorCode::I04, "group {} does not exist", screen_group_);
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (error) return fail(ErrorCode::I01, "make {}: {}", path, error.message());
    if (mkdir(path.c_str(), 0700) != 0) return fail_errno("make " + path);
    if (chown(path.c_str(), owner, viewer->gr_gid) != 0) return fail_errno("chown " + path);
    // QEMU makes its socket for its group, too (umask 002), which is the folder's.
    if (chmod(path.c_str(), 02750) != 0) return fail_errno("chmod " + path);
    return path;
}

Status RealSessionResources::remove_run_dir(const std::string& path) {
    Status removed;
    for (const std::string& folder : {path, screen_dir(path)}) {
        std::error_code error;
        std::filesystem::remove_all(folder, error);
        if (error && removed) removed = fail(ErrorCode::I01, "remove {}: {}", folder, error.message());
    }
    return removed;
}

}  // namespace

Result<std::unique_ptr<SessionResources>> real_session_resources(RealSessionResourcesOptions options,
                                                                 Clock& clock, Report& report) {
    std::optional<gid_t> qemu_group;
    if (!options.qemu_group.empty()) {
        const group* g = getgrnam(options.qemu_group.c_str());
        if (g == nullptr) return fail(ErrorCode::I04, "group {} does not exist", options.qemu_group);
        qemu_group = g->gr_gid;
        options.volume.groups = {g->gr_gid};
    }
    if (!options.volume_user.empty()) {
        const passwd* u = getpwnam(options.volume_user.c_str());
        if (u == nullptr) return fail(ErrorCode::I04, "user {} does not exist", options.volume_user);
        options.volume.uid = u->pw_uid;
        options.volume.gid = u->pw_gid;
    }
    auto files = BERTH_TRY(files::files_program(options.files_program, options.files_user));
    return std::make_unique<RealSessionResources>(std::move(files), qemu_group, std::move(options), clock,
                                                  report);
}

}  // namespace berth::session
