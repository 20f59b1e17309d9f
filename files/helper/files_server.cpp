// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/files_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <map>
#include <memory>
#include <mutex>

#include "base/output.h"
#include "files/copy_file.h"
#include "files/helper/frames.h"
#include "files/helper/wire.h"
#include "files/nfs/nfs_session.h"

namespace berth::files {
namespace {

/// Asks the root program, which may use the resolver. Any thread.
class Addresses {
  public:
    explicit Addresses(UniqueFd fd) : fd_(std::move(fd)) {}

    Result<std::vector<SocketAddress>> ask(uint32_t tree, const std::string& name) {
        std::lock_guard lock(mutex_);
        std::string answer(k_longest_frame, '\0');
        ssize_t n = send(fd_.get(), &tree, sizeof tree, MSG_NOSIGNAL);
        if (n == sizeof tree) do
                n = recv(fd_.get(), answer.data(), answer.size(), 0);
            while (n < 0 && errno == EINTR);
        if (n <= 0) return fail(ErrorCode::M01, "{}", name);
        answer.resize(static_cast<size_t>(n));
        // What went wrong comes as a text behind a zero byte, where the number of addresses would begin.
        if (answer.starts_with('\0')) return fail(ErrorCode::M01, "{}", answer.substr(1));
        return decode_addresses(std::string_view(answer).substr(1));
    }

  private:
    std::mutex mutex_;
    UniqueFd fd_;
};

class FilesServer {
  public:
    FilesServer(UniqueFd calls, UniqueFd addresses)
        : calls_(std::move(calls)), addresses_(std::make_shared<Addresses>(std::move(addresses))) {}

    Status run() {
        FrameReader reader;
        while (true) {
            pollfd p{calls_.get(), POLLIN, 0};
            if (poll(&p, 1, -1) < 0 && errno != EINTR) return fail_errno("poll");
            switch (reader.take(calls_.get(), k_longest_frame)) {
                case FrameReader::End::closed:
                    return {};
                case FrameReader::End::malformed:
                    return fail(ErrorCode::I03, "a request of more than {} bytes", k_longest_frame);
                case FrameReader::End::none:
                    break;
            }
            while (auto frame = reader.next()) {
                auto request = BERTH_TRY(decode_request(*frame));
                BERTH_TRY(answer(request));
            }
        }
    }

  private:
    Status send(std::string_view bytes) {
        auto sent = FrameSender(bytes).send(calls_.get(), 0);
        return sent ? Status{} : fail(sent.error());
    }

    Status answer(const FileRequest& request) {
        FileReply reply;
        Status done = perform(request, reply);
        if (!done) reply.error = done.error();
        reply.write_lost = !done && changes_content(request.call) &&
                           (done.error().condition() == Condition::no_answer ||
                            done.error().condition() == Condition::cancelled);
        std::string bytes = encode_reply(request.call, reply);
        if (bytes.size() > k_longest_frame) {
            reply.error = Error(ErrorCode::M11, "a reply of more than 1 MiB");
            bytes = encode_reply(request.call, reply);
        }
        return send(bytes);
    }

    Status mount(const FileRequest& r, FileReply& reply) {
        const auto ask = [addresses = addresses_, tree = r.tree](const std::string& name) {
            return addresses->ask(tree, name);
        };
        ServerAddresses known(r.location.server, ask);
        known.learn(r.addresses);
        auto session =
            BERTH_TRY(NfsSession::mount(r.location, known, r.credentials, r.timeout, {}, deadline_of(r)));
        reply.handle = session->root();
        reply.nfs_port = session->nfs_port();
        reply.mount_port = session->mount_port();
        if (auto tried = known.known(); !tried.empty()) reply.address = tried.front();
        trees_[r.tree] = std::move(session);
        return {};
    }

    static std::optional<BootTime> deadline_of(const FileRequest& r) {
        if (!r.left) return std::nullopt;
        return SystemClock().now() + *r.left;
    }

    /// Moves the value of a Result to where it belongs in the reply.
    template <typename T>
    static Status put(Result<T> result, T& to) {
        if (!result) return fail(result.error());
        to = std::move(*result);
        return {};
    }

