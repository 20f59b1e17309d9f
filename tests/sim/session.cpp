// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/session.h"

#include <utility>

#include "lock/names.h"
#include "lock/record.h"
#include "tests/model/trace_events.h"
#include "tests/sim/line.h"

namespace berth::sim {

using files::FileHandle;

namespace {

constexpr uint64_t k_loss = 0x6c6f7374;
constexpr const char* k_listing = "READDIR";

uint64_t digest_of(const Error& error) {
    return Digest().add(code_name(error.code())).value();
}

uint64_t digest_of(const files::Attributes& a) {
    return Digest().add(a.fileid).add(a.size).add(static_cast<uint64_t>(a.mtime_ns)).value();
}

uint64_t digest_of(const files::LookupReply& r) {
    return Digest().add(r.handle).add(digest_of(r.attributes)).value();
}

uint64_t digest_of(const std::string& text) {
    return Digest().add(text).value();
}

uint64_t digest_of(const std::vector<files::DirectoryEntry>& entries) {
    Digest digest;
    for (const auto& entry : entries) digest.add(entry.name).add(entry.fileid);
    return digest.value();
}

template <typename T>
uint64_t digest_of(const Result<T>& result) {
    if (!result) return digest_of(result.error());
    if constexpr (std::is_void_v<T>)
        return 1;
    else
        return digest_of(*result);
}

}  // namespace

SimSession::SimSession(World& world, Party party, std::string name, Duration timeout)
    : world_(world),
      party_(std::move(party)),
      name_(std::move(name)),
      timeout_(timeout),
      root_(world.server().root()) {
    connect();
}

SimSession::~SimSession() {
    if (connection_) world_.break_connection(connection_);
}

void SimSession::connect() {
    connection_ = world_.network().connect(party_.client, name_);
    connections_++;
}

Result<std::unique_ptr<volume::Session>> SimSession::another() const {
    return std::make_unique<SimSession>(world_, party_, "blocks", timeout_);
}

std::unique_ptr<volume::Line> SimSession::take_line(const files::TransferLimits& limits) {
    return std::make_unique<SimLine>(world_, std::move(connection_), limits, party_.epoch, party_.happened);
}

Result<std::unique_ptr<volume::Session>> SimConnector::mount(bool, Duration timeout) {
    return std::make_unique<SimSession>(world_, party_, std::exchange(first_, false) ? "lock" : "blocks",
                                        timeout);
}

/// `run` may be executed twice, the second time for a copy.
template <typename R>
R SimSession::call(Call::Kind kind, std::string what, std::function<R(Server&)> run,
                   std::function<bool(const Server&)> effective, Seen seen, std::function<void()> kept) {
    if (!connected()) connect();
    struct Slot {
        std::optional<R> reply;
        bool over = false;
    };
    auto slot = std::make_shared<Slot>();
    auto call = std::make_shared<Call>();
    call->kind = kind;
    call->client = party_.client;
    call->what = std::move(what);
    call->asked = Digest().add(call->what).value();
    call->lasting = effective != nullptr;
    if (effective) call->effective = [&server = world_.server(), effective] { return effective(server); };
    if (world_.tracer) call->kept = std::move(kept);
    call->execute = [this_world = &world_, slot, run, seen, raw = call.get()](Trouble trouble, bool copy) {
        if (trouble == Trouble::refused) {
            slot->reply = fail(ErrorCode::M08, "no room");
            return digest_of(slot->reply->error());
        }
        R reply = run(this_world->server());
        if (seen && this_world->tracer) seen(reply.has_value(), copy);
        const uint64_t digest = digest_of(reply);
        if (!copy) slot->reply = std::move(reply);
        this_world->hooks.executed(*raw, copy);
        return digest;
    };
    const uint64_t caller = World::current();
    call->done = [this_world = &world_, slot, caller, client = party_.client](bool answered) {
        slot->over = true;
        if (!answered) {
            slot->reply.reset();
            this_world->observe(client, k_loss);
        }
        this_world->wake(caller);
    };
    const auto on = connection_;
    const BootTime end = deadline_ ? std::min(*deadline_, world_.now() + timeout_) : world_.now() + timeout_;
    world_.network().send(*on, call, world_.now());
    const uint64_t begun = world_.order();
    while (!slot->over && world_.now() < end)
        if (!world_.wait(end)) break;
    if (!slot->over) world_.break_connection(on);
    if (slot->reply) {
        if (call->what == k_listing && party_.epoch != 0)
            world_.hooks.listed(party_.client, begun, call->sent);
        return std::move(*slot->reply);
    }
    if (call->write() && party_.epoch != 0) world_.hooks.lost_write(party_.client);
    if (call->write()) {
        lost_writes_++;
        write_lost_ = world_.now();
    }
    return fail(ErrorCode::M04, "{}", call->what);
}

Result<files::LookupReply> SimSession::lookup(const FileHandle& directory, const std::string& name) {
    const auto lock = lock::epoch_of(name, "lock."), used = lock::epoch_of(name, "last-used.");
    auto at = std::make_shared<size_t>();
    const Seen seen = lock   ? seen_look(EV_READ_LOCK, *lock, at)
                      : used ? seen_look(EV_READ_USED, *used, at)
                             : Seen();
    auto found = call<Result<files::LookupReply>>(
        Call::Kind::looks, "LOOKUP " + name, [=](Server& s) { return s.lookup(directory, name); }, {}, seen);
    if (!world_.tracer || !seen) return found;
    if (failed_as(found, Condition::absent)) world_.tracer->found(*at, 0);
    if (!found) return found;
    record_ = found->handle;
    record_step_ = *at;
    record_event_ = lock ? EV_READ_LOCK : EV_READ_USED;
    record_number_ = lock ? *lock : *used;
    if (lock) locks_.insert(found->handle);
    return found;
}

Result<files::Attributes> SimSession::attributes(const FileHandle& file) {
    return call<Result<files::Attributes>>(Call::Kind::looks, "GETATTR " + file,
                                           [=](Server& s) { return s.attributes(file); });
}

Result<std::vector<files::DirectoryEntry>> SimSession::list(const FileHandle& directory) {
    auto at = std::make_shared<size_t>();
    auto entries = call<Result<std::vector<files::DirectoryEntry>>>(
        Call::Kind::looks, k_listing, [=](Server& s) { return s.list(directory); }, {},
        seen_look(EV_LIST, 0, at));
    if (!world_.tracer || !entries) return entries;
    const lock::LockNames names = lock::lock_names(*entries);
    world_.tracer->found(*at, names.highest_last_used(), names.locks.empty() ? 0 : names.locks.front(),
                         names.highest_lock());
    return entries;
}

Result<std::string> SimSession::read(const FileHandle& file, uint64_t offset, uint32_t count) {
    const bool traced = world_.tracer && file == record_;
    auto at = std::make_shared<size_t>();
    auto bytes = call<Result<std::string>>(
        Call::Kind::looks, "READ " + file, [=](Server& s) { return s.read(file, offset, count); }, {},
        traced ? seen_look(record_event_, record_number_, at) : Seen());
    if (traced) traced_record(bytes, *at);
    return bytes;
}

/// What a record says counts from when it was looked up; that its file is gone, from when it was read.
void SimSession::traced_record(const Result<std::string>& bytes, size_t read) {
    if (failed_as(bytes, Condition::stale)) world_.tracer->found(read, 0);
    if (!bytes) return;
    if (auto contents = lock::parse_last_used(*bytes))
        world_.tracer->found(record_step_, world_.tracer->session_of(contents->record.nonce));
}

SimSession::Seen SimSession::seen_look(uint32_t event, uint64_t number,
                                       const std::shared_ptr<size_t>& at) const {
    return [tracer = world_.tracer.get(), client = party_.client, event, number, at](bool, bool) {
        *at = tracer->add(event, client, number, 0, 0, false);
    };
}

SimSession::Seen SimSession::seen_change(uint32_t event, uint32_t late, uint64_t number,
                                         const std::shared_ptr<size_t>& kept) const {
    return [tracer = world_.tracer.get(), client = party_.client, event, late, number, kept](bool done,
                                                                                             bool copy) {
        const bool told_always = event == EV_LINK || event == EV_RENAME;
        if (copy && late)
            tracer->ran_copy(late, *kept, number, done);
        else if (copy && done)
            tracer->end_here();
        else if (!copy && (done || told_always))
            tracer->add(event, client, number, told_always && done);
    };
}

std::function<void()> SimSession::seen_kept(uint32_t event, uint64_t number,
                                            const std::shared_ptr<size_t>& kept) const {
    return [tracer = world_.tracer.get(), client = party_.client, event, number, kept] {
        *kept = tracer->add(event, client, number, 0, 0, false);
    };
}

Status SimSession::write_sync(const FileHandle& file, uint64_t offset, std::string_view data) {
    if (world_.tracer && locks_.contains(file) && !world_.tracer->releasing(party_.client))
        world_.tracer->add(EV_RENEW, party_.client, 0);
    return call<Status>(Call::Kind::record, "WRITE " + file, [=, bytes = std::string(data)](Server& s) {
        return s.write(file, offset, bytes, true);
    });
}

Result<FileHandle> SimSession::create(const FileHandle& directory, const std::string& name, uint32_t) {
    return call<Result<FileHandle>>(Call::Kind::names, "CREATE " + name,
                                    [=](Server& s) { return s.create(directory, name); });
}

Status SimSession::link(const FileHandle& file, const FileHandle& directory, const std::string& name) {
    const uint64_t number = lock::epoch_of(name, "lock.").value_or(0);
    auto kept = std::make_shared<size_t>();
    return call<Status>(
        Call::Kind::names, "LINK " + file + " " + name,
        [=](Server& s) { return s.link(file, directory, name); },
        [=](const Server& s) { return s.at(file) && !s.named(directory, name); },
        seen_change(EV_LINK, EV_LATE_LINK, number, kept), seen_kept(EV_KEEP_LINK, number, kept));
}

Status SimSession::rename(const FileHandle& directory, const std::string& from, const std::string& to) {
    const uint64_t number = lock::epoch_of(from, "lock.").value_or(0);
    auto kept = std::make_shared<size_t>();
    return call<Status>(
        Call::Kind::names, "RENAME " + from + " " + to,
        [=](Server& s) { return s.rename(directory, from, to); },
        [=](const Server& s) {
            const Server::Node* node = s.named(directory, from);
            return node && node != s.named(directory, to);
        },
        seen_change(EV_RENAME, EV_LATE_RENAME, number, kept), seen_kept(EV_KEEP_RENAME, number, kept));
}

Status SimSession::remove(const FileHandle& directory, const std::string& name) {
    const auto lock = lock::epoch_of(name, "lock."), used = lock::epoch_of(name, "last-used.");
    const uint64_t session = world_.tracer ? world_.tracer->session_of(name.substr(name.rfind('-') + 1)) : 0;
    return call<Status>(
        Call::Kind::names, "REMOVE " + name, [=](Server& s) { return s.remove(directory, name); }, {},
        seen_change(lock   ? EV_REMOVE_LOCK
                    : used ? EV_REMOVE_USED
                           : EV_REMOVE_PRIVATE,
                    0,
                    lock   ? *lock
                    : used ? *used
                           : session,
                    nullptr));
}

Result<std::string> SimSession::write(const FileHandle&, uint64_t, std::string_view) {
    return fail(ErrorCode::M11, "only blocks are written so");
}

Result<std::string> SimSession::commit(const FileHandle& file) {
    return call<Result<std::string>>(Call::Kind::commit, "COMMIT " + file,
                                     [=](Server& s) -> Result<std::string> {
                                         BERTH_TRY(s.commit(file));
                                         const auto verifier = s.verifier();
                                         return std::string(verifier.begin(), verifier.end());
                                     });
}

Status SimSession::ping() {
    return call<Status>(Call::Kind::looks, "NULL", [](Server&) { return Status{}; });
}

}  // namespace berth::sim
