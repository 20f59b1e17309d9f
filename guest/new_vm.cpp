// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/new_vm.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/plain_text.h"
#include "base/strict_json.h"
#include "base/text.h"
#include "files/remove_tree.h"
#include "lock/names.h"

namespace berth::guest {
namespace {

constexpr const char* k_making = ".making";
const JsonFormat k_format{
    .name = k_making,
    .code = ErrorCode::M35,
    .unknown = JsonFormat::refuse,
    .why = "outlives versions: how far another one got is not known, and the VM is made anew"};
constexpr const char* k_removed = ".removed-";
constexpr const char* k_machine_file = "machine.toml";
constexpr size_t k_max_state = 64 * 1024, k_max_machine_file = 1 << 20;
constexpr Duration k_save_every = std::chrono::seconds(5);

std::string hash_of(std::string_view text) {
    uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return fmt::format("{:016x}", hash);
}

/// Another when the file is another one or was written to.
std::string moment_of(const files::Attributes& a) {
    return fmt::format("{} {} {}", a.fileid, a.size, a.mtime_ns);
}

std::string private_prefix(const std::string& vm) {
    return ".new-" + hash_of(vm) + "-";
}

/// A name of this host that one process holds and that goes with it: an abstract socket, unix(7).
Result<UniqueFd> take_guard(const std::string& what, const std::string& vm) {
    UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "berth-make-" + hash_of(what);
    std::copy(name.begin(), name.end(), address.sun_path + 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        if (errno == EADDRINUSE) return fail(ErrorCode::M35, "\"{}\"", vm);
        return fail_errno("bind");
    }
    return fd;
}

Result<std::string> read_whole(files::FileOps& ops, const files::FileHandle& file, size_t limit) {
    std::string text;
    while (true) {
        auto part = BERTH_TRY(ops.read(file, text.size(), 256 * 1024));
        if (part.empty()) return text;
        text += part;
        if (text.size() > limit) return fail(ErrorCode::C04, "larger than {} bytes", limit);
    }
}

}  // namespace

Status check_vm_name(const std::string& name) {
    constexpr const char* k_right =
        "must be 1 to 255 bytes of UTF-8 without \"/\" and control characters, not beginning with \".\"";
    if (!is_plain_name(name) || name.starts_with('.') || !is_plain_text(name))
        return fail(ErrorCode::M36, "\"{}\" ({} bytes): {}", printable(name, 255), name.size(), k_right);
    return {};
}

Status remove_vm(files::FileOps& ops, const std::string& vm) {
    const std::string name = k_removed + lock::make_nonce();
    const Status renamed = ops.rename(ops.root(), vm, name);
    if (!renamed) {
        // No answer: it is done if the other name is there.
        auto now = ops.lookup(ops.root(), name);
        if (!now) return renamed;
    }
    BERTH_TRY(files::remove_tree(ops, ops.root(), name));
    // What an earlier removal did not get to the end of.
    if (auto entries = ops.list(ops.root()))
        for (const auto& entry : *entries)
            if (entry.name.starts_with(k_removed)) (void)files::remove_tree(ops, ops.root(), entry.name);
    return {};
}

Result<NewVm> NewVm::begin(files::FileOps& ops, const std::string& vm, const std::string& maker,
                           const std::string& origin, Clock& clock) {
    BERTH_TRY(check_vm_name(vm));
    NewVm made(ops, vm, origin, clock);
    made.private_name_ = private_prefix(vm) + hash_of(maker);
    auto there = ops.lookup(ops.root(), vm);
    if (there) return fail(ErrorCode::M34, "\"{}\"", vm);
    if (!failed_as(there, Condition::absent)) return fail(there.error());
    made.guard_ = BERTH_TRY(take_guard(ops.root() + made.private_name_, vm));

    auto before = ops.lookup(ops.root(), made.private_name_);
    if (!before && !failed_as(before, Condition::absent)) return fail(before.error());
    if (before && before->attributes.type == files::FileType::directory) {
        made.folder_ = before->handle;
        auto state = ops.lookup(made.folder_, k_making);
        auto text = state && state->attributes.type == files::FileType::regular
                        ? read_whole(ops, state->handle, k_max_state)
                        : Result<std::string>(fail(ErrorCode::M09));
        const Status read =
            !text ? Status(fail(text.error())) : read_json(*text, k_format, [&](JsonFields& fields) {
                fields.number("schema", 1, 1);
                made.resumed_ = fields.text("origin", 0, 4096) == origin;
                made.sources_ = fields.text("sources", 0, 16);
                const auto* files = fields.member("files");
                if (files == nullptr || !files->is_object())
                    return fields.fault("files", "must be an object");
                for (const auto& [name, done] : files->items())
                    if (const auto bytes = json_number(done, 0, UINT64_MAX)) made.done_[name] = *bytes;
            });
        made.resumed_ = made.resumed_ && read.has_value();
    }
    if (!made.resumed_) BERTH_TRY(made.start_anew(before.has_value()));
    return made;
}

Status NewVm::start_anew(bool remove) {
    resumed_ = false;
    done_.clear();
    if (remove) BERTH_TRY(files::remove_tree(ops_, ops_.root(), private_name_));
    folder_ = BERTH_TRY(ops_.make_directory(ops_.root(), private_name_, 0700));
    return save();
}

Status NewVm::made_from(const std::string& sources) {
    const std::string hash = hash_of(sources);
    if (sources_ == hash) return {};
    const bool other = !done_.empty();
    sources_ = hash;
    return other ? start_anew(/*remove=*/true) : save();
}

Status NewVm::save() {
    nlohmann::json files = nlohmann::json::object();
    for (const auto& [name, done] : done_) files[name] = done;
    const nlohmann::json state = {
        {"schema", 1}, {"origin", origin_}, {"sources", sources_}, {"files", files}};
    saved_ = clock_.now();
    return put(k_making, dump_json(state));
}

Result<files::FileHandle> NewVm::folder_of(const std::string& path, std::string& name) {
    files::FileHandle at = folder_;
    size_t begin = 0;
    for (size_t slash; (slash = path.find('/', begin)) != path.npos; begin = slash + 1) {
        const std::string part = path.substr(begin, slash - begin);
        auto found = ops_.lookup(at, part);
        if (found && found->attributes.type != files::FileType::directory)
            return fail(ErrorCode::M09, "{}: no folder", path);
        if (!found && !failed_as(found, Condition::absent)) return fail(found.error());
        auto folder = found ? Result<files::FileHandle>(found->handle) : ops_.make_directory(at, part, 0700);
        if (!folder) return folder;
        at = *folder;
    }
    name = path.substr(begin);
    return at;
}

Status NewVm::put(const std::string& path, std::string_view data) {
    std::string name;
    auto folder = BERTH_TRY(folder_of(path, name));
    const std::string fresh = ".put-" + lock::make_nonce();
    auto file = BERTH_TRY(ops_.create(folder, fresh, 0600));
    auto write = [&]() -> Status {
        constexpr size_t k_piece = 64 * 1024;
        for (size_t at = 0; at < data.size(); at += k_piece)
            BERTH_TRY(ops_.write_sync(file, at, data.substr(at, k_piece)));
        return ops_.rename(folder, fresh, name);
    };
    Status written = write();
    if (!written) (void)ops_.remove(folder, fresh);
    return written;
}

Status NewVm::link(const std::string& path, const std::string& target) {
    std::string name;
    auto folder = BERTH_TRY(folder_of(path, name));
    auto there = ops_.lookup(folder, name);
    if (there) BERTH_TRY(ops_.remove(folder, name));
    return ops_.symlink(folder, name, target);
}

Result<files::FileHandle> NewVm::file(const std::string& path) {
    std::string name;
    auto folder = BERTH_TRY(folder_of(path, name));
    auto there = ops_.lookup(folder, name);
    if (there && there->attributes.type == files::FileType::regular && done_.contains(path))
        return there->handle;
    if (there) BERTH_TRY(ops_.remove(folder, name));
    done_.erase(path);
    return ops_.create(folder, name, 0600);
}

uint64_t NewVm::done(const std::string& path) const {
    const auto it = done_.find(path);
    return it == done_.end() ? 0 : it->second;
}

Status NewVm::checkpoint(const std::string& path, const files::FileHandle& file, uint64_t done, bool now) {
    if (!now && clock_.now() - saved_ < k_save_every) return {};
    BERTH_TRY(ops_.commit(file));
    done_[path] = done;
    return save();
}

Status NewVm::finish() {
    auto there = ops_.lookup(ops_.root(), vm_);
    Status renamed = there ? Status(fail(ErrorCode::M13)) : ops_.rename(ops_.root(), private_name_, vm_);
    if (!renamed) {
        // No answer, or another was faster: whose folder is it?
        auto now = ops_.lookup(ops_.root(), vm_);
        if (!now) return renamed;
        if (now->handle != folder_) {
            BERTH_TRY(discard());
            return fail(ErrorCode::M34, "\"{}\"", vm_);
        }
    }
    (void)ops_.remove(folder_, k_making);  // it does no harm there
    if (auto entries = ops_.list(ops_.root()))
        for (const auto& entry : *entries)
            if (entry.name.starts_with(private_prefix(vm_)))
                (void)files::remove_tree(ops_, ops_.root(), entry.name);
    return {};
}

Status NewVm::discard() {
    return files::remove_tree(ops_, ops_.root(), private_name_);
}

Result<std::string> origin_of(files::FileOps& from, const files::FileHandle& source,
                              const std::string& name) {
    auto file = from.lookup(source, k_machine_file);
    if (!file) return fail(file.error().with_prefix(name));
    return fmt::format("{} {}", name, moment_of(file->attributes));
}

Status copy_vm(files::FileOps& from, const files::FileHandle& source, const files::SharedTree& shared,
               NewVm& made, files::FileOps& to, const PlanVmCopy& plan, const CopyProgress& progress,
               Clock& clock) {
    auto machine = BERTH_TRY(files::resolve_path(from, source, shared, k_machine_file));
    auto text = read_whole(*machine.ops, machine.handle, k_max_machine_file);
    if (!text) return fail(text.error().with_prefix(k_machine_file));
    auto planned = BERTH_TRY(plan(*text));
    std::vector<std::pair<std::string, bool>> files;
    for (const auto& path : planned.files) files.emplace_back(path, false);
    for (const auto& path : planned.optional) files.emplace_back(path, true);
    std::vector<std::pair<std::string, files::Resolved>> sources;
    std::string moment;
    for (const auto& [path, optional] : files) {
        auto file = files::resolve_path(from, source, shared, path);
        if (optional && failed_as(file, Condition::absent)) continue;
        if (!file) return fail(file.error());
        if (file->attributes.type != files::FileType::regular)
            return fail(ErrorCode::M09, "\"{}\" is not a regular file", path);
        moment += fmt::format("{} {}\n", path, moment_of(file->attributes));
        sources.emplace_back(path, *file);
    }
    BERTH_TRY(made.made_from(moment));
    for (const auto& [path, file] : sources) {
        if (file.shared) {
            auto link = from.lookup(source, path);
            if (!link || link->attributes.type != files::FileType::symlink)
                return fail(ErrorCode::C04,
                            "\"{}\": a link into the shared tree must be in the folder itself", path);
            auto target = BERTH_TRY(from.readlink(link->handle));
            BERTH_TRY(made.link(path, target));
            continue;
        }
        auto target = BERTH_TRY(made.file(path));
        const uint64_t size = file.attributes.size;
        const files::CopyStep step = [&](uint64_t done) -> Status {
            BERTH_TRY(progress(path, done, size));
            return made.checkpoint(path, target, done);
        };
        const uint64_t begin = std::min(made.done(path), size);
        BERTH_TRY(files::copy_file(*file.ops, file.handle, to, target, begin, size, step, clock));
    }
    // Changed while they were copied: the copy would be of no one moment.
    for (const auto& [path, file] : sources) {
        auto after = BERTH_TRY(file.ops->attributes(file.handle));
        if (moment_of(after) != moment_of(file.attributes)) return fail(ErrorCode::M37, "\"{}\"", path);
    }
    return made.put(k_machine_file, planned.text);
}

Status make_vm_from_template(const MountOptions& user, const NfsLocation& source, const std::string& vm,
                             const std::string& maker, const PlanVmCopy& plan, const CopyProgress& progress,
                             files::FilesHelper& files, Clock& clock, Report& report) {
    auto from = files.mount(source, user.credentials, user.call_timeout, user.interrupt);
    if (!from) return fail(from.error().with_prefix("template"));
    auto to = BERTH_TRY(files.mount(user.location, user.credentials, user.call_timeout, user.interrupt));
    std::unique_ptr<files::FileOps> shared;
    files::SharedTree tree;
    if (user.shared) {
        auto mounted = files.mount(*user.shared, user.credentials, user.call_timeout, user.interrupt);
        if (!mounted) return fail(mounted.error().with_prefix("shared files"));
        shared = std::move(*mounted);
        tree = {shared.get(), user.shared->directory};
    }
    auto origin = origin_of(**from, (*from)->root(), format_location(source));
    if (!origin) return fail(origin.error().with_prefix("template"));
    auto made = NewVm::begin(*to, vm, maker, *origin, clock);
    // Another maker was faster. What exists may also be a name of the making itself, of an attempt whose answer was lost.
    const auto somebody_made_it = [&] { return to->lookup(to->root(), vm).has_value(); };
    if (failed_as(made, Condition::exists) && somebody_made_it()) return {};
    if (!made) return fail(made.error());
    Status copied = copy_vm(**from, (*from)->root(), tree, *made, *to, plan, progress, clock);
    if (!copied) {
        // Without room nothing may stay that takes it; otherwise the next login continues it.
        if (failed_as(copied, Condition::full) || failed_as(copied, Condition::changed))
            (void)made->discard();
        return fail(copied.error().with_prefix("template"));
    }
    // A piece that was sent again may still arrive a first time: not into a disk that a guest has written to.
    files.wait_for_lost_writes(user.times.sweep_wait, clock);
    const Status finished = made->finish();
    if (failed_as(finished, Condition::exists) && somebody_made_it()) return {};
    BERTH_TRY(finished);
    report.event(Level::info, "virtual machine made from the template", {{"vm", vm}});
    return {};
}

}  // namespace berth::guest
