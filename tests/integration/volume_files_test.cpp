// SPDX-License-Identifier: GPL-3.0-or-later
// berth-files between a program and a hostile file server, and a hostile berth-files: whatever they send, the
// program lives, says what is wrong, and works with the next good server.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/spawn.h"
#include "files/copy_file.h"
#include "files/helper/files_server.h"
#include "tests/lib/fake_rpc_server.h"
#include "tests/lib/files_program.h"
#include "tests/lib/ganesha_server.h"
#include "tests/lib/rpc_proxy.h"
#include "tests/testing/code_of.h"
#include "tests/testing/recording_report.h"

namespace berth::volume {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::FakeRpcServer;
using test::RpcAnswer;

std::string status_line(int pid, const std::string& name) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name + ":")) return line.substr(name.size() + 2);
    return "?";
}

/// SIGKILL, and its end awaited.
void kill_wholly(int pid) {
    if (pid <= 0) return;
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    kill(pid, SIGKILL);
    pollfd p{pidfd.get(), POLLIN, 0};
    poll(&p, 1, 10'000);
}

/// An answer that a good server could give to everything but what a test is about.
RpcAnswer good(uint32_t program) {
    return {program == test::k_mount_program ? test::mount_reply("root") : std::string(12, '\0')};
}

class Files : public testing::Test {
  protected:
    SystemClock clock_;
    RecordingReport report_;
    files::FilesHelper files_{test::files_program(), report_};

    Result<std::unique_ptr<files::FileOps>> mount(uint16_t port, Duration timeout = 3s,
                                                  files::Interrupt interrupt = {}) {
        return files_.mount({"127.0.0.1", "/export", port, port}, {4711, 4711, {}}, timeout, interrupt);
    }
};

TEST_F(Files, runs_as_a_user_of_its_own_with_one_capability_and_a_filter) {
    FakeRpcServer server([](uint32_t program, uint32_t) { return good(program); });
    auto tree = mount(server.port());
    ASSERT_TRUE(tree) << tree.error().to_log();
    const int pid = files_.pid();
    const std::string uid = std::to_string(test::k_files_uid);
    EXPECT_EQ(status_line(pid, "Uid"), uid + "\t" + uid + "\t" + uid + "\t" + uid);
    EXPECT_EQ(status_line(pid, "Groups"), " ");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        EXPECT_EQ(status_line(pid, set), fmt::format("{:016x}", 1 << CAP_NET_BIND_SERVICE)) << set;
    EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
    EXPECT_EQ(status_line(pid, "Seccomp"), "2");
}

constexpr char k_socket[] = "/tmp/berth-files-socket";

bool makes_a_file(int fd) {
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(name.sun_path, k_socket, sizeof k_socket);
    return bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
}

/// In a child with the sandbox: the number of the first thing that worked but may not; 0 none, -1 no sandbox.
int first_escape() {
    const pid_t parent = getppid();
    // As berth-files has them.
    for (const int fd : {files::k_files_calls_fd, files::k_files_addresses_fd}) {
        UniqueFd made(socket(AF_UNIX, SOCK_STREAM, 0));
        if (dup2(made.get(), fd) != fd) return 103;
        if (made.get() == fd) (void)made.release();
    }
    if (!files::enter_files_sandbox()) return -1;
    const UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!tcp) return 100;
    char* const program[] = {const_cast<char*>("/bin/true"), nullptr};
    char* const none[] = {nullptr};
    int step = 0;
    for (const bool worked :
         {open("/etc/passwd", O_RDONLY) >= 0, open("/tmp/x", O_WRONLY | O_CREAT, 0600) >= 0,
          socket(AF_UNIX, SOCK_STREAM, 0) >= 0, socket(AF_INET, SOCK_DGRAM, 0) >= 0,
          socket(AF_INET, SOCK_RAW, 1) >= 0, socket(AF_NETLINK, SOCK_RAW, 0) >= 0,
          socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP) >= 0, socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) >= 0,
          makes_a_file(files::k_files_calls_fd), execve(program[0], program, none) == 0, kill(parent, 0) == 0,
          kill(getpid(), 0) == 0, ptrace(PTRACE_ATTACH, parent, 0, 0) == 0, fork() >= 0,
          unlink("/tmp/x") == 0,
          mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
              MAP_FAILED,
          prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, setuid(0) == 0, dup(0) >= 0}) {
        step++;
        if (worked) return step;
    }
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 101;
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0) return 102;
    return 0;
}

