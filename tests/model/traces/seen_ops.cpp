// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/model/traces/seen_ops.h"

#include <unistd.h>

#include "lock/names.h"
#include "lock/record.h"

namespace berth::traces {

using namespace files;
using namespace lock;

namespace {

struct Named {
    Op op = Op::other;
    uint32_t epoch = 0;
};

Named named(const std::string& name, Op lock, Op used) {
    if (auto e = epoch_of(name, "lock.")) return {lock, static_cast<uint32_t>(*e)};
    if (auto e = epoch_of(name, "last-used.")) return {used, static_cast<uint32_t>(*e)};
    return {};
}

}  // namespace

void SeenOps::finish(Note& note, const Error* error) {
    note.kind = Note::Kind::end;
    note.answer = !error                                    ? End::ok
                  : error->condition() == Condition::absent ? End::nothing
                  : error->condition() == Condition::stale  ? End::stale
                                                            : End::failed;
    // The conductor's word that time is up was for this call only.
    uint64_t count;
    (void)!::read(setup_.interrupt, &count, sizeof count);
    send_note(setup_.control, note);
}

template <typename F>
auto SeenOps::told(Op op, uint32_t epoch, F&& call, Note* end) -> decltype(call()) {
    Note note;
    note.kind = Note::Kind::begin;
    note.op = op;
    note.epoch = epoch;
    send_note(setup_.control, note);
    auto result = call();
    if (end && result) {  // the caller adds what was found
        *end = note;
        return result;
    }
    finish(note, result ? nullptr : &result.error());
    return result;
}

Result<LookupReply> SeenOps::lookup(const FileHandle& directory, const std::string& name) {
    const Named is = named(name, Op::lookup_lock, Op::lookup_used);
    auto found = told(is.op, is.epoch, [&] { return session_.lookup(directory, name); });
    if (found) records_[found->handle] = is.op;
    return found;
}

Result<Attributes> SeenOps::attributes(const FileHandle& file) {
    return told(Op::other, 0, [&] { return session_.attributes(file); });
}

Result<uint32_t> SeenOps::access(const FileHandle& file, uint32_t wanted) {
    return told(Op::other, 0, [&] { return session_.access(file, wanted); });
}

Result<std::string> SeenOps::readlink(const FileHandle& link) {
    return told(Op::other, 0, [&] { return session_.readlink(link); });
}

Result<std::vector<DirectoryEntry>> SeenOps::list(const FileHandle& directory) {
    Note end;
    auto entries = told(Op::list, 0, [&] { return session_.list(directory); }, &end);
    if (!entries) return entries;
    const LockNames names = lock_names(*entries);
    end.a = static_cast<uint32_t>(names.highest_lock());
    end.b = static_cast<uint32_t>(names.highest_last_used());
    end.c = names.locks.empty() ? 0 : static_cast<uint32_t>(names.locks.front());
    finish(end, nullptr);
    if (blind_above)
        std::erase_if(*entries, [&](const DirectoryEntry& e) {
            return named(e.name, Op::other, Op::other).epoch > blind_above;
        });
    return entries;
}

Result<std::string> SeenOps::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    const auto record = records_.find(file);
    const bool of_lock = record != records_.end() && record->second != Op::other;
    Note end;
    auto bytes = told(
        of_lock ? Op::read_record : Op::other, 0, [&] { return session_.read(file, offset, count); }, &end);
    if (!bytes) return bytes;
    if (auto contents = parse_last_used(*bytes)) {
        end.set_text(contents->record.nonce);
        if (!own_nonce.empty() && of_lock && record->second == Op::lookup_lock)
            bytes->replace(bytes->find(contents->record.nonce), own_nonce.size(), own_nonce);
    }
    finish(end, nullptr);
    return bytes;
}

Status SeenOps::write_sync(const FileHandle& file, uint64_t offset, std::string_view data) {
    const auto record = records_.find(file);
    const bool renewal = !releasing && record != records_.end() && record->second == Op::lookup_lock;
    return told(renewal ? Op::renew : Op::other, 0, [&] { return session_.write_sync(file, offset, data); });
}

Result<FileHandle> SeenOps::create(const FileHandle& directory, const std::string& name, uint32_t mode) {
    return told(Op::other, 0, [&] { return session_.create(directory, name, mode); });
}

Status SeenOps::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    const Named is = named(name, Op::link, Op::other);
    return told(is.op, is.epoch, [&] { return session_.link(file, directory, name); });
}

Status SeenOps::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    const Named is = named(from, Op::rename, Op::other);
    return told(is.op, is.epoch, [&] { return session_.rename(directory, from, to); });
}

Status SeenOps::remove(const FileHandle& directory, const std::string& name) {
    Named is = named(name, Op::remove_lock, Op::remove_used);
    if (is.op == Op::other) is.op = Op::remove_private;
    return told(is.op, is.epoch, [&] { return session_.remove(directory, name); });
}

Result<Space> SeenOps::space() {
    return told(Op::other, 0, [&] { return session_.space(); });
}

Result<TransferLimits> SeenOps::limits() {
    return told(Op::other, 0, [&] { return session_.limits(); });
}

Result<FileHandle> SeenOps::make_directory(const FileHandle& directory, const std::string& name,
                                           uint32_t mode) {
    return told(Op::other, 0, [&] { return session_.make_directory(directory, name, mode); });
}

Status SeenOps::remove_directory(const FileHandle& directory, const std::string& name) {
    return told(Op::other, 0, [&] { return session_.remove_directory(directory, name); });
}

Status SeenOps::symlink(const FileHandle& directory, const std::string& name, const std::string& target) {
    return told(Op::other, 0, [&] { return session_.symlink(directory, name, target); });
}

Result<std::string> SeenOps::write(const FileHandle& file, uint64_t offset, std::string_view data) {
    return told(Op::other, 0, [&] { return session_.write(file, offset, data); });
}

Result<std::string> SeenOps::commit(const FileHandle& file) {
    return told(Op::other, 0, [&] { return session_.commit(file); });
}

Status SeenOps::set_size(const FileHandle& file, uint64_t size) {
    return told(Op::other, 0, [&] { return session_.set_size(file, size); });
}

Status SeenOps::write_block(const FileHandle& file, uint32_t epoch, std::string_view data) {
    return told(Op::data, epoch, [&] { return session_.write_sync(file, 0, data); });
}

}  // namespace berth::traces
