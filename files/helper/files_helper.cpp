// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/files_helper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <utility>

#include "base/plain_text.h"
#include "base/spawn.h"
#include "base/text.h"
#include "files/file_limits.h"
#include "files/helper/files_server.h"
#include "files/helper/frames.h"
#include "files/helper/wire.h"

namespace berth::files {
namespace {

/// What an operation of NfsSession is made of has the timeout each: CREATE, LOOKUP, GETATTR. Whoever needs
/// longer does not keep to it.
constexpr int k_calls_of_an_operation = 3;
constexpr Duration k_grace = std::chrono::seconds(2);
/// The least that a server moves at once (NfsSession::limits), so the most beats of a copy.
constexpr uint64_t k_most_beats = k_longest_copy / 512;

/// What of a mounted directory outlives a berth-files.
struct Tree {
    NfsLocation location;
    NfsCredentials credentials;
    Duration timeout;
    Interrupt interrupt;
    ServerAddresses addresses;
    FileHandle root;
    uint16_t nfs_port = 0, mount_port = 0;
    uint64_t mounted_in = 0;  ///< The run of berth-files that has it; 0: none.
};

}  // namespace

/// The process and the two sockets to it.
class FilesProcess {
  public:
    FilesProcess(FilesProgram program, Report& report) : program_(std::move(program)), report_(report) {}

    std::optional<BootTime> write_lost() {
        notice_end();
        return write_lost_;
    }
    /// It may have ended since the last call.
    void notice_end() {
        if (!running()) return;
        pollfd p{child_.pidfd(), POLLIN, 0};
        if (poll(&p, 1, 0) > 0) ended("it ended");
    }
    int pid() const { return child_.running() ? child_.pid() : -1; }

    /// Makes the directory known; its first mount.
    Status add(uint32_t number, const std::shared_ptr<Tree>& tree, std::optional<BootTime> deadline) {
        deadline_ = deadline;
        trees_[number] = tree;
        Status mounted = see_mounted(number, *tree);
        if (!mounted) trees_.erase(number);
        return mounted;
    }
    void drop(uint32_t number) {
        const auto found = trees_.find(number);
        if (found == trees_.end()) return;
        if (Tree& tree = *found->second; running() && tree.mounted_in == run_) {
            deadline_ = clock_.now() + std::chrono::seconds(1);
            tree.interrupt = {};
            FileRequest request{.call = FileCall::unmount, .tree = number};
            (void)ask(request, tree);
        }
        trees_.erase(number);
    }
    uint32_t next_number() { return ++last_number_; }

    /// One call in the directory `request.tree`.
    Result<FileReply> call(FileRequest& request, std::optional<BootTime> deadline) {
        deadline_ = deadline;
        Tree& tree = *trees_.at(request.tree);
        notice_end();
        BERTH_TRY(see_mounted(request.tree, tree));
        if (request.call == FileCall::copy)
            BERTH_TRY(see_mounted(request.to_tree, *trees_.at(request.to_tree)));
        return ask(request, tree);
    }

  private:
    bool running() const { return static_cast<bool>(calls_); }

