// SPDX-License-Identifier: GPL-3.0-or-later
// Random runs of NfsDisk against a server that loses, delays, refuses, forgets and answers short, judged by a
// model of what the guest was told (docs/rules.md "The volume engine", points 1 and 4). Fixed seeds.
#include <random>

#include "tests/testing/nfs_disk_fixture.h"

namespace berth::volume {
namespace {

using namespace std::chrono_literals;
constexpr size_t k_areas = 4, k_area = 128, k_disk = k_areas * k_area;
constexpr uint64_t k_memory = 6 * (64 + WriteMemory::k_overhead);

/// A server, with two lines to it, in front of which copies of lost writes linger: each may be executed at any time, until the same
/// data was accepted in its place. It is an error to send other data there before.
class LingeringServer {
  public:
    static constexpr size_t k_lines = 2;

    class Face final : public BlockTransport {
      public:
        Face(LingeringServer& of, std::shared_ptr<FakeStorage> storage) : fake(std::move(storage)), of_(of) {}
        files::TransferLimits limits() const override { return {64, 64}; }
        void read(const files::FileHandle& file, uint64_t offset, uint32_t count, ReadDone done) override {
            fake.read(file, offset, count, std::move(done));
        }
        void write(const files::FileHandle& file, uint64_t offset, std::string_view data, bool stable,
                   WriteDone done) override {
            of_.check(offset, data);
            fake.write(file, offset, data, stable, std::move(done));
        }
        void commit(const files::FileHandle& file, CommitDone done) override {
            fake.commit(file, std::move(done));
        }
        FakeTransport fake;

      private:
        LingeringServer& of_;
    };

    void check(uint64_t offset, std::string_view data) const {
        for (const Face& face : faces)
            for (const auto& call : face.fake.calls)
                if (call.kind == FakeTransport::Call::Kind::write && call.offset < offset + data.size() &&
                    offset < call.offset + call.count)
                    ADD_FAILURE() << "two writes to one place are on their way";
        for (const auto& copy : copies)
            for (size_t i = 0; i < data.size(); i++)
                if (copy.covers(offset + i) && copy.data[offset + i - copy.offset] != data[i])
                    ADD_FAILURE() << "different data before an unknown outcome is resolved";
    }
    void answer(Face& face, size_t i, uint32_t most) {
        const auto& call = face.fake.calls[i];
        if (call.kind == FakeTransport::Call::Kind::write) {
            const uint32_t count = std::min(call.count, most);
            for (auto& copy : copies)
                for (uint64_t at = call.offset; at < call.offset + count; at++)
                    if (copy.covers(at)) copy.unresolved[at - copy.offset] = false;
        }
        face.fake.answer(i, most);
        std::erase_if(copies, [](const Copy& c) { return std::ranges::count(c.unresolved, true) == 0; });
    }
    /// Until nothing waits any more, `step` after each.
    template <typename F>
    void answer_all(F&& step) {
        for (bool any = true; any;) {
            any = false;
            for (Face& face : faces)
                if (!face.fake.calls.empty()) {
                    any = true;
                    answer(face, 0, UINT32_MAX);
                    step();
                }
        }
    }
    void lose(Face& face) {
        for (const auto& call : face.fake.calls)
            if (call.kind == FakeTransport::Call::Kind::write)
                copies.push_back({call.offset, call.data, std::vector<bool>(call.count, true)});
        face.fake.lose();
    }
    /// A lingering copy is executed.
    void arrive(size_t i) {
        const Copy& copy = copies[i];
        for (size_t at = 0; at < copy.data.size(); at++)
            if (copy.unresolved[at]) storage->memory[copy.offset + at] = copy.data[at];
    }
    bool lingers(uint64_t at) const {
        return std::ranges::any_of(copies, [at](const Copy& c) { return c.covers(at); });
    }