    Status perform(const FileRequest& r, FileReply& reply) {
        if (r.call == FileCall::mount) return mount(r, reply);
        const auto found = trees_.find(r.tree);
        if (found == trees_.end()) return fail(ErrorCode::I03, "directory {} is not mounted", r.tree);
        NfsSession& tree = *found->second;
        tree.set_deadline(deadline_of(r));
        switch (r.call) {
            case FileCall::mount:
                break;
            case FileCall::unmount:
                trees_.erase(found);
                return {};
            case FileCall::lookup: {
                auto entry = BERTH_TRY(tree.lookup(r.file, r.name));
                reply.handle = std::move(entry.handle);
                reply.attributes = entry.attributes;
                return {};
            }
            case FileCall::attributes:
                return put(tree.attributes(r.file), reply.attributes);
            case FileCall::access:
                return put(tree.access(r.file, r.count), reply.access);
            case FileCall::readlink:
                return put(tree.readlink(r.file), reply.data);
            case FileCall::list:
                return put(tree.list_part(r.file, r.offset, r.size), reply.part);
            case FileCall::read:
                return put(tree.read(r.file, r.offset, r.count), reply.data);
            case FileCall::write_sync:
                return tree.write_sync(r.file, r.offset, r.data);
            case FileCall::create:
                return put(tree.create(r.file, r.name, r.count), reply.handle);
            case FileCall::link:
                return tree.link(r.file, r.other, r.name);
            case FileCall::rename:
                return tree.rename(r.file, r.name, r.to_name);
            case FileCall::remove:
                return tree.remove(r.file, r.name);
            case FileCall::space:
                return put(tree.space(), reply.space);
            case FileCall::limits:
                return put(tree.limits(), reply.limits);
            case FileCall::make_directory:
                return put(tree.make_directory(r.file, r.name, r.count), reply.handle);
            case FileCall::remove_directory:
                return tree.remove_directory(r.file, r.name);
            case FileCall::symlink:
                return tree.symlink(r.file, r.name, r.data);
            case FileCall::write:
                return put(tree.write(r.file, r.offset, r.data), reply.data);
            case FileCall::commit:
                return put(tree.commit(r.file), reply.data);
            case FileCall::set_size:
                return tree.set_size(r.file, r.size);
            case FileCall::copy:
                return copy(r, tree);
        }
        return fail(ErrorCode::I03, "an unknown call");
    }

    Status copy(const FileRequest& r, NfsSession& from) {
        const auto found = trees_.find(r.to_tree);
        if (found == trees_.end()) return fail(ErrorCode::I03, "directory {} is not mounted", r.to_tree);
        found->second->set_deadline(deadline_of(r));
        const auto limits = BERTH_TRY(found->second->limits());
        // Between two beats are a READ, a WRITE and at last the COMMIT.
        const ReadAt read = [&](uint64_t offset, uint32_t length) -> Result<std::string> {
            BERTH_TRY(send(k_beat));
            return from.read(r.file, offset, std::min(length, limits.write));
        };
        return copy_stretch(read, *found->second, r.other, r.offset, r.size);
    }

    UniqueFd calls_;
    std::shared_ptr<Addresses> addresses_;  ///< A look-up may outlive us.
    std::map<uint32_t, std::unique_ptr<NfsSession>> trees_;
};

}  // namespace

Status serve_files(UniqueFd calls, UniqueFd addresses) {
    return FilesServer(std::move(calls), std::move(addresses)).run();
}

int run_files() {
    // Who asks ends us by closing its sockets, or with itself.
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
    Status served = enter_files_sandbox();
    try {
        if (served) served = serve_files(UniqueFd(k_files_calls_fd), UniqueFd(k_files_addresses_fd));
    } catch (const std::exception& e) {
        served = fail(ErrorCode::I01, "{}", e.what());
    }
    if (!served) complain("berth-files: {}\n", served.error().to_log());
    return served ? 0 : 1;
}

}  // namespace berth::files
