// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/user_directory.h"

#include <algorithm>

#include "base/text.h"
#include "files/helper/files_helper.h"
#include "files/path_resolver.h"
#include "lock/protocol.h"

namespace berth::guest {
namespace {

constexpr std::string_view k_machine_file = "machine.toml";
constexpr size_t k_probe_size = 4096;
/// What needs no question for the server's limits: it answers a READ above its own with less (RFC
/// 1813 3.3.19), and a WRITE of so little every server takes.
constexpr uint32_t k_small_read = 64 * 1024;
constexpr size_t k_small_write = 4096;

bool unanswered(const Error& error) {
    return error.condition() == Condition::no_answer || error.condition() == Condition::cancelled;
}

class MountedDirectory final : public UserDirectory {
  public:
    MountedDirectory(std::shared_ptr<files::FileOps> user, std::shared_ptr<files::FileOps> shared,
                     std::string shared_directory, lock::LockTimes times, Clock& clock, Report& report,
                     std::vector<MountedServer> servers)
        : user_(std::move(user)),
          shared_(std::move(shared)),
          shared_directory_(std::move(shared_directory)),
          times_(times),
          clock_(clock),
          report_(report),
          servers_(std::move(servers)) {}

    std::vector<MountedServer> servers() const override { return servers_; }
    void finish_by(std::optional<BootTime> deadline) override {
        user_->set_deadline(deadline);
        if (shared_) shared_->set_deadline(deadline);
    }
    Result<std::vector<std::string>> list_vms() override;
    Status check_writable(const std::string& vm) override;
    Result<SpaceLeft> space_left() override;
    Result<FileFacts> facts(const std::string& vm, const std::string& path) override;
    Result<std::string> read(const std::string& vm, const std::string& path, size_t limit) override;
    Result<std::string> read_at(const std::string& vm, const std::string& path, uint64_t offset,
                                size_t length) override;
    Status replace(const std::string& vm, const std::string& path, std::string_view data,
                   const MayRename& may_rename) override;
    Result<std::optional<lock::LockHolder>> holder(const std::string& vm) override;
    Result<std::optional<lock::LockHolder>> holder_below(const std::string& vm, uint64_t epoch) override;
    Result<lock::TakenLock> lock(const std::string& vm, const lock::LockOwner& owner, bool may_break,
                                 const Intent& intent, const Waiting& waiting) override;
    Status release(const std::string& vm, uint64_t epoch, const std::string& nonce,
                   const std::vector<lock::ConfiguredDisk>& disks) override;
    Result<lock::Renewal> renew(const std::string& vm, uint64_t epoch, const std::string& nonce) override;

  private:
    /// Looks the folder of `vm` up by its name, and keeps it.
    Result<files::FileHandle> find(const std::string& vm);
    /// Runs `operation` in the folder that was last found under that name. If that folder cannot be used any
    /// more, or lacks what is wanted, the name is looked up anew.
    template <typename F>
    auto in_folder(const std::string& vm, F&& operation) -> std::invoke_result_t<F, const files::FileHandle&>;
    Result<files::Resolved> resolve(const std::string& vm, const std::string& path);
    Result<files::FileHandle> write_new(const files::FileHandle& directory, const std::string& name,
                                        std::string_view data);
    Status replace_in(const files::FileHandle& directory, const std::string& name, std::string_view data,
                      const MayRename& may_rename);
    /// Private files of earlier holders; `fresh` was just written by us, under the lock.
    void remove_what_others_left(const files::FileHandle& directory, const std::string& fresh);
    lock::LockProtocol protocol(const files::FileHandle& folder);