TEST_F(Files, whoever_takes_it_over_reaches_tcp_and_nothing_of_this_host) {
    // One that is there already would be a reason not to make it.
    unlink(k_socket);
    const pid_t pid = fork();
    if (pid == 0) _exit(first_escape() & 0xff);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "what may not work did";
    EXPECT_EQ(unlink(k_socket), -1) << "a file was made";
}

TEST_F(Files, survives_replies_of_mount_that_overflow_a_heap) {
    const auto flavors = [](uint32_t count) {
        std::string body;
        test::put32(body, 0);
        test::put32(body, 4);
        body += "root";
        test::put32(body, count);
        // libnfs 4.0 multiplies the count by 4 in 32 bits, and takes as many as there are.
        for (int i = 0; i < 200'000; i++) test::put32(body, 0x41414141);
        return body;
    };
    std::vector<std::string> attacks = {flavors(0x40000001),   flavors(0x40000000),
                                        flavors(0xffffffff),   test::mount_reply(std::string(65, 'h')),
                                        test::mount_reply(""), ""};
    for (const uint32_t length : {0xffffffffU, 0x80000000U, 0x7fffffffU, 0xfffffffcU}) {
        std::string body;
        test::put32(body, 0);
        test::put32(body, length);
        attacks.push_back(body + std::string(1000, 'A'));
    }
    FakeRpcServer well([](uint32_t program, uint32_t) { return good(program); });
    for (const auto& attack : attacks) {
        FakeRpcServer server([&](uint32_t, uint32_t) { return RpcAnswer{attack}; });
        auto tree = mount(server.port(), 500ms);
        ASSERT_FALSE(tree) << "an answer of " << attack.size() << " bytes";
        const std::string_view code = code_of(tree);
        EXPECT_TRUE(code == "BERTH-M04" || code == "BERTH-M11" || code == "BERTH-M06")
            << tree.error().to_log();
        auto after = mount(well.port());
        ASSERT_TRUE(after) << after.error().to_log();
    }
}

TEST_F(Files, a_death_between_two_calls_is_noticed_told_and_made_good) {
    FakeRpcServer server([](uint32_t program, uint32_t) { return good(program); });
    auto tree = mount(server.port());
    ASSERT_TRUE(tree) << tree.error().to_log();
    EXPECT_FALSE(files_.write_lost());
    const int first = files_.pid();
    const BootTime before = clock_.now();
    kill_wholly(first);
    Status removed = (*tree)->remove((*tree)->root(), "x");
    EXPECT_TRUE(removed) << removed.error().to_log();
    EXPECT_NE(files_.pid(), first);
    ASSERT_TRUE(files_.write_lost()) << "what it had sent may be under way";
    EXPECT_GE(*files_.write_lost(), before);
}

TEST_F(Files, a_death_within_a_call_is_no_answer) {
    std::atomic<files::FilesHelper*> files{};
    FakeRpcServer server([&](uint32_t program, uint32_t procedure) {
        if (program == test::k_nfs_program && procedure == 12) kill_wholly(files.load()->pid());  // REMOVE
        return good(program);
    });
    auto tree = mount(server.port());
    ASSERT_TRUE(tree) << tree.error().to_log();
    files = &files_;
    Status removed = (*tree)->remove((*tree)->root(), "x");
    ASSERT_FALSE(removed);
    EXPECT_EQ(code_of(removed), "BERTH-M04") << removed.error().to_log();
    EXPECT_TRUE(files_.write_lost());
}

TEST_F(Files, a_key_that_interrupts_its_program_does_not_reach_it) {
    FakeRpcServer server([](uint32_t program, uint32_t) { return good(program); });
    ASSERT_TRUE(mount(server.port()));
    EXPECT_EQ(getsid(files_.pid()), files_.pid());
    EXPECT_EQ(fs::read_symlink(fmt::format("/proc/{}/fd/2", files_.pid())).string().substr(0, 5), "pipe:");
}

TEST_F(Files, a_deadline_of_one_call_is_not_the_timeout_of_the_next) {
    std::atomic<int> slow_calls{0};
    FakeRpcServer server([&](uint32_t program, uint32_t procedure) {
        if (program == test::k_nfs_program && procedure == 12 && slow_calls-- > 0) clock_.sleep(1500ms);
        return good(program);
    });
    auto tree = mount(server.port(), 30s);
    ASSERT_TRUE(tree) << tree.error().to_log();
    kill_wholly(files_.pid());
    (*tree)->set_deadline(clock_.now() + 1s);
    (void)(*tree)->remove((*tree)->root(), "x");  // mounts anew, perhaps too late on a busy machine
    (*tree)->set_deadline(std::nullopt);
    slow_calls = 1;
    Status removed = (*tree)->remove((*tree)->root(), "x");
    EXPECT_TRUE(removed) << removed.error().to_log();
}

TEST_F(Files, another_directory_after_a_death_is_refused) {
    std::atomic<bool> exchanged{false};
    FakeRpcServer server([&](uint32_t program, uint32_t) {
        return program == test::k_mount_program && exchanged ? RpcAnswer{test::mount_reply("evil")}
                                                             : good(program);
    });
    auto tree = mount(server.port());
    ASSERT_TRUE(tree) << tree.error().to_log();
    exchanged = true;
    kill_wholly(files_.pid());
    Status removed = (*tree)->remove((*tree)->root(), "x");
    ASSERT_FALSE(removed);
    EXPECT_EQ(code_of(removed), "BERTH-M10");
}

/// The programs of hostile_files.cpp, by name.
class HostileFiles : public Files {
  protected:
    fs::path folder_ = fs::temp_directory_path() / ("hostile-" + std::to_string(getpid()));
    HostileFiles() { fs::create_directories(folder_); }
    ~HostileFiles() override { fs::remove_all(folder_); }

    /// What a call says to one that does `mode`; `ask` is made once it is mounted.
    template <typename Ask>
    Error error_of(const std::string& mode, Ask ask) {
        const fs::path program = folder_ / mode;
        fs::create_symlink(BERTH_HOSTILE_FILES, program);
        RecordingReport report;
        files::FilesHelper files({program, {}, {}}, report);
        const BootTime begin = clock_.now();
        auto tree = files.mount({"127.0.0.1", "/export", 1, 1}, {4711, 4711, {}}, 200ms);
        Error error(ErrorCode::I04, "nothing was wrong");
        if (!tree)
            error = tree.error();
        else if (auto answer = ask(**tree); !answer)
            error = answer.error();
        EXPECT_LT(clock_.now() - begin, 60s) << mode;
        return error;
    }
};

TEST_F(HostileFiles, nothing_that_it_sends_is_believed_and_nothing_is_waited_for_without_end) {
    const auto read = [](files::FileOps& tree) { return tree.read("file", 0, 100); };
    const auto list = [](files::FileOps& tree) { return tree.list("folder"); };
    const auto look = [](files::FileOps& tree) { return tree.attributes("file"); };
    const auto copy = [](files::FileOps& tree) { return *tree.copy_here(tree, "a", "b", 0, 1 << 20); };
    std::vector<std::jthread> threads;
    const auto says = [&](const char* mode, auto ask, const char* text, ErrorCode code = ErrorCode::M04) {
        threads.emplace_back([this, mode, ask, text, code] {
            const Error error = error_of(mode, ask);
            EXPECT_EQ(code_of(error), code_name(code)) << mode << ": " << error.to_log();
            EXPECT_NE(error.detail().find(text), std::string::npos) << mode << ": " << error.to_log();
        });
    };
    says("silent", read, "no answer in time");
    says("questions", read, "no answer in time");
    says("huge", read, "it ended");
    says("endless", read, "it ended");
    says("crash", read, "it ended");
    says("hang-up", read, "it ended");
    says("empty", read, "it ends too early");
    says("trailing", read, "something follows it");
    says("more-data", read, "more data than were asked for");
    says("slash", list, "a name holds");
    says("no-end", list, "does not end after 100001 names", ErrorCode::M11);
    says("late-time", look, "a time is not one");
    says("beats", copy, "a flag is neither 0 nor 1");  // the one beat too many is not a reply
    says("mount-long", read, "not 1 to 64 bytes");
    says("mount-none", read, "not 1 to 64 bytes");
    threads.clear();
}

TEST_F(HostileFiles, escape_ends_a_wait_for_one_that_says_nothing) {
    const fs::path program = folder_ / "silent";
    fs::create_symlink(BERTH_HOSTILE_FILES, program);
    files::FilesHelper files({program, {}, {}}, report_);
    const UniqueFd event(eventfd(0, EFD_CLOEXEC));
    auto tree = files.mount({"127.0.0.1", "/export", 1, 1}, {4711, 4711, {}}, 60s, {event.get()});
    ASSERT_TRUE(tree);
    std::jthread escape([&] {
        clock_.sleep(100ms);
        const uint64_t one = 1;
        (void)!write(event.get(), &one, sizeof one);
    });
    auto bytes = (*tree)->read("file", 0, 100);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(code_of(bytes), "BERTH-L05");
    EXPECT_FALSE(files.write_lost()) << "a READ changes nothing";
}

class FilesOnServer : public Files {
  protected:
    test::GaneshaServer server_;
    std::unique_ptr<files::FileOps> mounted() {
        fs::create_directories(server_.exported() / "ann");
        fs::permissions(server_.exported() / "ann", fs::perms::all);
        auto tree = files_.mount(server_.location("ann"), {4711, 4711, {}}, 10s);
        EXPECT_TRUE(tree) << tree.error().to_log();
        return tree ? std::move(*tree) : nullptr;
    }
};

TEST_F(FilesOnServer, copies_inside_of_it_are_the_source_byte_by_byte_and_sparse) {
    std::string bytes(70 << 20, '\0');
    for (size_t at = 0; at < bytes.size(); at += 10 << 20)
        for (size_t i = 0; i < 1 << 20; i++) bytes[at + i] = static_cast<char>((at >> 20) + i * 7);
    auto tree = mounted();
    std::ofstream(server_.exported() / "ann/source") << bytes;
    fs::permissions(server_.exported() / "ann/source", fs::perms::all);
    auto source = tree->lookup(tree->root(), "source");
    ASSERT_TRUE(source) << source.error().to_log();
    auto target = tree->create(tree->root(), "target", 0644);
    ASSERT_TRUE(target) << target.error().to_log();
    std::vector<uint64_t> steps;
    int deaths = 0;
    const files::CopyStep step = [&](uint64_t done) -> Status {
        // It dies once on its way: the stretch is copied again.
        if (!steps.empty() && deaths++ == 0) kill_wholly(files_.pid());
        steps.push_back(done);
        return {};
    };
    Status copied = files::copy_file(*tree, source->handle, *tree, *target, 0, bytes.size(), step, clock_);
    ASSERT_TRUE(copied) << copied.error().to_log();
    EXPECT_EQ(steps.back(), bytes.size());
    std::stringstream found;
    found << std::ifstream(server_.exported() / "ann/target").rdbuf();
    EXPECT_TRUE(found.str() == bytes);
    struct stat facts{};
    ASSERT_EQ(stat((server_.exported() / "ann/target").c_str(), &facts), 0);
    EXPECT_LT(facts.st_blocks * 512, 20 << 20);
}

TEST_F(FilesOnServer, a_name_that_the_resolver_knows_is_looked_up_for_it) {
    fs::create_directories(server_.exported() / "ann");
    auto location = server_.location("ann");
    location.server = "localhost";
    auto tree = files_.mount(location, {4711, 4711, {}}, 10s);
    ASSERT_TRUE(tree) << tree.error().to_log();
    location.server = "no-such-server.invalid";
    auto unknown = files_.mount(location, {4711, 4711, {}}, 10s);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(code_of(unknown), "BERTH-M01") << unknown.error().to_log();
}

TEST_F(Files, a_name_server_that_was_slow_once_holds_up_no_later_mount) {
    std::atomic<int> asked{0};
    files::FilesHelper files(test::files_program(), report_, [&](const std::string&) {
        if (asked++ == 0) clock_.sleep(1s);
        return files::system_look_up("127.0.0.1");
    });
    FakeRpcServer server([](uint32_t program, uint32_t) { return good(program); });
    const NfsLocation location{"fs1.example.org", "/export", server.port(), server.port()};
    auto late = files.mount(location, {4711, 4711, {}}, 200ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(code_of(late), "BERTH-M01") << late.error().to_log();
    auto next = files.mount(location, {4711, 4711, {}}, 10s);
    EXPECT_TRUE(next) << next.error().to_log();
    EXPECT_EQ(asked, 2);
    // The first one's thread uses what is on our stack.
    clock_.sleep(1s);
}

TEST_F(FilesOnServer, a_write_without_an_answer_is_remembered) {
    std::atomic<bool> armed{false};
    test::RpcProxy proxy(server_.location().nfs_port, [&](uint32_t procedure, const std::string&) {
        return armed && procedure == test::k_proc_write ? test::RpcProxy::Fate::keep
                                                        : test::RpcProxy::Fate::pass;
    });
    auto own = mounted();
    auto file = own->create(own->root(), "file", 0644);
    ASSERT_TRUE(file) << file.error().to_log();
    auto location = server_.location("ann");
    location.nfs_port = proxy.port();
    auto tree = files_.mount(location, {4711, 4711, {}}, 3s);
    ASSERT_TRUE(tree) << tree.error().to_log();
    ASSERT_TRUE((*tree)->write_sync(*file, 0, "one"));
    EXPECT_FALSE(files_.write_lost());
    armed = true;
    auto written = (*tree)->write_sync(*file, 0, "two");
    ASSERT_FALSE(written);
    EXPECT_EQ(code_of(written), "BERTH-M04");
    EXPECT_TRUE(files_.write_lost());
}

}  // namespace
}  // namespace berth::volume