    Status start() {
        int calls[2], addresses[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, calls) != 0) return fail_errno("socketpair");
        UniqueFd ours(calls[0]), theirs(calls[1]);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, addresses) != 0)
            return fail_errno("socketpair");
        UniqueFd our_addresses(addresses[0]), their_addresses(addresses[1]);
        int words[2];
        if (pipe2(words, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
        UniqueFd our_words(words[0]), their_words(words[1]);
        SpawnOptions options;
        options.arguments = {program_.program};
        // Neither our terminal nor the journal is its own to write to, and a key that ends us is not for it.
        options.descriptors = {{2, their_words.get()},
                               {k_files_calls_fd, theirs.get()},
                               {k_files_addresses_fd, their_addresses.get()}};
        options.new_session = true;
        options.uid = program_.uid;
        options.gid = program_.gid;
        if (geteuid() == 0) options.ambient_capabilities = {CAP_NET_BIND_SERVICE};
        options.die_with_parent = true;
        child_ = BERTH_TRY(spawn(options));
        // It counts all of that user's; threads are for look-ups alone.
        const rlimit threads{.rlim_cur = 128, .rlim_max = 128};
        if (program_.uid) (void)prlimit(child_.pid(), RLIMIT_NPROC, &threads, nullptr);
        calls_ = std::move(ours);
        addresses_ = std::move(our_addresses);
        words_ = std::move(our_words);
        reader_ = {};
        wanted_.clear();
        run_++;
        return {};
    }

    void end() {
        child_ = {};  // kills and reaps it
        calls_.reset();
        addresses_.reset();
        words_.reset();
    }

    /// Unasked: whatever it had sent may still be under way.
    void ended(std::string_view why) {
        std::string text(why);
        std::string words(512, '\0');
        if (const ssize_t n = read(words_.get(), words.data(), words.size()); n > 0)
            text += ": " + printable(words.substr(0, static_cast<size_t>(n)), 512);
        end();
        write_lost_ = clock_.now();  // from now on it sends nothing
        report_.error("berth-files ended", Error(ErrorCode::M04, text));
    }

    Status see_mounted(uint32_t number, Tree& tree) {
        if (running() && tree.mounted_in == run_) return {};
        if (!running()) BERTH_TRY(start());
        FileRequest request{.call = FileCall::mount,
                            .tree = number,
                            .location = tree.location,
                            .credentials = tree.credentials,
                            .timeout = tree.timeout,
                            .addresses = tree.addresses.known()};
        if (request.addresses.size() > k_most_addresses) request.addresses.resize(k_most_addresses);
        if (deadline_ && clock_.now() >= *deadline_)
            return fail(ErrorCode::M04, "{}: no time left to mount", tree.location.server);
        auto reply = BERTH_TRY(ask(request, tree));
        if (!tree.root.empty() && tree.root != reply.handle)
            return fail(ErrorCode::M10, "{} is another directory than before",
                        format_location(tree.location));
        tree.root = reply.handle;
        tree.nfs_port = reply.nfs_port;
        tree.mount_port = reply.mount_port;
        // One of those that we found; else it would choose where the next one connects to.
        if (const auto known = tree.addresses.known();
            reply.address && std::ranges::find(known, *reply.address) != known.end())
            tree.addresses.answered(*reply.address);
        tree.mounted_in = run_;
        return {};
    }

    /// The error of a reply is returned as one.
    Result<FileReply> ask(FileRequest& request, Tree& tree) {
        auto reply = exchange(request, tree);
        if (!reply) return reply;
        if (reply->write_lost) write_lost_ = clock_.now();
        if (reply->error) return fail(*reply->error);
        return reply;
    }

    BootTime bound(const FileRequest& request, const Tree& tree) {
        const int calls = request.call == FileCall::mount ? 1 : k_calls_of_an_operation;
        const BootTime most = clock_.now() + (tree.timeout * calls + k_grace);
        return deadline_ ? std::min(most, *deadline_ + k_grace) : most;
    }

    Result<FileReply> exchange(FileRequest& request, Tree& tree) {
        if (deadline_) request.left = *deadline_ - clock_.now();
        const std::string bytes = encode_request(request);
        FrameSender sender(bytes);
        bool sent = false;
        uint64_t beats = 0;
        BootTime until = bound(request, tree);
        std::optional<Waiter> waiter(tree.interrupt);
        if (waiter->over()) return fail(ErrorCode::L05, "{}", tree.location.server);
        while (true) {
            if (!sent) {
                auto some = sender.send(calls_.get(), MSG_DONTWAIT);
                if (!some) return lost("it does not listen", tree);
                sent = *some;
            }
            while (auto frame = reader_.next()) {
                if (*frame == k_beat && request.call == FileCall::copy && ++beats <= k_most_beats) {
                    until = bound(request, tree);
                    waiter.emplace(tree.interrupt);
                    if (waiter->over()) return given_up(request, tree);
                    continue;
                }
                auto reply = decode_reply(request, *frame);
                if (!reply) return lost(reply.error().detail(), tree);
                return reply;
            }
            if (clock_.now() >= until) return lost("no answer in time", tree);
            std::vector<pollfd> fds = {
                {},
                {calls_.get(), static_cast<short>(sent ? POLLIN : POLLIN | POLLOUT), 0},
                {addresses_.get(), POLLIN, 0}};
            for (const auto& [number, pending] : wanted_) fds.push_back({pending->fd(), POLLIN, 0});
            if (waiter->wait(fds, until, clock_) < 0) return given_up(request, tree);
            if (fds[2].revents != 0 && !take_question()) return lost("it ended", tree);
            answer_questions();
            if ((fds[1].revents & ~POLLOUT) == 0) continue;
            if (reader_.take(calls_.get(), k_longest_frame) != FrameReader::End::none)
                return lost("it ended", tree);
        }
    }

    /// Its call is abandoned with it, as a connection would be.
    std::unexpected<Error> given_up(const FileRequest& request, const Tree& tree) {
        end();
        if (changes_content(request.call)) write_lost_ = clock_.now();
        return fail(ErrorCode::L05, "{}", tree.location.server);
    }

    std::unexpected<Error> lost(std::string_view why, const Tree& tree) {
        ended(why);
        return fail(ErrorCode::M04, "{}: the program that speaks to it: {}", tree.location.server, why);
    }

    /// It wants to know the addresses of a directory's server. It cannot choose which name is looked up. Each
    /// question is answered: it asks no other one meanwhile. false: it does not ask any more.
    bool take_question() {
        uint32_t number = 0;
        const ssize_t n = recv(addresses_.get(), &number, sizeof number, MSG_DONTWAIT);
        if (n == 0) return false;
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        const auto tree = n == sizeof number ? trees_.find(number) : trees_.end();
        if (tree == trees_.end()) {
            send_no_address("it is not mounted any more");
        } else if (!wanted_.contains(number)) {
            if (auto pending = tree->second->addresses.look_up())
                wanted_[number] = std::move(pending);
            else
                send_addresses(tree->second->addresses.known());
        }
        return true;
    }

    void answer_questions() {
        std::erase_if(wanted_, [this](const auto& wanted) {
            const auto tree = trees_.find(wanted.first);
            pollfd p{wanted.second->fd(), POLLIN, 0};
            if (tree == trees_.end())
                send_no_address("it is not mounted any more");
            else if (poll(&p, 1, 0) <= 0)
                return false;
            else if (const Status found = wanted.second->result(); found)
                send_addresses(tree->second->addresses.known());
            else
                send_no_address(found.error().detail());
            return true;
        });
    }

    void send_no_address(std::string_view why) { send_answer(std::string(1, '\0') + cut_text(why, 512)); }
    void send_addresses(std::vector<SocketAddress> known) {
        if (known.size() > k_most_addresses) known.resize(k_most_addresses);
        send_answer("\1" + encode_addresses(known));
    }
    void send_answer(const std::string& answer) {
        (void)!send(addresses_.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    FilesProgram program_;
    Report& report_;
    SystemClock clock_;
    Child child_;
    UniqueFd calls_, addresses_, words_;
    FrameReader reader_;
    uint64_t run_ = 0;
    uint32_t last_number_ = 0;
    std::map<uint32_t, std::shared_ptr<Tree>> trees_;
    std::map<uint32_t, std::shared_ptr<ServerAddresses::Pending>> wanted_;
    std::optional<BootTime> write_lost_;
    std::optional<BootTime> deadline_;  ///< Of the call under way.
};

namespace {

class HelpedOps final : public FileOps {
  public:
    HelpedOps(std::shared_ptr<FilesProcess> process, std::shared_ptr<Tree> tree)
        : process_(std::move(process)), tree_(std::move(tree)), number_(process_->next_number()) {}
    ~HelpedOps() override { process_->drop(number_); }
    HelpedOps(const HelpedOps&) = delete;
    HelpedOps& operator=(const HelpedOps&) = delete;

    Status mount() { return process_->add(number_, tree_, deadline_); }

    const FileHandle& root() const override { return tree_->root; }
    /// The addresses are what this program found; the ports are what berth-files says.
    MountedServer server() const override {
        MountedServer server{.nfs_port = tree_->nfs_port, .mount_port = tree_->mount_port};
        for (const auto& address : tree_->addresses.known()) server.addresses.push_back(address.text());
        return server;
    }
    void set_deadline(std::optional<BootTime> deadline) override { deadline_ = deadline; }
    bool out_of_time() const override { return deadline_ && SystemClock().now() >= *deadline_; }

    Result<LookupReply> lookup(const FileHandle& directory, const std::string& name) override {
        BERTH_TRY(usable(name));
        auto reply = BERTH_TRY(call({.call = FileCall::lookup, .file = directory, .name = name}));
        return LookupReply{std::move(reply.handle), reply.attributes};
    }
    Result<Attributes> attributes(const FileHandle& file) override {
        return BERTH_TRY(call({.call = FileCall::attributes, .file = file})).attributes;
    }
    Result<uint32_t> access(const FileHandle& file, uint32_t wanted) override {
        return BERTH_TRY(call({.call = FileCall::access, .file = file, .count = wanted})).access;
    }
    Result<std::string> readlink(const FileHandle& link) override {
        return data(call({.call = FileCall::readlink, .file = link}));
    }
    Result<std::vector<DirectoryEntry>> list(const FileHandle& directory) override {
        return whole_list([&](uint64_t cookie, uint64_t verifier) -> Result<NamesPart> {
            return BERTH_TRY(
                       call({.call = FileCall::list, .file = directory, .offset = cookie, .size = verifier}))
                .part;
        });
    }
    Result<std::string> read(const FileHandle& file, uint64_t offset, uint32_t count) override {
        return data(call({.call = FileCall::read,
                          .file = file,
                          .offset = offset,
                          .count = std::min(count, k_longest_transfer)}));
    }
    Status write_sync(const FileHandle& file, uint64_t offset, std::string_view data) override {
        for (size_t at = 0; at < data.size(); at += k_longest_transfer)
            BERTH_TRY(done({.call = FileCall::write_sync,
                            .file = file,
                            .data = std::string(data.substr(at, k_longest_transfer)),
                            .offset = offset + at}));
        return {};
    }
    Result<FileHandle> create(const FileHandle& directory, const std::string& name, uint32_t mode) override {
        return make(FileCall::create, directory, name, mode);
    }
    Status link(const FileHandle& file, const FileHandle& directory, const std::string& name) override {
        BERTH_TRY(usable(name));
        return done({.call = FileCall::link, .file = file, .other = directory, .name = name});
    }
    Status rename(const FileHandle& directory, const std::string& from, const std::string& to) override {
        BERTH_TRY(usable(from));
        BERTH_TRY(usable(to));
        return done({.call = FileCall::rename, .file = directory, .name = from, .to_name = to});
    }
    Status remove(const FileHandle& directory, const std::string& name) override {
        BERTH_TRY(usable(name));
        return done({.call = FileCall::remove, .file = directory, .name = name});
    }
    Result<Space> space() override { return BERTH_TRY(call({.call = FileCall::space})).space; }
    Result<TransferLimits> limits() override {
        if (limits_) return *limits_;
        auto reply = BERTH_TRY(call({.call = FileCall::limits}));
        limits_ = reply.limits;
        return *limits_;
    }
    Result<FileHandle> make_directory(const FileHandle& directory, const std::string& name,
                                      uint32_t mode) override {
        return make(FileCall::make_directory, directory, name, mode);
    }
    Status remove_directory(const FileHandle& directory, const std::string& name) override {
        BERTH_TRY(usable(name));
        return done({.call = FileCall::remove_directory, .file = directory, .name = name});
    }
    Status symlink(const FileHandle& directory, const std::string& name, const std::string& target) override {
        BERTH_TRY(usable(name));
        if (!possible_link_target(target)) return fail(ErrorCode::M11, "the target of a link is too long");
        return done({.call = FileCall::symlink, .file = directory, .name = name, .data = target});
    }
    Result<std::string> write(const FileHandle& file, uint64_t offset, std::string_view bytes) override {
        const auto most = BERTH_TRY(limits());
        std::string verifier;
        for (size_t at = 0; at < bytes.size(); at += most.write) {
            auto now = data(call({.call = FileCall::write,
                                  .file = file,
                                  .data = std::string(bytes.substr(at, most.write)),
                                  .offset = offset + at}));
            if (!now) return now;
            if (!verifier.empty() && *now != verifier)
                return fail(ErrorCode::M10, "server {} was restarted", tree_->location.server);
            verifier = std::move(*now);
        }
        return verifier;
    }
    Result<std::string> commit(const FileHandle& file) override {
        return data(call({.call = FileCall::commit, .file = file}));
    }
    Status set_size(const FileHandle& file, uint64_t size) override {
        return done({.call = FileCall::set_size, .file = file, .size = size});
    }
    std::optional<Status> copy_here(FileOps& from, const FileHandle& source, const FileHandle& target,
                                    uint64_t begin, uint64_t end) override {
        auto* other = dynamic_cast<HelpedOps*>(&from);
        if (other == nullptr || other->process_ != process_) return std::nullopt;
        FileRequest request{.call = FileCall::copy,
                            .tree = other->number_,
                            .file = source,
                            .other = target,
                            .to_tree = number_,
                            .offset = begin,
                            .size = end};
        auto reply = process_->call(request, deadline_);
        return reply ? Status{} : fail(reply.error());
    }

  private:
    Result<FileReply> call(FileRequest request) {
        request.tree = number_;
        if (!possible_handle(request.file) && needs_handle(request.call))
            return fail(ErrorCode::M10, "a file handle of {} bytes", request.file.size());
        if (out_of_time()) return fail(ErrorCode::M04, "{}: no time left", tree_->location.server);
        return process_->call(request, deadline_);
    }
    static bool needs_handle(FileCall call) { return call != FileCall::space && call != FileCall::limits; }
    Status done(FileRequest request) {
        auto reply = call(std::move(request));
        return reply ? Status{} : fail(reply.error());
    }
    static Result<std::string> data(Result<FileReply> reply) {
        if (!reply) return fail(reply.error());
        return std::move(reply->data);
    }
    Result<FileHandle> make(FileCall what, const FileHandle& directory, const std::string& name,
                            uint32_t mode) {
        BERTH_TRY(usable(name));
        return BERTH_TRY(call({.call = what, .file = directory, .name = name, .count = mode})).handle;
    }
    /// As a server would say it (NFS3ERR_NAMETOOLONG).
    static Status usable(const std::string& name) {
        if (possible_name(name)) return {};
        return fail(ErrorCode::M11, "\"{}\": a name has 1 to {} bytes without \"/\"", printable(name, 64),
                    k_longest_name);
    }

    std::shared_ptr<FilesProcess> process_;
    std::shared_ptr<Tree> tree_;
    uint32_t number_;
    std::optional<BootTime> deadline_;
    std::optional<TransferLimits> limits_;
};

}  // namespace

Result<FilesProgram> files_program(std::string program, const std::string& user) {
    FilesProgram made{.program = std::move(program), .uid = {}, .gid = {}};
    if (geteuid() != 0 || user.empty()) return made;
    const passwd* found = getpwnam(user.c_str());
    if (found == nullptr) return fail(ErrorCode::I04, "user {} does not exist", user);
    made.uid = found->pw_uid;
    made.gid = found->pw_gid;
    return made;
}

std::string installed_files_program() {
    std::error_code error;
    const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
    // PREFIX/bin/berthctl and PREFIX/libexec/berth/berth-files.
    const auto beside = own.parent_path().parent_path() / "libexec/berth/berth-files";
    if (!error && std::filesystem::exists(beside, error)) return beside;
    return FilesProgram{}.program;
}

FilesHelper::FilesHelper(FilesProgram program, Report& report, LookUp look_up)
    : process_(std::make_shared<FilesProcess>(std::move(program), report)), look_up_(std::move(look_up)) {}

FilesHelper::~FilesHelper() = default;

Result<std::unique_ptr<FileOps>> FilesHelper::mount(const NfsLocation& location,
                                                    const NfsCredentials& credentials, Duration timeout,
                                                    Interrupt interrupt) {
    if (credentials.groups.size() > k_max_groups)
        return fail(ErrorCode::M12, "{} groups: at most {}", credentials.groups.size(), k_max_groups);
    if (location.server.empty() || location.server.size() > k_longest_server || location.directory.empty() ||
        location.directory.size() > k_longest_link_target)
        return fail(ErrorCode::M05,
                    "\"{}\": a server has a name of 1 to {} bytes, a directory one of 1 to {}",
                    printable(format_location(location), 128), k_longest_server, k_longest_link_target);
    auto tree = std::make_shared<Tree>(Tree{location,
                                            credentials,
                                            timeout,
                                            std::move(interrupt),
                                            ServerAddresses(location.server, look_up_),
                                            {},
                                            0,
                                            0,
                                            0});
    auto ops = std::make_unique<HelpedOps>(process_, std::move(tree));
    BERTH_TRY(ops->mount());
    return ops;
}

std::optional<BootTime> FilesHelper::write_lost() {
    return process_->write_lost();
}

void FilesHelper::wait_for_lost_writes(Duration hold, Clock& clock) {
    if (const auto lost = write_lost())
        if (const Duration left = *lost + hold - clock.now(); left > Duration(0)) clock.sleep(left);
}

int FilesHelper::pid() const {
    return process_->pid();
}

}  // namespace berth::files
