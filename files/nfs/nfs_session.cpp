// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/nfs_session.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "base/plain_text.h"
#include "base/text.h"
#include "files/file_limits.h"
#include "files/nfs/libnfs_raw.h"
#include "files/nfs/nfs_mount.h"
#include "files/nfs/nfs_status.h"
#include "files/nfs/rpc_call.h"

namespace berth::files {
namespace {

constexpr int k_nfs_program = 100003, k_nfs_version = 3;
constexpr uint32_t k_names_bytes = 32 * 1024;  // of one READDIR's answer

/// How often, and after which pause, a call that was refused is sent again.
struct Repeat {
    int times = 0;
    Duration pause{};
};
/// JUKEBOX says: not done, ask again later (RFC 1813 2.6).
constexpr Repeat k_later{20, std::chrono::milliseconds(500)};
/// A directory that is gone is STALE; RFC 1813 3.3.16 knows no NOENT for READDIR. nfs-ganesha says it when a
/// name that it was about to list has just been renamed or removed.
constexpr Repeat k_name_went{5, std::chrono::milliseconds(100)};

/// Empty: the server sent something that is not a handle. libnfs keeps a length of the wire as it came.
FileHandle handle_of(const nfs_fh3& fh) {
    if (fh.data.data_len == 0 || fh.data.data_len > k_longest_handle || fh.data.data_val == nullptr)
        return {};
    return {fh.data.data_val, fh.data.data_len};
}

char* name_of(const std::string& name) {
    return const_cast<char*>(name.c_str());
}

int64_t nanoseconds(const nfstime3& t) {
    return int64_t{t.seconds} * 1'000'000'000 + t.nseconds;
}

Attributes attributes_of(const fattr3& a) {
    Attributes out;
    out.type = a.type == NF3REG   ? FileType::regular
               : a.type == NF3DIR ? FileType::directory
               : a.type == NF3LNK ? FileType::symlink
                                  : FileType::other;
    out.mode = a.mode;
    out.size = a.size;
    out.fileid = a.fileid;
    out.mtime_ns = nanoseconds(a.mtime);
    out.ctime_ns = nanoseconds(a.ctime);
    out.uid = a.uid;
    out.gid = a.gid;
    return out;
}

/// Sends `args` by one of libnfs's functions.
template <typename Function, typename Args>
auto issued(Function function, Args& args) {
    return [function, &args](auto* rpc, auto cb, void* user) { return function(rpc, cb, &args, user); };
}

/// The status of a Reply.
template <typename Reply>
auto answer() {
    return [](void* data) { return static_cast<int>(static_cast<Reply*>(data)->status); };
}

/// The same; `take` gets what a good one brought.
template <typename Reply, typename Results, typename Take>
auto answer(Results Reply::* results, Take take) {
    return [results, take](void* data) {
        auto* reply = static_cast<Reply*>(data);
        if (reply->status == NFS3_OK) take((reply->*results).resok);
        return static_cast<int>(reply->status);
    };
}

}  // namespace

NfsSession::NfsSession(NfsLocation location, ServerAddresses addresses, NfsCredentials credentials,
                       Duration timeout, Interrupt interrupt)
    : location_(std::move(location)),
      addresses_(std::move(addresses)),
      credentials_(std::move(credentials)),
      timeout_(timeout),
      interrupt_(std::move(interrupt)) {}

Result<std::unique_ptr<NfsSession>> NfsSession::mount(const NfsLocation& location,
                                                      const NfsCredentials& credentials, Duration timeout,
                                                      Interrupt interrupt) {
    return mount(location, ServerAddresses(location.server), credentials, timeout, std::move(interrupt));
}

Result<std::unique_ptr<NfsSession>> NfsSession::mount(const NfsLocation& location,
                                                      const ServerAddresses& addresses,
                                                      const NfsCredentials& credentials, Duration timeout,
                                                      Interrupt interrupt, std::optional<BootTime> deadline) {
    std::unique_ptr<NfsSession> session(
        new NfsSession(location, addresses, credentials, timeout, std::move(interrupt)));
    session->set_deadline(deadline);
    BERTH_TRY(session->connect(session->end_of_operation()));
    return session;
}

Result<std::unique_ptr<NfsSession>> NfsSession::another() const {
    std::unique_ptr<NfsSession> session(
        new NfsSession(location_, addresses_, credentials_, timeout_, interrupt_));
    session->root_ = root_;
    BERTH_TRY(session->reach(session->end_of_operation()));
    return session;
}

BootTime NfsSession::end_of_operation() const {
    const BootTime end = SystemClock().now() + timeout_;
    return deadline_ ? std::min(end, *deadline_) : end;
}

Status NfsSession::connect(BootTime until) {
    if (credentials_.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} groups: at most {}", credentials_.groups.size(), k_max_groups);
    auto root =
        BERTH_TRY(mount_root(location_, addresses_, credentials_, until - SystemClock().now(), interrupt_));
    if (!root_.empty() && root.handle != root_)
        return fail(ErrorCode::M10, "{} is another directory than before", format_location(location_));
    if (root_.empty())
        root_ = std::move(root.handle);  // A call that waits for the connection points into it.
    mount_port_ = root.port;
    return reach(until);
}

Status NfsSession::reach(BootTime until) {
    uint16_t port = location_.nfs_port;
    if (port == 0)
        port = BERTH_TRY(RpcConnection::ask_port_mapper(addresses_, k_nfs_program, k_nfs_version,
                                                        until - SystemClock().now(), interrupt_));
    connection_ = BERTH_TRY(
        RpcConnection::connect(addresses_, port, credentials_, until - SystemClock().now(), interrupt_));
    nfs_port_ = port;
    connections_++;
    return {};
}

bool NfsSession::pause(Duration pause) const {
    SystemClock clock;
    const BootTime end = clock.now() + pause;
    bool watch = interrupt_.fd >= 0;
    while (clock.now() < end) {
        if (interrupt_.raised && interrupt_.raised()) return false;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now()).count();
        pollfd p{watch ? interrupt_.fd : -1, POLLIN, 0};
        if (poll(&p, 1, static_cast<int>(std::max<int64_t>(left, 0))) <= 0) continue;
        if (!interrupt_.raised) return false;
        watch = false;  // readable for another reason, unless `raised` says so above
    }
    return true;
}