    std::shared_ptr<files::FileOps> user_, shared_;
    std::string shared_directory_;
    lock::LockTimes times_;
    Clock& clock_;
    Report& report_;
    std::vector<MountedServer> servers_;
    std::string kept_vm_;  ///< Empty: none.
    files::FileHandle kept_;
};

Result<files::FileHandle> MountedDirectory::find(const std::string& vm) {
    kept_vm_.clear();
    if (!is_plain_name(vm)) return fail(ErrorCode::C04, "\"{}\": must be the name of a directory", vm);
    auto found = BERTH_TRY(user_->lookup(user_->root(), vm));
    if (found.attributes.type != files::FileType::directory)
        return fail(ErrorCode::M09, "{} is not a directory", vm);
    kept_vm_ = vm;
    kept_ = found.handle;
    return kept_;
}

template <typename F>
auto MountedDirectory::in_folder(const std::string& vm, F&& operation)
    -> std::invoke_result_t<F, const files::FileHandle&> {
    if (vm.empty() || vm != kept_vm_) {
        auto found = BERTH_TRY(find(vm));
        return operation(found);
    }
    const files::FileHandle kept = kept_;
    auto result = operation(kept);
    const bool missing = failed_as(result, Condition::absent);
    if (!missing && !failed_as(result, Condition::stale)) return result;
    auto found = BERTH_TRY(find(vm));
    // Missing there as well: no need to ask twice.
    if (missing && found == kept) return result;
    return operation(found);
}

Result<files::Resolved> MountedDirectory::resolve(const std::string& vm, const std::string& path) {
    files::SharedTree tree;
    if (shared_) tree = {shared_.get(), shared_directory_};
    return in_folder(
        vm, [&](const files::FileHandle& folder) { return files::resolve_path(*user_, folder, tree, path); });
}

lock::LockProtocol MountedDirectory::protocol(const files::FileHandle& folder) {
    return lock::LockProtocol(*user_, folder, times_, clock_, report_);
}

Result<std::vector<std::string>> MountedDirectory::list_vms() {
    auto entries = BERTH_TRY(user_->list(user_->root()));
    std::vector<std::string> names;
    for (const auto& entry : entries) {
        if (entry.name.starts_with('.')) continue;
        auto folder = user_->lookup(user_->root(), entry.name);
        if (!folder && unanswered(folder.error())) return fail(folder.error());
        if (!folder || folder->attributes.type != files::FileType::directory) continue;
        auto file = user_->lookup(folder->handle, std::string(k_machine_file));
        if (!file && unanswered(file.error())) return fail(file.error());
        // One that may not be looked into is named all the same; reading it will say why it cannot run.
        if (!failed_as(file, Condition::absent)) names.push_back(entry.name);
    }
    std::ranges::sort(names);
    return names;
}

Result<files::FileHandle> MountedDirectory::write_new(const files::FileHandle& directory,
                                                      const std::string& name, std::string_view data) {
    size_t step = k_small_write;
    if (data.size() > step) {
        auto limits = BERTH_TRY(user_->limits());
        step = std::min<size_t>(limits.write, 256 * 1024);
    }
    auto file = user_->create(directory, name, 0600);
    if (!file) {
        // It may have been made all the same.
        if (failed_as(file, Condition::no_answer)) (void)user_->remove(directory, name);
        return file;
    }
    for (size_t at = 0; at < data.size(); at += step)
        if (auto written = user_->write_sync(*file, at, data.substr(at, step)); !written) {
            (void)user_->remove(directory, name);
            return fail(written.error());
        }
    return file;
}

Status MountedDirectory::check_writable(const std::string& vm) {
    // From here on the session uses the folder that has the name now, not the one that had it when the list was made.
    auto directory = BERTH_TRY(find(vm));
    const std::string name = ".check-" + lock::make_nonce();
    BERTH_TRY(write_new(directory, name, std::string(k_probe_size, 'x')));
    auto removed = user_->remove(directory, name);
    if (failed_as(removed, Condition::no_answer)) removed = user_->remove(directory, name);
    if (failed_as(removed, Condition::absent)) return {};
    return removed;
}

Result<SpaceLeft> MountedDirectory::space_left() {
    auto space = BERTH_TRY(user_->space());
    return SpaceLeft{space.bytes, space.files};
}

Result<FileFacts> MountedDirectory::facts(const std::string& vm, const std::string& path) {
    auto file = BERTH_TRY(resolve(vm, path));
    auto granted = file.ops->access(file.handle, files::k_access_read | files::k_access_modify);
    if (!granted) return fail(granted.error().with_prefix(path));
    return FileFacts{file.attributes.size, file.attributes.fileid,
                     file.attributes.type == files::FileType::regular, (*granted & files::k_access_read) != 0,
                     (*granted & files::k_access_modify) != 0};
}

Result<std::string> MountedDirectory::read(const std::string& vm, const std::string& path, size_t limit) {
    auto file = BERTH_TRY(resolve(vm, path));
    if (file.attributes.type != files::FileType::regular)
        return fail(ErrorCode::M09, "\"{}\" is not a regular file", path);
    uint32_t most = k_small_read;
    if (file.attributes.size > most) {
        auto limits = BERTH_TRY(file.ops->limits());
        most = limits.read;
    }
    std::string text;
    while (true) {
        auto part = file.ops->read(file.handle, text.size(), most);
        if (!part) return fail(part.error().with_prefix(path));
        text += *part;
        if (text.size() > limit) return fail(ErrorCode::C04, "\"{}\": larger than {} bytes", path, limit);
        // Less than was asked for is the end, unless the file is known to be longer: then the server cut it
        // short.
        const bool cut = part->size() < most;
        if (part->empty() || (cut && text.size() >= file.attributes.size)) return text;
    }
}

Result<std::string> MountedDirectory::read_at(const std::string& vm, const std::string& path, uint64_t offset,
                                              size_t length) {
    auto file = BERTH_TRY(resolve(vm, path));
    if (file.attributes.type != files::FileType::regular)
        return fail(ErrorCode::M09, "\"{}\" is not a regular file", path);
    auto limits = BERTH_TRY(file.ops->limits());
    std::string data;
    while (data.size() < length) {
        auto part = file.ops->read(file.handle, offset + data.size(),
                                   std::min<size_t>(limits.read, length - data.size()));
        if (!part) return fail(part.error().with_prefix(path));
        if (part->empty()) return fail(ErrorCode::M11, "\"{}\" ends before {}", path, offset + length);
        data += *part;
    }
    return data;
}

Status MountedDirectory::replace(const std::string& vm, const std::string& path, std::string_view data,
                                 const MayRename& may_rename) {
    const size_t slash = path.rfind('/');
    const std::string name = slash == path.npos ? path : path.substr(slash + 1);
    if (!is_plain_name(name)) return fail(ErrorCode::C04, "\"{}\": must name a file", path);
    const auto replaced = [&](const files::FileHandle& directory) {
        return replace_in(directory, name, data, may_rename);
    };
    Status done;
    if (slash == path.npos) {
        done = in_folder(vm, replaced);
    } else {
        auto found = BERTH_TRY(resolve(vm, path.substr(0, slash)));
        if (found.shared) return fail(ErrorCode::C04, "\"{}\": in the shared tree", path);
        done = replaced(found.handle);
        // Whoever takes the lock looks into the VM's own directory only.
        if (done) remove_what_others_left(found.handle, name);
    }
    return done ? done : fail(done.error().with_prefix(path));
}

void MountedDirectory::remove_what_others_left(const files::FileHandle& directory, const std::string& fresh) {
    auto entries = user_->list(directory);
    auto now = user_->lookup(directory, fresh);
    if (entries && now)
        lock::remove_left_behind(*user_, directory, lock::lock_names(*entries).private_files,
                                 now->attributes.mtime_ns);
}

Status MountedDirectory::replace_in(const files::FileHandle& directory, const std::string& name,
                                    std::string_view data, const MayRename& may_rename) {
    const std::string private_name = ".new-" + lock::make_nonce();
    auto file = BERTH_TRY(write_new(directory, private_name, data));
    if (Status may = may_rename(); !may) {
        (void)user_->remove(directory, private_name);
        return may;
    }
    auto renamed = user_->rename(directory, private_name, name);
    if (renamed) return {};
    // No answer: it is done if the name shows our file.
    auto now = user_->lookup(directory, name);
    if (now && now->handle == file) return {};
    (void)user_->remove(directory, private_name);
    return fail(renamed.error());
}

Result<std::optional<lock::LockHolder>> MountedDirectory::holder(const std::string& vm) {
    return in_folder(vm, [&](const files::FileHandle& folder) { return protocol(folder).holder(); });
}

Result<std::optional<lock::LockHolder>> MountedDirectory::holder_below(const std::string& vm,
                                                                       uint64_t epoch) {
    return in_folder(vm,
                     [&](const files::FileHandle& folder) { return protocol(folder).holder_below(epoch); });
}

Result<lock::TakenLock> MountedDirectory::lock(const std::string& vm, const lock::LockOwner& owner,
                                               bool may_break, const Intent& intent, const Waiting& waiting) {
    // The lock counts for the folder that has the name now; what follows is done in that one while it lasts.
    auto folder = BERTH_TRY(find(vm));
    return protocol(folder).take(owner, may_break, intent, waiting);
}

Status MountedDirectory::release(const std::string& vm, uint64_t epoch, const std::string& nonce,
                                 const std::vector<lock::ConfiguredDisk>& disks) {
    return in_folder(
        vm, [&](const files::FileHandle& folder) { return protocol(folder).release(epoch, nonce, disks); });
}

Result<lock::Renewal> MountedDirectory::renew(const std::string& vm, uint64_t epoch,
                                              const std::string& nonce) {
    return in_folder(vm,
                     [&](const files::FileHandle& folder) { return protocol(folder).renew(epoch, nonce); });
}

}  // namespace

std::unique_ptr<UserDirectory> user_directory_on(std::shared_ptr<files::FileOps> user,
                                                 std::shared_ptr<files::FileOps> shared,
                                                 std::string shared_directory, lock::LockTimes times,
                                                 Clock& clock, Report& report,
                                                 std::vector<MountedServer> servers) {
    return std::make_unique<MountedDirectory>(std::move(user), std::move(shared), std::move(shared_directory),
                                              times, clock, report, std::move(servers));
}

Result<std::unique_ptr<UserDirectory>> mount_user_directory(const MountOptions& options,
                                                            files::FilesHelper& files, Clock& clock,
                                                            Report& report) {
    auto user = BERTH_TRY(
        files.mount(options.location, options.credentials, options.call_timeout, options.interrupt));
    std::vector<MountedServer> servers{user->server()};
    std::shared_ptr<files::FileOps> shared;
    if (options.shared) {
        auto mounted =
            files.mount(*options.shared, options.credentials, options.call_timeout, options.interrupt);
        if (!mounted) return fail(mounted.error().with_prefix("shared files"));
        servers.push_back((*mounted)->server());
        shared = std::move(*mounted);
    }
    return user_directory_on(std::move(user), std::move(shared),
                             options.shared ? options.shared->directory : "", options.times, clock, report,
                             std::move(servers));
}

}  // namespace berth::guest
