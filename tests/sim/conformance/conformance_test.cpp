// SPDX-License-Identifier: GPL-3.0-or-later
// The simulator's file server answers as a real one does: each script is played with both, and says the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>

#include "tests/sim/conformance/tested_server.h"

namespace berth::sim {
namespace {

using files::FileHandle;
using volume::Verifier;

template <typename T>
std::string said(const Result<T>& result) {
    return result ? "good" : std::string(code_name(result.error().code()));
}

/// Calls by name, with their answers in the transcript. Every file begins with a word of its own, by which a listing shows
/// which file a name is: numbers of files are used again.
class Caller {
  public:
    Caller(TestedServer& server, Transcript& transcript) : server_(server), transcript_(transcript) {}

    template <typename... A>
    void note(fmt::format_string<A...> format, A&&... a) {
        transcript_.push_back(fmt::format(format, std::forward<A>(a)...));
    }
    FileHandle create(const std::string& name, const std::string& word) {
        auto made = server_.files().create(root(), name, 0600);
        note("CREATE {}: {}", name, said(made));
        if (!made) return {};
        if (auto written = server_.files().write_sync(*made, 0, word); !written)
            note("WRITE {}: {}", name, said(written));
        return *made;
    }
    FileHandle look(const std::string& name) { return look(root(), name); }
    FileHandle look(const FileHandle& in, const std::string& name) {
        auto found = server_.files().lookup(in, name);
        note("LOOKUP {}: {} {}", name, said(found), found ? found->attributes.size : 0);
        return found ? found->handle : FileHandle();
    }
    void link(const FileHandle& file, const std::string& name) { link(file, root(), name); }
    void link(const FileHandle& file, const FileHandle& in, const std::string& name) {
        note("LINK {}: {}", name, said(server_.files().link(file, in, name)));
    }
    void rename(const std::string& from, const std::string& to) {
        note("RENAME {} {}: {}", from, to, said(server_.files().rename(root(), from, to)));
    }
    void remove(const std::string& name) {
        note("REMOVE {}: {}", name, said(server_.files().remove(root(), name)));
    }
    void read(const FileHandle& file, uint64_t offset, uint32_t count) {
        auto bytes = server_.files().read(file, offset, count);
        note("READ {}+{}: {} \"{}\"", offset, count, said(bytes), bytes ? shown(*bytes) : "");
    }
    void attributes(const FileHandle& file) {
        auto a = server_.files().attributes(file);
        note("GETATTR: {} {} {}", said(a), a ? a->size : 0, a && a->type == files::FileType::regular);
    }
    /// READDIR, and what each name leads to.
    void list() {
        auto entries = server_.files().list(root());
        if (!entries) return note("READDIR: {}", said(entries));
        std::ranges::sort(*entries, {}, &files::DirectoryEntry::name);
        std::string all;
        for (const auto& entry : *entries) all += " " + entry.name + "=" + word_of(entry);
        note("READDIR:{}", all);
    }
    const FileHandle& root() { return server_.files().root(); }
    static std::string shown(std::string bytes) {
        std::ranges::replace(bytes, '\0', '0');
        return bytes;
    }

  private:
    std::string word_of(const files::DirectoryEntry& entry) {
        auto found = server_.files().lookup(root(), entry.name);
        if (!found) return said(found);
        if (found->attributes.fileid != entry.fileid) return "another number";
        auto bytes = server_.files().read(found->handle, 0, 16);
        return bytes ? shown(*bytes) : said(bytes);
    }

    TestedServer& server_;
    Transcript& transcript_;
};

/// A line's calls, one at a time. Which verifier an answer had is told by when it was first seen.
class Blocks {
  public:
    Blocks(TestedServer& server, Caller& caller) : server_(server), caller_(caller) { connect(); }