void NfsSession::notice_loss() {
    if (!connected()) return;
    pollfd p{connection_->fd(), POLLIN, 0};
    if (poll(&p, 1, 0) > 0) connection_->service(p.revents);
}

Status NfsSession::ping() {
    return call(
        "NULL", [&](auto* rpc, auto cb, void* user) { return rpc_nfs3_null_async(rpc, cb, user); },
        [](void*) { return static_cast<int>(NFS3_OK); });
}

Status NfsSession::call_once(std::string_view what, const Issue& issue, const Take& take, Kind kind,
                             BootTime until, int& nfs_status) {
    SystemClock clock;
    if (!connected()) BERTH_TRY(connect(until));
    std::string text;
    const CallEnd end =
        run_call(*connection_, issue, take, until - clock.now(), interrupt_, nfs_status, text);
    if (kind == Kind::write && (end == CallEnd::lost || end == CallEnd::interrupted)) lost_writes_++;
    switch (end) {
        case CallEnd::lost:
            return fail(ErrorCode::M04, "{}: no answer to {} within {} s", location_.server, what,
                        std::chrono::duration_cast<std::chrono::seconds>(timeout_).count());
        case CallEnd::interrupted:
            return fail(ErrorCode::L05, "{}: while {} was waited for", location_.server, what);
        case CallEnd::refused:
            return fail(ErrorCode::M06, "{}: {}: {}", location_.server, what, text);
        case CallEnd::answered:
            break;
    }
    return {};
}

