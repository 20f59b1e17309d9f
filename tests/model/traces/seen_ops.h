// SPDX-License-Identifier: GPL-3.0-or-later
// The real NfsSession, with a word to the conductor before and after each call.
#pragma once

#include <map>
#include <string>

#include "files/nfs/nfs_session.h"
#include "tests/model/traces/client.h"

namespace berth::traces {

class SeenOps final : public files::FileOps {
  public:
    SeenOps(const ClientSetup& setup, files::NfsSession& session) : setup_(setup), session_(session) {}

    /// A lock record that is written now is not a renewal.
    bool releasing = false;
    /// Broken::renewal_look: listings show no number above this one (0: they tell the truth).
    uint32_t blind_above = 0;
    /// Broken::read_back: whatever lock is read is said to hold this nonce (empty: the truth).
    std::string own_nonce;

    const files::FileHandle& root() const override { return session_.root(); }
    Result<files::LookupReply> lookup(const files::FileHandle& directory, const std::string& name) override;
    Result<files::Attributes> attributes(const files::FileHandle& file) override;
    Result<uint32_t> access(const files::FileHandle& file, uint32_t wanted) override;
    Result<std::string> readlink(const files::FileHandle& link) override;
    Result<std::vector<files::DirectoryEntry>> list(const files::FileHandle& directory) override;
    Result<std::string> read(const files::FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const files::FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<files::FileHandle> create(const files::FileHandle& directory, const std::string& name,
                                     uint32_t mode) override;
    Status link(const files::FileHandle& file, const files::FileHandle& directory,
                const std::string& name) override;
    Status rename(const files::FileHandle& directory, const std::string& from,
                  const std::string& to) override;
    Status remove(const files::FileHandle& directory, const std::string& name) override;
    Result<files::Space> space() override;
    Result<files::TransferLimits> limits() override;
    Result<files::FileHandle> make_directory(const files::FileHandle& directory, const std::string& name,
                                             uint32_t mode) override;
    Status remove_directory(const files::FileHandle& directory, const std::string& name) override;
    Status symlink(const files::FileHandle& directory, const std::string& name,
                   const std::string& target) override;
    Result<std::string> write(const files::FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<std::string> commit(const files::FileHandle& file) override;
    Status set_size(const files::FileHandle& file, uint64_t size) override;

    /// A block of lock.<epoch>'s owner.
    Status write_block(const files::FileHandle& file, uint32_t epoch, std::string_view data);

  private:
    template <typename F>
    auto told(Op op, uint32_t epoch, F&& call, Note* end = nullptr) -> decltype(call());
    void finish(Note& note, const Error* error);

    const ClientSetup& setup_;
    files::NfsSession& session_;
    std::map<files::FileHandle, Op> records_;  // handles of locks and last-useds that were looked up
};

}  // namespace berth::traces
