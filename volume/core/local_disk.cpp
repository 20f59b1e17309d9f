// SPDX-License-Identifier: GPL-3.0-or-later
#include "volume/core/local_disk.h"

#include <cerrno>
#include <utility>

namespace berth::volume {

/// A change of the bytes was made, or was not; with FUA it is also to outlive a crash.
Store::Done LocalDisk::ended(const std::shared_ptr<BlockRequest>& request) {
    return [this, request](int error) {
        if (error != 0 || !request->fua) return request->done(error);
        store_->sync([request](int failed) { request->done(failed); });
    };
}

void LocalDisk::submit(std::shared_ptr<BlockRequest> request) {
    if (abandoned_) return request->done(ESHUTDOWN);
    const uint64_t offset = request->offset, count = request->count;
    const auto answered = [request](int error) { request->done(error); };
    switch (request->kind) {
        case BlockRequest::Kind::read:
            counters_.reads++;
            counters_.bytes_read += count;
            return store_->read(offset, {request->buffer, count}, answered);
        case BlockRequest::Kind::write:
            counters_.writes++;
            counters_.bytes_written += count;
            return store_->write(offset, {request->from, count}, ended(request));
        case BlockRequest::Kind::flush:
            return store_->sync(answered);
        case BlockRequest::Kind::zero:
            return store_->zero(offset, count, request->may_punch, ended(request));
        case BlockRequest::Kind::trim:
            return store_->punch(offset, count, ended(request));
        case BlockRequest::Kind::extents:
            return store_->extents(offset, count, request->extents, answered);
        case BlockRequest::Kind::prefetch:
            return store_->prefetch(offset, count, answered);
    }
    std::unreachable();
}

}  // namespace berth::volume
