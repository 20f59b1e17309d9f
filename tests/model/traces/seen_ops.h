// SPDX-License-Identifier: GPL-3.0-or-later
// The real NfsSession, with a word to the conductor before and after each call.
#pragma once

#include <map>
#include <string>

#include "tests/model/traces/client.h"
#include "volume/nfs_session.h"

namespace berth::traces {

class SeenOps final : public volume::NfsOps {
  public:
    SeenOps(const ClientSetup& setup, volume::NfsSession& session) : setup_(setup), session_(session) {}

    /// A lock record that is written now is no renewal.
    bool releasing = false;
    /// Broken::renewal_look: listings show no number above this one (0: they tell the truth).
    uint32_t blind_above = 0;
    /// Broken::read_back: whatever lock is read is said to hold this nonce (empty: the truth).
    std::string own_nonce;

    const volume::FileHandle& root() const override { return session_.root(); }
    Result<volume::Found> lookup(const volume::FileHandle& directory, const std::string& name) override;
    Result<volume::Attributes> attributes(const volume::FileHandle& file) override;
    Result<uint32_t> access(const volume::FileHandle& file, uint32_t wanted) override;
    Result<std::string> readlink(const volume::FileHandle& link) override;
    Result<std::vector<volume::DirectoryEntry>> list(const volume::FileHandle& directory) override;
    Result<std::string> read(const volume::FileHandle& file, uint64_t offset, uint32_t count) override;
    Status write_sync(const volume::FileHandle& file, uint64_t offset, std::string_view data) override;
    Result<volume::FileHandle> create(const volume::FileHandle& directory, const std::string& name,
                                      uint32_t mode) override;
    Status link(const volume::FileHandle& file, const volume::FileHandle& directory,
                const std::string& name) override;
    Status rename(const volume::FileHandle& directory, const std::string& from,
                  const std::string& to) override;
    Status remove(const volume::FileHandle& directory, const std::string& name) override;
    Result<volume::Space> space() override;
    Result<volume::TransferLimits> limits() override;
    Result<volume::FileHandle> make_directory(const volume::FileHandle& directory, const std::string& name,
                                              uint32_t mode) override;
    Status remove_directory(const volume::FileHandle& directory, const std::string& name) override;
    Status symlink(const volume::FileHandle& directory, const std::string& name,
                   const std::string& target) override;
    Result<std::string> write(const volume::FileHandle& file, uint64_t offset,
                              std::string_view data) override;
    Result<std::string> commit(const volume::FileHandle& file) override;
    Status set_size(const volume::FileHandle& file, uint64_t size) override;

    /// A block of lock.<epoch>'s owner.
    Status write_block(const volume::FileHandle& file, uint32_t epoch, std::string_view data);

  private:
    template <typename F>
    auto told(Op op, uint32_t epoch, F&& call, Note* end = nullptr) -> decltype(call());
    void finish(Note& note, const Error* error);

    const ClientSetup& setup_;
    volume::NfsSession& session_;
    std::map<volume::FileHandle, Op> records_;  // handles of locks and last-useds that were looked up
};

}  // namespace berth::traces