Status NfsSession::call(std::string_view what, const Issue& issue, const Take& take, Kind kind) {
    SystemClock clock;
    const BootTime until = end_of_operation();
    if (clock.now() >= until) return fail(ErrorCode::M04, "{}: no time left for {}", location_.server, what);
    for (int tries = 0;; tries++) {
        int status = 0;
        BERTH_TRY(call_once(what, issue, take, kind, until, status));
        if (status == NFS3_OK) return {};
        Repeat repeat;
        if (status == NFS3ERR_JUKEBOX) repeat = k_later;
        if (status == NFS3ERR_NOENT && kind == Kind::listing) repeat = k_name_went;
        if (tries >= repeat.times || clock.now() + repeat.pause >= until)
            return fail(nfs_error_code(status), "server {}, {}: {}", location_.server, what,
                        nfs_status_name(status));
        if (!pause(repeat.pause)) return fail(ErrorCode::L05, "{}: {}", location_.server, what);
    }
}

std::unexpected<Error> NfsSession::impossible(std::string_view what) const {
    return fail(ErrorCode::M11, "server {}: {} is not one that NFSv3 knows", location_.server, what);
}

Result<LookupReply> NfsSession::lookup(const FileHandle& directory, const std::string& name) {
    LOOKUP3args args{};
    args.what = {fh_of(directory), name_of(name)};
    LookupReply found;
    bool complete = false;
    BERTH_TRY(call("LOOKUP " + printable(name, 255), issued(rpc_nfs3_lookup_async, args),
                   answer(&LOOKUP3res::LOOKUP3res_u, [&](auto& ok) {
                       found.handle = handle_of(ok.object);
                       complete = ok.obj_attributes.attributes_follow;
                       if (complete)
                           found.attributes = attributes_of(ok.obj_attributes.post_op_attr_u.attributes);
                   })));
    if (found.handle.empty()) return impossible("a file handle");
    if (!complete) found.attributes = BERTH_TRY(attributes(found.handle));
    return found;
}

Result<Attributes> NfsSession::attributes(const FileHandle& file) {
    GETATTR3args args{fh_of(file)};
    Attributes found;
    BERTH_TRY(call(
        "GETATTR", issued(rpc_nfs3_getattr_async, args),
        answer(&GETATTR3res::GETATTR3res_u, [&](auto& ok) { found = attributes_of(ok.obj_attributes); })));
    return found;
}

Result<uint32_t> NfsSession::access(const FileHandle& file, uint32_t wanted) {
    ACCESS3args args{fh_of(file), wanted};
    uint32_t granted = 0;
    BERTH_TRY(call("ACCESS", issued(rpc_nfs3_access_async, args),
                   answer(&ACCESS3res::ACCESS3res_u, [&](auto& ok) { granted = ok.access; })));
    return granted & wanted;
}

Result<std::string> NfsSession::readlink(const FileHandle& link) {
    READLINK3args args{fh_of(link)};
    std::string target;
    BERTH_TRY(call("READLINK", issued(rpc_nfs3_readlink_async, args),
                   answer(&READLINK3res::READLINK3res_u, [&](auto& ok) {
                       if (ok.data) target = ok.data;
                   })));
    if (!possible_link_target(target)) return impossible("a link's target");
    return target;
}

Result<std::vector<DirectoryEntry>> NfsSession::list(const FileHandle& directory) {
    return whole_list(
        [&](uint64_t cookie, uint64_t verifier) { return list_part(directory, cookie, verifier); });
}

Result<NamesPart> NfsSession::list_part(const FileHandle& directory, uint64_t cookie, uint64_t verifier) {
    NamesPart part;
    READDIR3args args{};
    args.dir = fh_of(directory);
    args.count = k_names_bytes;
    args.cookie = part.cookie = cookie;
    std::memcpy(args.cookieverf, &verifier, sizeof args.cookieverf);
    bool possible = true;
    const auto take = [&](auto& ok) {
        std::memcpy(&part.verifier, ok.cookieverf, sizeof part.verifier);
        // libnfs packs its answers without regard to alignment.
        entry3 entry{};
        for (const void* e = ok.reply.entries; e && possible; e = entry.nextentry) {
            std::memcpy(&entry, e, sizeof entry);
            part.cookie = entry.cookie;
            part.seen++;
            const std::string_view name = entry.name ? entry.name : "";
            possible = possible_name(name) && part.seen <= k_names_bytes;
            if (name != "." && name != "..") part.names.push_back({std::string(name), entry.fileid});
        }
        part.end = ok.reply.eof;
    };
    BERTH_TRY(call("READDIR", issued(rpc_nfs3_readdir_async, args), answer(&READDIR3res::READDIR3res_u, take),
                   Kind::listing));
    if (!possible) return impossible("a name in a directory");
    return part;
}

