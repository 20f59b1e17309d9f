// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/line.h"

#include <algorithm>
#include <utility>

#include "tests/model/trace_events.h"

namespace berth::sim {

using volume::CallResult;

/// One call of ours.
struct SimLine::Under {
    BootTime sent;
    bool write = false, given = false, answered = false;
    int status = 0;
    std::string data;
    bool end_of_file = false;
    volume::WriteReply reply;
    volume::Verifier verifier{};
    std::function<void(CallResult)> finish;
};

namespace {

constexpr int k_nospc = 28, k_stale = 70;
constexpr uint64_t k_loss = 0x6c6f7374;

}  // namespace

SimLine::SimLine(World& world, std::shared_ptr<Connection> connection, files::TransferLimits limits,
                 uint64_t epoch, std::function<void()> happened)
    : world_(world),
      connection_(std::move(connection)),
      limits_(limits),
      epoch_(epoch),
      happened_(std::move(happened)),
      last_call_(world.now()) {
    broken_ = connection_->broken;
    connection_->on_break = [this] {
        broken_ = true;
        world_.observe(connection_->client, k_loss);
        if (happened_) happened_();
    };
}

SimLine::~SimLine() {
    happened_ = nullptr;
    if (unanswered_writes_ != 0) world_.hooks.lost_write(connection_->client);
    connection_->on_break = nullptr;
    world_.break_connection(connection_);
    for (const auto& under : std::exchange(under_way_, {})) under->finish({.lost = true});
}

void SimLine::reset() {
    world_.break_connection(connection_);
}

void SimLine::service() {
    for (const auto& under : std::exchange(inbox_, {})) {
        if (std::erase(under_way_, under) == 0) continue;
        under->finish({.lost = false, .status = under->status});
    }
}

std::optional<BootTime> SimLine::oldest_call() const {
    if (under_way_.empty()) return std::nullopt;
    return under_way_.front()->sent;
}

std::shared_ptr<Call> SimLine::make(Call::Kind kind, std::string what, std::shared_ptr<Under> under) {
    auto call = std::make_shared<Call>();
    call->kind = kind;
    call->client = connection_->client;
    call->epoch = epoch_;
    call->what = std::move(what);
    call->asked = Digest().add(call->what).value();
    under->sent = last_call_ = world_.now();
    return call;
}

void SimLine::give(const std::shared_ptr<Call>& call, std::shared_ptr<Under> under) {
    under_way_.push_back(under);
    if (broken_) return;
    // The line may be gone when the connection is told.
    call->done = [this, under](bool answered) {
        if (!answered) return;
        inbox_.push_back(under);
        if (happened_) happened_();
    };
    world_.network().send(*connection_, call, world_.now());
}

void SimLine::read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) {
    auto under = std::make_shared<Under>();
    auto call = make(Call::Kind::looks, fmt::format("READ {} {}+{}", file, offset, count), under);
    call->execute = [&server = world_.server(), under, file, offset, count](Trouble, bool) {
        auto bytes = server.read(file, offset, count);
        const auto attributes = server.attributes(file);
        under->status = bytes && attributes ? 0 : k_stale;
        if (under->status != 0) return uint64_t{k_stale};
        under->data = std::move(*bytes);
        under->end_of_file = offset + under->data.size() >= attributes->size;
        return Digest().add(under->data).value();
    };
    under->finish = [raw = under.get(), done = std::move(done)](CallResult result) {
        done(result, raw->data, raw->end_of_file);
    };
    give(call, std::move(under));
}

void SimLine::write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                    WriteDone done) {
    world_.hooks.sends_block(connection_->client);
    auto under = std::make_shared<Under>();
    auto call = make(Call::Kind::block,
                     fmt::format("WRITE {} {} \"{}\"{}", file, offset, data, stable ? " stable" : ""), under);
    call->offset = offset;
    call->data = std::string(data);
    call->lasting = true;
    Tracer* const tracer = world_.tracer.get();
    const size_t sent =
        tracer && !broken_ ? tracer->add(EV_KEEP_WRITE, connection_->client, epoch_, 0, 0, false) : 0;
    call->execute = [this_world = &world_, under, file, stable, tracer, sent, raw = call.get()](
                        Trouble trouble, bool copy) {
        Server& server = this_world->server();
        if (trouble == Trouble::refused) {
            under->status = k_nospc;
            return uint64_t{k_nospc};
        }
        const size_t count = trouble == Trouble::shortened ? (raw->data.size() + 1) / 2 : raw->data.size();
        const auto written = server.write(file, raw->offset, raw->data.substr(0, count), stable);
        if (tracer) tracer->executed_block(sent, raw->epoch);
        this_world->hooks.executed(*raw, copy);
        if (!copy) {
            under->status = written ? 0 : k_stale;
            under->reply = {static_cast<uint32_t>(count), stable, server.verifier()};
            this_world->network().accepted(*raw, count);
        }
        return Digest().add(count).add(std::string_view(under->reply.verifier.data(), 8)).value();
    };
    under->write = true;
    under->given = !broken_;
    writes_out_++;
    if (under->given) unanswered_writes_++;
    under->finish = [this, raw = under.get(), done = std::move(done)](CallResult result) {
        writes_out_--;
        if (raw->given && !result.lost) unanswered_writes_--;
        done(result, raw->reply);
    };
    give(call, std::move(under));
}

void SimLine::commit(const files::FileHandle& file, CommitDone done) {
    auto under = std::make_shared<Under>();
    auto call = make(Call::Kind::commit, "COMMIT " + file, under);
    call->execute = [&server = world_.server(), under, file](Trouble trouble, bool) {
        if (trouble == Trouble::refused) {
            under->status = k_nospc;
            return uint64_t{k_nospc};
        }
        under->status = server.commit(file) ? 0 : k_stale;
        under->verifier = server.verifier();
        return Digest().add(std::string_view(under->verifier.data(), 8)).value();
    };
    under->finish = [raw = under.get(), done = std::move(done)](CallResult result) {
        done(result, raw->verifier);
    };
    give(call, std::move(under));
}

void SimLine::ping() {
    auto under = std::make_shared<Under>();
    auto call = make(Call::Kind::looks, "NULL", under);
    call->execute = [](Trouble, bool) { return uint64_t{1}; };
    under->finish = [](CallResult) {};
    give(call, std::move(under));
}

}  // namespace berth::sim
