// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sim/guest.h"

#include <algorithm>

namespace berth::sim {

using volume::BlockRequest;

std::shared_ptr<BlockRequest> flush_request(std::function<void(int)> done) {
    auto request = std::make_shared<BlockRequest>();
    request->kind = BlockRequest::Kind::flush;
    request->done = std::move(done);
    return request;
}

std::shared_ptr<Guest::Asked> Guest::ask(const Wish& wish) {
    auto asked = std::make_shared<Asked>();
    asked->wish = wish;
    asked->buffer.assign(wish.count, '?');
    const uint64_t task = World::current();
    auto done = [this_world = &world_, task, asked](int error) {
        asked->error = error;
        asked->request.reset();
        this_world->wake(task);
    };
    asked->request = std::make_shared<BlockRequest>();
    BlockRequest& request = *asked->request;
    request.kind = wish.kind == Wish::Kind::write  ? BlockRequest::Kind::write
                   : wish.kind == Wish::Kind::read ? BlockRequest::Kind::read
                                                   : BlockRequest::Kind::flush;
    request.offset = wish.offset;
    request.count = wish.kind == Wish::Kind::write ? static_cast<uint32_t>(wish.data.size()) : wish.count;
    request.buffer = asked->buffer.data();
    request.from = asked->wish.data.data();
    request.fua = wish.fua;
    request.done = std::move(done);
    if (wish.kind == Wish::Kind::write) oracle_.asked_write(epoch_, wish.offset, wish.data);
    if (wish.kind == Wish::Kind::flush) oracle_.asked_flush(epoch_);
    submit_(asked->request);
    return asked;
}

void Guest::told(const Asked& asked) {
    const bool good = *asked.error == 0;
    const Wish& wish = asked.wish;
    switch (wish.kind) {
        case Wish::Kind::write:
            world_.note("guest of lock {}: written at {} \"{}\": {}", epoch_, wish.offset, wish.data,
                        *asked.error);
            oracle_.told_write(epoch_, wish.offset, wish.data, good);
            break;
        case Wish::Kind::read:
            world_.note("guest of lock {}: read at {} \"{}\": {}", epoch_, wish.offset, asked.buffer,
                        *asked.error);
            if (good) oracle_.told_read(epoch_, wish.offset, asked.buffer);
            break;
        case Wish::Kind::flush:
            world_.note("guest of lock {}: flushed: {}", epoch_, *asked.error);
            oracle_.told_flush(epoch_, good);
            break;
        case Wish::Kind::pause:
            break;
    }
}

void Guest::settle(std::shared_ptr<Asked> asked) {
    while (true) {
        while (!asked->error)
            if (!world_.wait(k_never)) return;
        told(*asked);
        if (*asked->error == 0 || asked->wish.gives_up) return;
        world_.wait(world_.now() + std::chrono::seconds(1));
        asked = ask(asked->wish);
    }
}

/// What a system does not have under way at once, and where nobody could be told that an answer was wrong: two writes
/// to one place, a write and a read, two flushes.
bool Guest::waits_for(const Wish& wish, const Wish& older) {
    if (wish.kind != Wish::Kind::write) return wish.kind == older.kind || wish.kind == Wish::Kind::read;
    return older.kind == Wish::Kind::write && wish.offset < older.offset + older.data.size() &&
           older.offset < wish.offset + wish.data.size();
}

void Guest::run(const std::vector<Wish>& wishes) {
    for (const Wish& wish : wishes) {
        if (wish.kind == Wish::Kind::pause) {
            world_.wait(world_.now() + wish.pause);
            continue;
        }
        if (std::ranges::any_of(under_way_, [&](const auto& asked) { return waits_for(wish, asked->wish); }))
            settle_all();
        under_way_.push_back(ask(wish));
        if (!wish.go_on) settle_all();
    }
    settle_all();
}

void Guest::settle_all() {
    for (auto& asked : std::exchange(under_way_, {})) settle(std::move(asked));
}

}  // namespace berth::sim