    struct Copy {
        uint64_t offset;
        std::string data;
        std::vector<bool> unresolved;
        bool covers(uint64_t at) const {
            return at >= offset && at < offset + data.size() && unresolved[at - offset];
        }
    };
    std::shared_ptr<FakeStorage> storage = std::make_shared<FakeStorage>();
    Face faces[k_lines] = {{*this, storage}, {*this, storage}};
    std::vector<Copy> copies;
};

/// One run. The guest has one request for each area under way, and one flush.
struct RandomRun : NfsDiskTest {
    void TestBody() override {}
    struct Area {
        std::shared_ptr<Asked> asked;
        bool reading = false;
        uint64_t offset = 0;
        int last_write = -1;  // the step in which it was asked for
    } areas[k_areas];
    struct Byte {
        char value = '.';          // what the guest was told is written
        std::string maybe;         // what failed since
        std::string floor, since;  // what it might be when the flush was asked for; what was asked for since
        bool may_be(char c) const { return c == value || maybe.find(c) != maybe.npos; }
    };
    std::vector<Byte> bytes = std::vector<Byte>(k_disk);
    std::shared_ptr<Asked> flushing;
    int flush_asked = 0, step_number = 0;
    unsigned flushed = 0, failed = 0;
    std::minstd_rand random;
    LingeringServer lingering;
    WriteMemory small{k_memory};

    size_t lines;       // that the disk is given
    unsigned kept = 0;  // calls that the loss of the other line left alone

    RandomRun(unsigned seed, size_t of_lines) : random(seed), lines(of_lines) {
        lingering.storage->memory = lingering.storage->disk = std::string(k_disk, '.');
        disk.emplace("file", k_disk_size, lease, clock, small, settings);
        for (size_t i = 0; i < lines; i++) disk->line_up(lingering.faces[i]);
    }
    LingeringServer::Face& any_line() { return lingering.faces[random() % lines]; }
    bool chance(unsigned n) { return random() % n == 0; }

