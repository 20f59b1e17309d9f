// SPDX-License-Identifier: GPL-3.0-or-later
// The operations of file_ops.h on a directory of this host, for berthctl where the user directories are
// mounted or are the server's own. Nothing is ever reached by a path of more than one part and no symbolic
// link is followed: a handle is an open file (O_PATH), so what is swapped under a name changes nothing. A
// caller who is root acts as the user (setfsuid(2), setfsgid(2), and that user's groups for this thread), so
// rights, ownership and quota are what an NFS server would make of the user's own calls. One thread.
#pragma once

#include <sys/types.h>

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/nfs_types.h"
#include "files/file_ops.h"

namespace berth::files {

class LocalOps final : public FileOps {
  public:
    /// `directory` itself may be reached through links (it is the administrator's word); `user` is one part
    /// below it and may not be one; empty: `directory` itself. M09 not there, M06 the caller is neither root
    /// nor that user.
    static Result<std::unique_ptr<LocalOps>> open(const std::string& directory, const std::string& user,
                                                  const NfsCredentials& credentials);
    ~LocalOps() override;

    const FileHandle& root() const override { return root_; }
    Result<LookupReply> lookup(const FileHandle& directory, const std::string& name) override;
    Result<Attributes> attributes(const FileHandle& file) override;
    Result<uint32_t> access(const FileHandle& file, uint32_t wanted) override;
    Result<std::string> readlink(const FileHandle& link) override;
    Result<std::vector<DirectoryEntry>> list(const FileHandle& directory) override;
    Result<std::string> read(const FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<FileHandle> create(const FileHandle& directory, const std::string& name, uint32_t mode) override;
    Status link(const FileHandle& file, const FileHandle& directory, const std::string& name) override;
    Status rename(const FileHandle& directory, const std::string& from, const std::string& to) override;
    Status remove(const FileHandle& directory, const std::string& name) override;
    Result<Space> space() override;
    Result<TransferLimits> limits() override { return TransferLimits{1 << 20, 1 << 20}; }
    Result<FileHandle> make_directory(const FileHandle& directory, const std::string& name,
                                      uint32_t mode) override;
    Status remove_directory(const FileHandle& directory, const std::string& name) override;
    Status symlink(const FileHandle& directory, const std::string& name, const std::string& target) override;
    Result<std::string> write(const FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<std::string> commit(const FileHandle& file) override;
    Status set_size(const FileHandle& file, uint64_t size) override;

    /// A descriptor of the regular file, opened as the user with O_RDONLY or O_RDWR.
    Result<UniqueFd> open_file(const FileHandle& file, int flags);
    /// While on, nothing is synced one by one: many small files are being made that nobody can see yet, and
    /// sync() makes all of them durable at once.
    void defer_sync(bool on) { deferred_ = on; }
    /// syncfs(2).
    Status sync();
    /// Which file system it is.
    dev_t device() const { return device_; }

  private:
    LocalOps(UniqueFd root, NfsCredentials credentials);
    Result<FileHandle> keep(UniqueFd fd);
    struct Open {
        UniqueFd fd;
        std::list<FileHandle>::iterator at;  ///< In order_.
    };
    Result<int> fd_of(const FileHandle& handle);
    void touch(Open& open);
    Status sync_folder(int folder);

    NfsCredentials credentials_;
    FileHandle root_;
    dev_t device_ = 0;
    UniqueFd root_fd_;
    std::map<FileHandle, Open> open_;
    std::list<FileHandle>
        order_;  ///< The handles that were longest not used are forgotten, as a server may (M10).
    bool deferred_ = false;
};

/// What an errno of a file operation means to a user; the code of the NFS status that a server would send.
std::unexpected<Error> fail_file(int error_number, std::string_view what);

}  // namespace berth::files