    void connect() { line_ = server_.make_line(); }
    void read(const FileHandle& file, uint64_t offset, uint32_t count) {
        bool over = false;
        line_->read(file, offset, count, [&](volume::CallResult result, std::string_view data, bool end) {
            over = true;
            const bool good = result.ok();
            caller_.note("block READ {}+{}: {} \"{}\"{}", offset, count, told(result),
                         good ? Caller::shown(std::string(data)) : "", good && end ? " end" : "");
        });
        finish(over);
    }
    void write(const FileHandle& file, uint64_t offset, std::string_view data, bool stable) {
        bool over = false;
        line_->write(file, offset, data, stable,
                     [&](volume::CallResult result, const volume::WriteReply& reply) {
                         over = true;
                         caller_.note("block WRITE {} \"{}\"{}: {}{}", offset, data, stable ? " stable" : "",
                                      told(result), result.ok() ? told(reply) : "");
                     });
        finish(over);
    }
    void commit(const FileHandle& file) {
        bool over = false;
        line_->commit(file, [&](volume::CallResult result, const Verifier& verifier) {
            over = true;
            caller_.note("block COMMIT: {}{}", told(result), result.ok() ? told(verifier) : "");
        });
        finish(over);
    }

  private:
    void finish(const bool& over) {
        server_.serve(*line_, over);
        if (!over) line_.reset();  // says that it is lost
    }
    static std::string told(const volume::CallResult& result) {
        return result.lost ? "lost" : "status " + std::to_string(result.status);
    }
    std::string told(const volume::WriteReply& reply) {
        return fmt::format(", {} bytes{}{}", reply.count, reply.stable ? ", stable" : "",
                           told(reply.verifier));
    }
    std::string told(const Verifier& verifier) {
        if (!std::ranges::contains(seen_, verifier)) seen_.push_back(verifier);
        return fmt::format(", verifier {}", std::ranges::find(seen_, verifier) - seen_.begin());
    }

