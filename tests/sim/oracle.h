// SPDX-License-Identifier: GPL-3.0-or-later
// What must hold, whatever happened (docs/rules.md "The volume engine", docs/architecture.md "Released means
// drained"):
//   - a read brings what the guest was told is written, or what it was told has failed since;
//   - of what an owner left without a flush the next one finds this or that, but what its guest has read stays;
//   - what a successful flush covers is on the server's stable storage, and stays there: over restarts, crashes and
//     whoever owns the VM next;
//   - once the next owner has taken the lock, no block of an earlier one is executed, nor could be;
//   - nothing else goes to a place where a block of unknown outcome may still arrive;
//   - a block is sent by a right that rests on a listing asked for less than `hold` ago, and behind the last loss of a
//     connection that may carry a WRITE;
//   - one number has one owner;
//   - a right to send that is lost was lost for a reason.
// By byte, for one disk. Values are different for each write, so a byte says whose it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/sim/server.h"
#include "tests/sim/world.h"

namespace berth::sim {

class Oracle {
  public:
    Oracle(World& world, files::FileHandle disk, size_t size, Duration hold);

    /// take() returned.
    void granted(unsigned client, uint64_t epoch);
    void executed(const Call& call, bool copy);
    void restarted() { check_stable("after a restart of the server"); }

    // docs/rules.md "Lease", "Sockets".
    void lost_write(unsigned client);
    void listed(unsigned client, uint64_t begun, BootTime asked);
    void sends_block(unsigned client);
    /// This client's engine begins, and its right is whole.
    void begins(unsigned client) { rights_[client] = {}; }
    bool ever_lost_write(unsigned client) const { return rights_[client].lost != 0; }

    // What the guest of `epoch` asked for and was told. Of former owners nobody believes anything any more.
    void asked_write(uint64_t epoch, uint64_t offset, const std::string& data);
    void told_write(uint64_t epoch, uint64_t offset, const std::string& data, bool good);
    void told_read(uint64_t epoch, uint64_t offset, const std::string& data);
    void asked_flush(uint64_t epoch);
    void told_flush(uint64_t epoch, bool good);

    /// All is over.
    void end();
    uint64_t digest() const;
    uint64_t flushes() const { return flushes_; }
    uint64_t grants() const { return grants_; }

  private:
    /// `now` is what reads bring: what was acknowledged last, or whatever failed since.
    /// `under_way` was asked for and has no answer.
    /// `kept` is what stable storage may hold: what was there at the last good flush, or was asked for since it
    /// was asked for.
    /// `found` is what former owners may have left, until a read says which of it is there.
    struct Byte {
        std::string now, kept, flushing, under_way, found;
    };
    struct Right {
        uint64_t lost = 0, listed = 0;
        BootTime asked;
    };
    void check_nothing_under_way(uint64_t epoch);
    void check_unknown_outcomes(const Call& call);
    static void settle(Byte& byte, char value);
    void check_stable(const char* when);
    const Server::Node& node() const;

    World& world_;
    const files::FileHandle disk_;
    const Duration hold_;
    std::vector<Byte> bytes_;
    std::vector<Right> rights_ = std::vector<Right>(4);
    uint64_t owner_ = 0;  // the highest number that was taken
    unsigned owner_client_ = 0;
    bool flushing_ = false;
    uint64_t flushes_ = 0, grants_ = 0;
};

}  // namespace berth::sim