    void ask_something() {
        if (!flushing && chance(20)) {
            flushing = flush();
            flush_asked = step_number;
            for (Byte& byte : bytes) {
                byte.floor = byte.maybe + byte.value;
                byte.since.clear();
            }
            for (const auto& area : areas)
                if (area.asked && !area.reading) note_write(area);
        }
        auto& area = areas[random() % k_areas];
        if (area.asked) return;
        const uint64_t base = static_cast<uint64_t>(&area - areas) * k_area;
        // Often what was asked for last, as QEMU repeats what failed.
        area.offset = chance(3) && area.offset ? area.offset : base + random() % 48;
        const auto count = static_cast<uint32_t>(1 + random() % 80);
        area.reading = chance(3);
        if (area.reading) {
            area.asked = read(area.offset, count);
        } else {
            area.last_write = step_number;
            area.asked =
                write(area.offset, std::string(count, static_cast<char>('a' + random() % 26)), chance(8));
            note_write(area);
        }
    }
    void note_write(const Area& area) {
        for (size_t i = 0; i < area.asked->data.size(); i++)
            bytes[area.offset + i].since += area.asked->data[i];
    }
    void something_happens() {
        auto& face = any_line();
        auto& calls = face.fake.calls;
        if (!calls.empty()) {
            const size_t i = random() % calls.size();
            static constexpr int k_refusals[] = {5, 28, 30, 69, 10008};
            if (chance(6))
                face.fake.refuse(i, k_refusals[random() % std::size(k_refusals)]);
            else
                lingering.answer(face, i, chance(4) ? 1 + random() % 8 : UINT32_MAX);
        }
        if (chance(6) && !lingering.copies.empty()) lingering.arrive(random() % lingering.copies.size());
        if (chance(20))
            lose(any_line());
        else if (chance(40))
            lingering.storage->restart();
        if (chance(10)) clock.advance(1s);
        lease.renewed(clock.now(), lease.begin_renewal());
        disk->step();
    }
    void lose(LingeringServer::Face& face) {
        // The disk hears of the line first, or of its calls.
        const bool calls_first = chance(2);
        if (calls_first) lingering.lose(face);
        disk->line_lost(face);
        lingering.lose(face);
        if (chance(2)) lingering.storage->restart();
        if (chance(3)) clock.advance(16s);
        lease.renewed(clock.now(), lease.begin_renewal());
        if (chance(2)) disk->step();  // on the other one, if there is one
        for (const auto& other : lingering.faces) kept += other.fake.calls.size();
        disk->line_up(face);
    }
    void take_answers() {
        for (auto& area : areas) {
            if (!area.asked || !area.asked->error) continue;
            const auto asked = std::exchange(area.asked, nullptr);
            const bool good = *asked->error == 0;
            if (!good) failed++;
            for (size_t i = 0; area.reading && good && i < asked->buffer.size(); i++)
                ASSERT_TRUE(bytes[area.offset + i].may_be(asked->buffer[i])) << "read at " << area.offset + i;
            for (size_t i = 0; !area.reading && i < asked->data.size(); i++) {
                Byte& byte = bytes[area.offset + i];
                if (good)
                    byte.value = asked->data[i], byte.maybe.clear();
                else
                    byte.maybe += asked->data[i];
            }
        }
        if (!flushing || !flushing->error) return;
        if (*flushing->error == 0) check_flushed();
        flushing.reset();
    }
    void check_flushed() {
        flushed++;
        for (size_t at = 0; at < k_disk; at++) {
            const auto& area = areas[at / k_area];
            const char on_disk = lingering.storage->disk[at];
            ASSERT_TRUE((bytes[at].floor + bytes[at].since).find(on_disk) != std::string::npos)
                << "flushed, at " << at;
            const bool resting = area.last_write < flush_asked && (!area.asked || area.reading);
            ASSERT_FALSE(resting && lingering.lingers(at))
                << "flushed while a write may still arrive at " << at;
        }
    }
    void end() {
        for (int i = 0; i < 100; i++) {
            lingering.answer_all([this] { disk->step(); });
            take_answers();
            if (HasFatalFailure()) return;
            clock.advance(1s);
            lease.renewed(clock.now(), lease.begin_renewal());
            disk->step();
        }
        auto last = flush();
        lingering.answer_all([this] { disk->step(); });
        ASSERT_EQ(last->error, 0);
        EXPECT_EQ(disk->counters().uncommitted, 0u);
        EXPECT_EQ(small.held(), 0u);
        EXPECT_TRUE(lingering.copies.empty());
        for (size_t at = 0; at < k_disk; at++)
            ASSERT_TRUE(bytes[at].may_be(lingering.storage->disk[at])) << "in the end, at " << at;
    }
    void play() {
        for (step_number = 0; step_number < 400 && !HasFailure(); step_number++) {
            ask_something();
            something_happens();
            take_answers();
            ASSERT_LE(small.held(), k_memory);
        }
        end();
    }
};

void play_all(size_t lines) {
    unsigned flushed = 0, failed = 0, kept = 0;
    for (unsigned seed = 1; seed <= 120; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomRun run(seed, lines);
        run.play();
        if (::testing::Test::HasFailure()) return;
        flushed += run.flushed;
        failed += run.failed;
        kept += run.kept;
    }
    EXPECT_GT(flushed, 200u) << "the runs show nothing";
    EXPECT_GT(failed, 200u) << "the runs show nothing";
    EXPECT_EQ(kept > 200, lines > 1) << "the runs show nothing";
}

TEST(NfsDiskModel, what_the_guest_was_told_holds_in_random_runs) {
    play_all(1);
}

TEST(NfsDiskModel, what_the_guest_was_told_holds_on_two_lines_that_are_lost_one_by_one) {
    play_all(2);
}

}  // namespace
}  // namespace berth::volume