    TestedServer& server_;
    Caller& caller_;
    std::unique_ptr<volume::Line> line_;
    std::vector<Verifier> seen_;
};

void names(TestedServer& server, Transcript& transcript) {
    Caller c(server, transcript);
    c.list();
    c.look("a");
    const FileHandle a = c.create("a", "first");
    c.create("a", "never");
    c.look("a");
    c.link(a, "b");  // a new name
    c.link(a, "b");  // its own
    const FileHandle other = c.create("other", "second");
    c.link(a, "other");
    c.list();
    c.rename("a", "b");  // two names of one file: nothing is done
    c.list();
    c.rename("a", "a");
    c.rename("a", "c");
    c.rename("c", "other");  // replaces
    c.list();
    c.attributes(other);
    c.rename("c", "d");
    c.remove("c");
    c.remove("other");
    c.attributes(a);
    c.remove("b");
    c.list();
}

void stale_handles(TestedServer& server, Transcript& transcript) {
    Caller c(server, transcript);
    const FileHandle gone = c.create("gone", "gone");
    const FileHandle file = c.create("file", "here");
    c.remove("gone");
    c.attributes(gone);
    c.read(gone, 0, 4);
    c.note("WRITE: {}", said(server.files().write_sync(gone, 0, "x")));
    c.note("COMMIT: {}", said(server.files().commit(gone)));
    c.link(gone, "again");
    c.look(gone, "name");
    c.look(file, "name");
    c.link(file, file, "name");
    Blocks blocks(server, c);
    blocks.read(gone, 0, 4);
    blocks.write(gone, 0, "x", false);
    blocks.write(gone, 0, "x", true);
    blocks.commit(gone);
    // The same after a restart, which forgets what the server had open.
    server.restart();
    c.attributes(gone);
    c.link(gone, "again");
    c.read(file, 0, 4);
    c.list();
}

void bytes(TestedServer& server, Transcript& transcript) {
    Caller c(server, transcript);
    const FileHandle file = c.create("disk", "0123456789");
    Blocks blocks(server, c);
    for (const uint64_t offset : {0, 8, 10, 100}) {
        c.read(file, offset, 8);
        blocks.read(file, offset, 8);
    }
    blocks.read(file, 2, 8);  // just its end
    blocks.write(file, 4, "ab", false);
    blocks.write(file, 6, "cd", true);
    blocks.commit(file);
    blocks.read(file, 0, 16);
    blocks.write(file, 20, "xyz", false);  // behind its end
    c.attributes(file);
    blocks.read(file, 8, 16);
    blocks.commit(file);
    blocks.commit(file);
    c.note("COMMIT: {}", said(server.files().commit(file)));
    c.note("WRITE: {}", said(server.files().write_sync(file, 22, "ZZ")));
    blocks.read(file, 16, 16);
}

void restart(TestedServer& server, Transcript& transcript) {
    Caller c(server, transcript);
    const FileHandle file = c.create("disk", "................");
    Blocks blocks(server, c);
    blocks.write(file, 0, "aa", false);
    blocks.commit(file);
    blocks.write(file, 2, "bb", true);
    blocks.write(file, 4, "cc", false);
    c.link(file, "name");
    server.restart();
    blocks.connect();
    blocks.commit(file);  // another verifier: what was not committed may be gone
    auto found = server.files().read(file, 0, 16);
    if (found && (found->substr(4, 2) == "cc" || found->substr(4, 2) == "..")) found->replace(4, 2, "??");
    c.note("READ: {} {}", said(found), found ? *found : "");
    blocks.write(file, 4, "cc", false);
    blocks.commit(file);
    c.list();
}

/// What is kept while `call` is made is executed behind `then`.
void late(TestedServer& server, Caller& c, TestedServer::Keep what, const std::function<void()>& call,
          const std::function<void()>& then) {
    server.keep(what);
    call();
    server.keep(TestedServer::Keep::nothing);
    then();
    c.note("{} late", server.run_kept());
}

void late_names(TestedServer& server, Transcript& transcript) {
    constexpr auto k_names = TestedServer::Keep::names;
    Caller c(server, transcript);
    const FileHandle a = c.create("a", "first");
    late(server, c, k_names, [&] { c.link(a, "b"); }, [&] { c.remove("b"); });
    c.list();  // made again
    late(server, c, k_names, [&] { c.link(a, "c"); }, [&] { c.remove("c"), c.create("c", "second"); });
    c.list();  // the name is another's by now
    late(server, c, k_names, [&] { c.rename("c", "d"); }, [&] { c.create("c", "third"); });
    c.list();  // the new one is moved, over the old one
    late(server, c, k_names, [&] { c.rename("d", "e"); }, [] {});
    c.list();
    late(server, c, k_names, [&] { c.rename("e", "f"); }, [&] { c.link(c.look("f"), "e"); });
    c.list();  // both are one file
    late(server, c, k_names, [&] { c.remove("e"); }, [&] { c.create("e", "fourth"); });
    c.list();
    late(server, c, k_names, [&] { c.create("g", "fifth"); }, [] {});
    c.list();
    late(server, c, k_names, [&] { c.remove("g"), c.create("g", "sixth"); }, [&] { c.remove("g"); });
    c.list();  // empty
    const FileHandle h = c.create("h", "seventh");
    late(server, c, k_names, [&] { c.link(h, "i"); }, [&] { c.remove("h"), c.remove("i"); });
    c.list();  // a file that is gone
}

void late_blocks(TestedServer& server, Transcript& transcript) {
    constexpr auto k_blocks = TestedServer::Keep::blocks;
    Caller c(server, transcript);
    const FileHandle file = c.create("disk", "........");
    const FileHandle gone = c.create("gone", "........");
    Blocks blocks(server, c);
    late(
        server, c, k_blocks, [&] { blocks.write(file, 0, "old", true); },
        [&] {
            c.read(file, 0, 8);
            blocks.connect();
            blocks.write(file, 2, "new", true);
        });
    blocks.read(file, 0, 8);
    late(
        server, c, k_blocks, [&] { blocks.write(gone, 0, "old", false); },
        [&] { c.remove("gone"), c.create("gone", "another"); });
    c.list();
    blocks.connect();
    blocks.commit(file);
}

void compare(const Script& script) {
    const Transcript real = play_real(script), simulated = play_simulated(script);
    ASSERT_FALSE(real.empty());
    for (size_t i = 0; i < std::max(real.size(), simulated.size()); i++)
        EXPECT_EQ(i < simulated.size() ? simulated[i] : "nothing", i < real.size() ? real[i] : "nothing")
            << "call " << i + 1;
}

TEST(SimulatedServer, answers_as_a_real_one_about_names) {
    compare(names);
}

TEST(SimulatedServer, answers_as_a_real_one_about_what_is_gone) {
    compare(stale_handles);
}

TEST(SimulatedServer, answers_as_a_real_one_about_bytes) {
    compare(bytes);
}

TEST(SimulatedServer, answers_as_a_real_one_behind_a_restart) {
    compare(restart);
}

TEST(SimulatedServer, executes_late_copies_about_names_as_a_real_one) {
    compare(late_names);
}

TEST(SimulatedServer, executes_late_blocks_as_a_real_one) {
    compare(late_blocks);
}

}  // namespace
}  // namespace berth::sim
