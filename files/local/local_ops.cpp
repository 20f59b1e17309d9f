// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/local/local_ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace berth::files {
namespace {

constexpr size_t k_max_names = 100'000;
constexpr size_t k_open_handles = 512;
/// A server of this host is never started again between write and commit.
constexpr const char* k_verifier = "local";

/// The calling thread's file operations are the user's while it lives. The raw system calls count for one
/// thread; libc's setgroups(3) would change all.
class AsUser {
  public:
    explicit AsUser(const NfsCredentials& user) : active_(geteuid() == 0 && user.uid != 0) {
        if (!active_) return;
        groups_.resize(NGROUPS_MAX);
        groups_.resize(static_cast<size_t>(std::max(0, getgroups(NGROUPS_MAX, groups_.data()))));
        std::vector<gid_t> theirs(user.groups.begin(), user.groups.end());
        syscall(SYS_setgroups, theirs.size(), theirs.data());
        setfsgid(user.gid);
        setfsuid(user.uid);
    }
    ~AsUser() {
        if (!active_) return;
        setfsuid(0);
        setfsgid(getegid());
        syscall(SYS_setgroups, groups_.size(), groups_.data());
    }
    AsUser(const AsUser&) = delete;
    AsUser& operator=(const AsUser&) = delete;

  private:
    bool active_;
    std::vector<gid_t> groups_;
};

std::string proc_path(int fd) {
    return fmt::format("/proc/self/fd/{}", fd);
}

int64_t nanoseconds(const timespec& t) {
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

Attributes attributes_of(const struct stat& s) {
    Attributes a;
    a.type = S_ISREG(s.st_mode)   ? FileType::regular
             : S_ISDIR(s.st_mode) ? FileType::directory
             : S_ISLNK(s.st_mode) ? FileType::symlink
                                  : FileType::other;
    a.mode = s.st_mode & 07777;
    a.size = static_cast<uint64_t>(s.st_size);
    a.fileid = s.st_ino;
    a.mtime_ns = nanoseconds(s.st_mtim);
    a.ctime_ns = nanoseconds(s.st_ctim);
    return a;
}

Status plain(const std::string& name) {
    if (is_plain_name(name)) return {};
    return fail(ErrorCode::M09, "\"{}\": must be one part of a path, at most 255 bytes", name);
}

}  // namespace

std::unexpected<Error> fail_file(int error_number, std::string_view what) {
    ErrorCode code = ErrorCode::M11;
    switch (error_number) {
        case EPERM:
        case EACCES:
            code = ErrorCode::M06;
            break;
        case ENOENT:
        case ENOTDIR:
        case ELOOP:
            code = ErrorCode::M09;
            break;
        case EROFS:
            code = ErrorCode::M03;
            break;
        case ENOSPC:
            code = ErrorCode::M07;
            break;
        case EDQUOT:
            code = ErrorCode::M08;
            break;
        case EEXIST:
            code = ErrorCode::M13;
            break;
        case ESTALE:
            code = ErrorCode::M10;
            break;
        default:
            break;
    }
    return fail(code, "{}: {}", what, std::strerror(error_number));
}

LocalOps::LocalOps(UniqueFd root, NfsCredentials credentials) : credentials_(std::move(credentials)) {
    struct stat s{};
    (void)fstat(root.get(), &s);
    device_ = s.st_dev;
    root_ = fmt::format("{}:{}", s.st_dev, s.st_ino);
    root_fd_ = std::move(root);
}

LocalOps::~LocalOps() = default;

Result<std::unique_ptr<LocalOps>> LocalOps::open(const std::string& directory, const std::string& user,
                                                 const NfsCredentials& credentials) {
    if (geteuid() != 0 && geteuid() != credentials.uid)
        return fail(ErrorCode::M06, "{}: only root can work for uid {}", directory, credentials.uid);
    UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail_file(errno, directory);
    if (!user.empty()) {
        BERTH_TRY(plain(user));
        UniqueFd below(openat(root.get(), user.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!below) return fail_file(errno, directory + "/" + user);
        root = std::move(below);
    }
    return std::unique_ptr<LocalOps>(new LocalOps(std::move(root), credentials));
}

Result<FileHandle> LocalOps::keep(UniqueFd fd) {
    struct stat s{};
    if (fstat(fd.get(), &s) != 0) return fail_file(errno, "fstat");
    FileHandle handle = fmt::format("{}:{}", s.st_dev, s.st_ino);
    if (handle == root_) return handle;
    if (const auto it = open_.find(handle); it != open_.end()) {
        touch(it->second);
        return handle;
    }
    open_.emplace(handle, Open{std::move(fd), order_.insert(order_.end(), handle)});
    if (order_.size() > k_open_handles) {
        open_.erase(order_.front());
        order_.pop_front();
    }
    return handle;
}

Result<int> LocalOps::fd_of(const FileHandle& handle) {
    if (handle == root_) return root_fd_.get();
    const auto it = open_.find(handle);
    if (it == open_.end()) return fail(ErrorCode::M10, "a file that is open no more");
    touch(it->second);
    return it->second.fd.get();
}

void LocalOps::touch(Open& open) {
    order_.splice(order_.end(), order_, open.at);
}

Status LocalOps::sync_folder(int folder) {
    if (deferred_) return {};
    UniqueFd fd(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) return fail_file(errno, "fsync of a folder");
    return {};
}

Status LocalOps::sync() {
    const auto root = BERTH_TRY(fd_of(root_));
    UniqueFd fd(openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || syncfs(fd.get()) != 0) return fail_file(errno, "syncfs");
    return {};
}

Result<LookupReply> LocalOps::lookup(const FileHandle& directory, const std::string& name) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    const AsUser as(credentials_);
    UniqueFd fd(openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail_file(errno, name);
    struct stat s{};
    if (fstat(fd.get(), &s) != 0) return fail_file(errno, name);
    auto handle = BERTH_TRY(keep(std::move(fd)));
    return LookupReply{handle, attributes_of(s)};
}

Result<Attributes> LocalOps::attributes(const FileHandle& file) {
    const auto fd = BERTH_TRY(fd_of(file));
    struct stat s{};
    if (fstat(fd, &s) != 0) return fail_file(errno, "fstat");
    return attributes_of(s);
}

Result<uint32_t> LocalOps::access(const FileHandle& file, uint32_t wanted) {
    const auto fd = BERTH_TRY(fd_of(file));
    const AsUser as(credentials_);
    // The system call and not libc's, which asks for the real uid on some paths: fsuid is the user.
    const auto may = [&](int mode) {
        return syscall(SYS_faccessat2, fd, "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0;
    };
    uint32_t granted = 0;
    if (may(R_OK)) granted |= k_access_read;
    if (may(X_OK)) granted |= k_access_lookup;
    if (may(W_OK)) granted |= k_access_modify | k_access_extend;
    return granted & wanted;
}

Result<std::string> LocalOps::readlink(const FileHandle& link) {
    const auto fd = BERTH_TRY(fd_of(link));
    std::string target(PATH_MAX, '\0');
    const ssize_t n = readlinkat(fd, "", target.data(), target.size());
    if (n < 0) return fail_file(errno, "readlink");
    target.resize(static_cast<size_t>(n));
    return target;
}

Result<std::vector<DirectoryEntry>> LocalOps::list(const FileHandle& directory) {
    const auto folder = BERTH_TRY(fd_of(directory));
    const AsUser as(credentials_);
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_file(errno, "list a folder");
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
    if (!stream) return fail_file(errno, "list a folder");
    std::vector<DirectoryEntry> entries;
    errno = 0;
    while (const dirent* e = readdir(stream.get())) {
        const std::string_view name = e->d_name;
        if (name != "." && name != "..") entries.push_back({std::string(name), e->d_ino});
        if (entries.size() > k_max_names)
            return fail(ErrorCode::M11, "a directory of more than {} names", k_max_names);
        errno = 0;
    }
    if (errno != 0) return fail_file(errno, "list a folder");
    return entries;
}

Result<UniqueFd> LocalOps::open_file(const FileHandle& file, int flags) {
    const auto fd = BERTH_TRY(fd_of(file));
    struct stat s{};
    if (fstat(fd, &s) != 0) return fail_file(errno, "fstat");
    if (!S_ISREG(s.st_mode)) return fail(ErrorCode::M09, "not a regular file");
    const AsUser as(credentials_);
    // The magic link leads to the very file that is open, whatever has its name now.
    UniqueFd opened(::open(proc_path(fd).c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!opened) return fail_file(errno, "open");
    return opened;
}

Result<std::string> LocalOps::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    auto fd = BERTH_TRY(open_file(file, O_RDONLY));
    std::string bytes(count, '\0');
    const auto have = read_at(fd.get(), bytes, offset);
    if (!have) return fail_file(errno, "read");
    bytes.resize(*have);
    return bytes;
}

Status LocalOps::write_sync(const FileHandle& file, uint64_t offset, std::string_view data) {
    auto fd = BERTH_TRY(open_file(file, O_WRONLY));
    if (!write_at(fd.get(), data, offset)) return fail_file(errno, "write");
    if (!deferred_ && fdatasync(fd.get()) != 0) return fail_file(errno, "fdatasync");
    return {};
}

Result<FileHandle> LocalOps::create(const FileHandle& directory, const std::string& name, uint32_t mode) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        UniqueFd fd(openat(folder, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode));
        if (!fd) return fail_file(errno, name);
        if (fchmod(fd.get(), mode) != 0) return fail_file(errno, name);  // whatever the umask is
    }
    BERTH_TRY(sync_folder(folder));
    return BERTH_TRY(lookup(directory, name)).handle;
}

Status LocalOps::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    BERTH_TRY(plain(name));
    const auto fd = BERTH_TRY(fd_of(file));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (linkat(AT_FDCWD, proc_path(fd).c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
            return fail_file(errno, name);
    }
    return sync_folder(folder);
}

Status LocalOps::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    BERTH_TRY(plain(from));
    BERTH_TRY(plain(to));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (renameat(folder, from.c_str(), folder, to.c_str()) != 0) return fail_file(errno, to);
    }
    return sync_folder(folder);
}