Result<std::string> NfsSession::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    READ3args args{fh_of(file), offset, count};
    std::string bytes;
    bool possible = true;
    BERTH_TRY(call("READ", issued(rpc_nfs3_read_async, args), answer(&READ3res::READ3res_u, [&](auto& ok) {
                       possible = ok.data.data_len <= count &&
                                  (ok.data.data_len == 0 || ok.data.data_val != nullptr);
                       if (possible) bytes.assign(ok.data.data_val, ok.data.data_len);
                   })));
    if (!possible) return impossible("more data than were asked for");
    return bytes;
}

Status NfsSession::write_sync(const FileHandle& file, uint64_t offset, std::string_view data) {
    size_t written = 0;
    while (written < data.size()) {
        WRITE3args args{};
        args.file = fh_of(file);
        args.offset = offset + written;
        args.count = args.data.data_len = data.size() - written;
        args.stable = FILE_SYNC;
        args.data.data_val = const_cast<char*>(data.data() + written);
        uint32_t count = 0;
        bool stable = true;
        BERTH_TRY(call("WRITE", issued(rpc_nfs3_write_async, args),
                       answer(&WRITE3res::WRITE3res_u,
                              [&](auto& ok) {
                                  count = ok.count;
                                  stable = ok.committed == FILE_SYNC;
                              }),
                       Kind::write));
        if (!stable || count == 0 || count > args.count)
            return fail(ErrorCode::M11, "server {}: WRITE was not done as asked", location_.server);
        written += count;
    }
    return {};
}

Result<FileHandle> NfsSession::create(const FileHandle& directory, const std::string& name, uint32_t mode) {
    CREATE3args args{};
    args.where = {fh_of(directory), name_of(name)};
    args.how.mode = GUARDED;
    args.how.createhow3_u.g_obj_attributes.mode.set_it = 1;
    args.how.createhow3_u.g_obj_attributes.mode.set_mode3_u.mode = mode;
    FileHandle made;
    BERTH_TRY(call("CREATE " + name, issued(rpc_nfs3_create_async, args),
                   answer(&CREATE3res::CREATE3res_u, [&](auto& ok) {
                       if (ok.obj.handle_follows) made = handle_of(ok.obj.post_op_fh3_u.handle);
                   })));
    if (!made.empty()) return made;
    return BERTH_TRY(lookup(directory, name)).handle;
}

Status NfsSession::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    LINK3args args{fh_of(file), {fh_of(directory), name_of(name)}};
    return call("LINK " + name, issued(rpc_nfs3_link_async, args), answer<LINK3res>());
}

Status NfsSession::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    RENAME3args args{{fh_of(directory), name_of(from)}, {fh_of(directory), name_of(to)}};
    return call("RENAME " + from, issued(rpc_nfs3_rename_async, args), answer<RENAME3res>());
}

Status NfsSession::remove(const FileHandle& directory, const std::string& name) {
    REMOVE3args args{{fh_of(directory), name_of(name)}};
    return call("REMOVE " + name, issued(rpc_nfs3_remove_async, args), answer<REMOVE3res>());
}

Result<Space> NfsSession::space() {
    FSSTAT3args args{fh_of(root_)};
    Space left;
    BERTH_TRY(call("FSSTAT", issued(rpc_nfs3_fsstat_async, args),
                   answer(&FSSTAT3res::FSSTAT3res_u, [&](auto& ok) { left = {ok.abytes, ok.afiles}; })));
    return left;
}