Status LocalOps::remove(const FileHandle& directory, const std::string& name) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (unlinkat(folder, name.c_str(), 0) != 0) return fail_file(errno, name);
    }
    return sync_folder(folder);
}

Result<Space> LocalOps::space() {
    const auto root = BERTH_TRY(fd_of(root_));
    struct statvfs s{};
    if (fstatvfs(root, &s) != 0) return fail_file(errno, "statvfs");
    // File systems that make inodes as they go (btrfs) say that they have none.
    return Space{uint64_t{s.f_bavail} * s.f_frsize, s.f_files == 0 ? UINT64_MAX : uint64_t{s.f_favail}};
}

Result<FileHandle> LocalOps::make_directory(const FileHandle& directory, const std::string& name,
                                            uint32_t mode) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (mkdirat(folder, name.c_str(), mode) != 0) return fail_file(errno, name);
    }
    BERTH_TRY(sync_folder(folder));
    return BERTH_TRY(lookup(directory, name)).handle;
}

Status LocalOps::remove_directory(const FileHandle& directory, const std::string& name) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0) return fail_file(errno, name);
    }
    return sync_folder(folder);
}

Status LocalOps::symlink(const FileHandle& directory, const std::string& name, const std::string& target) {
    BERTH_TRY(plain(name));
    const auto folder = BERTH_TRY(fd_of(directory));
    {
        const AsUser as(credentials_);
        if (symlinkat(target.c_str(), folder, name.c_str()) != 0) return fail_file(errno, name);
    }
    return sync_folder(folder);
}

Result<std::string> LocalOps::write(const FileHandle& file, uint64_t offset, std::string_view data) {
    auto fd = BERTH_TRY(open_file(file, O_WRONLY));
    if (!write_at(fd.get(), data, offset)) return fail_file(errno, "write");
    return k_verifier;
}

Result<std::string> LocalOps::commit(const FileHandle& file) {
    auto fd = BERTH_TRY(open_file(file, O_WRONLY));
    if (fdatasync(fd.get()) != 0) return fail_file(errno, "fdatasync");
    return k_verifier;
}

Status LocalOps::set_size(const FileHandle& file, uint64_t size) {
    auto fd = BERTH_TRY(open_file(file, O_WRONLY));
    if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return fail_file(errno, "ftruncate");
    return {};
}

}  // namespace berth::files