Result<FileHandle> NfsSession::make_directory(const FileHandle& directory, const std::string& name,
                                              uint32_t mode) {
    MKDIR3args args{};
    args.where = {fh_of(directory), name_of(name)};
    args.attributes.mode.set_it = 1;
    args.attributes.mode.set_mode3_u.mode = mode;
    FileHandle made;
    BERTH_TRY(call("MKDIR " + name, issued(rpc_nfs3_mkdir_async, args),
                   answer(&MKDIR3res::MKDIR3res_u, [&](auto& ok) {
                       if (ok.obj.handle_follows) made = handle_of(ok.obj.post_op_fh3_u.handle);
                   })));
    if (!made.empty()) return made;
    return BERTH_TRY(lookup(directory, name)).handle;
}

Status NfsSession::remove_directory(const FileHandle& directory, const std::string& name) {
    RMDIR3args args{{fh_of(directory), name_of(name)}};
    return call("RMDIR " + name, issued(rpc_nfs3_rmdir_async, args), answer<RMDIR3res>());
}

Status NfsSession::symlink(const FileHandle& directory, const std::string& name, const std::string& target) {
    SYMLINK3args args{};
    args.where = {fh_of(directory), name_of(name)};
    args.symlink.symlink_data = name_of(target);
    return call("SYMLINK " + name, issued(rpc_nfs3_symlink_async, args), answer<SYMLINK3res>());
}

Result<std::string> NfsSession::write(const FileHandle& file, uint64_t offset, std::string_view data) {
    const auto most = BERTH_TRY(limits());
    std::string verifier;
    for (size_t written = 0; written < data.size();) {
        WRITE3args args{};
        args.file = fh_of(file);
        args.offset = offset + written;
        args.count = args.data.data_len = std::min<size_t>(most.write, data.size() - written);
        args.stable = UNSTABLE;
        args.data.data_val = const_cast<char*>(data.data() + written);
        uint32_t count = 0;
        std::string now;
        BERTH_TRY(call("WRITE", issued(rpc_nfs3_write_async, args),
                       answer(&WRITE3res::WRITE3res_u,
                              [&](auto& ok) {
                                  count = ok.count;
                                  now.assign(ok.verf, NFS3_WRITEVERFSIZE);
                              }),
                       Kind::write));
        if (count == 0 || count > args.count)
            return fail(ErrorCode::M11, "server {}: WRITE was not done as asked", location_.server);
        if (!verifier.empty() && now != verifier)
            return fail(ErrorCode::M10, "server {} was restarted", location_.server);
        verifier = now;
        written += count;
    }
    return verifier;
}

Result<std::string> NfsSession::commit(const FileHandle& file) {
    COMMIT3args args{fh_of(file), 0, 0};
    std::string verifier;
    BERTH_TRY(call(
        "COMMIT", issued(rpc_nfs3_commit_async, args),
        answer(&COMMIT3res::COMMIT3res_u, [&](auto& ok) { verifier.assign(ok.verf, NFS3_WRITEVERFSIZE); })));
    return verifier;
}

Status NfsSession::set_size(const FileHandle& file, uint64_t size) {
    SETATTR3args args{};
    args.object = fh_of(file);
    args.new_attributes.size.set_it = 1;
    args.new_attributes.size.set_size3_u.size = size;
    return call("SETATTR", issued(rpc_nfs3_setattr_async, args), answer<SETATTR3res>());
}

Result<TransferLimits> NfsSession::limits() {
    if (limits_) return *limits_;
    FSINFO3args args{fh_of(root_)};
    TransferLimits limits;
    BERTH_TRY(call("FSINFO", issued(rpc_nfs3_fsinfo_async, args),
                   answer(&FSINFO3res::FSINFO3res_u, [&](auto& ok) { limits = {ok.rtmax, ok.wtmax}; })));
    // libnfs 4.0 refuses replies larger than 1 MiB; a server that says 0 is not believed.
    auto usable = [](uint32_t n) { return std::clamp<uint32_t>(n, 4096, 1 << 20); };
    limits_ = {usable(limits.read), usable(limits.write)};
    return *limits_;
}

}  // namespace berth::files
