// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/nfs/block_calls.h"

#include <cstring>

#include "files/nfs/record_reader.h"

namespace berth::files {
namespace {

constexpr uint32_t k_call = 0, k_reply = 1, k_rpc_version = 2;
constexpr uint32_t k_nfs = 100003, k_nfs_version = 3;
constexpr uint32_t k_null = 0, k_read = 6, k_write = 7, k_commit = 21;
constexpr uint32_t k_auth_none = 0, k_auth_sys = 1;
constexpr uint32_t k_unstable = 0, k_file_sync = 2;
constexpr uint32_t k_longest_verifier = 400;      // RFC 5531 8.2
constexpr size_t k_fattr3 = 84, k_wcc_attr = 24;  // RFC 1813 2.6
constexpr std::string_view k_machine = "berth";

void put(std::string& to, uint32_t n) {
    const char bytes[] = {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                          static_cast<char>(n)};
    to.append(bytes, sizeof bytes);
}

void put(std::string& to, uint64_t n) {
    put(to, static_cast<uint32_t>(n >> 32));
    put(to, static_cast<uint32_t>(n));
}

void put(std::string& to, std::string_view opaque) {
    put(to, static_cast<uint32_t>(opaque.size()));
    to.append(opaque);
    to.append(BlockCalls::padding(static_cast<uint32_t>(opaque.size())), '\0');
}

size_t size_of(std::string_view opaque) {
    return 4 + opaque.size() + BlockCalls::padding(static_cast<uint32_t>(opaque.size()));
}

/// Takes values off the front; once something was missing, everything is.
class Cursor {
  public:
    explicit Cursor(std::string_view rest) : rest_(rest) {}
    bool good() const { return good_; }
    std::string_view rest() const { return rest_; }

    std::string_view bytes(size_t count) {
        if (!good_ || rest_.size() < count) {
            good_ = false;
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    uint32_t number() {
        const std::string_view b = bytes(4);
        uint32_t n = 0;
        for (const char c : b) n = n << 8 | static_cast<unsigned char>(c);
        return n;
    }
    bool boolean() {
        const uint32_t n = number();
        if (n > 1) good_ = false;
        return n == 1;
    }
    std::string_view opaque(uint32_t longest) {
        const uint32_t size = number();
        if (size > longest) good_ = false;
        const std::string_view taken = bytes(size);
        bytes(BlockCalls::padding(size));
        return taken;
    }
    void optional(size_t size) {
        if (boolean()) bytes(size);
    }
    void wcc_data() {
        optional(k_wcc_attr);
        optional(k_fattr3);
    }
    std::array<char, 8> verifier() {
        std::array<char, 8> made{};
        const std::string_view b = bytes(made.size());
        if (good_) std::memcpy(made.data(), b.data(), made.size());
        return made;
    }

  private:
    std::string_view rest_;
    bool good_ = true;
};

}  // namespace

BlockCalls::BlockCalls(const NfsCredentials& credentials) {
    std::string body;
    put(body, uint32_t{0});  // stamp: any
    put(body, k_machine);
    put(body, credentials.uid);
    put(body, credentials.gid);
    put(body, static_cast<uint32_t>(credentials.groups.size()));
    for (const uint32_t group : credentials.groups) put(body, group);
    put(credential_, k_auth_sys);
    put(credential_, body);
    put(credential_, k_auth_none);
    put(credential_, std::string_view());
}

void BlockCalls::begin(std::string& to, uint32_t xid, uint32_t procedure, size_t arguments) const {
    const size_t head = 6 * sizeof(uint32_t);
    put(to, k_last_fragment | static_cast<uint32_t>(head + credential_.size() + arguments));
    for (const uint32_t n : {xid, k_call, k_rpc_version, k_nfs, k_nfs_version, procedure}) put(to, n);
    to += credential_;
}

void BlockCalls::null(std::string& to, uint32_t xid) const {
    begin(to, xid, k_null, 0);
}

void BlockCalls::read(std::string& to, uint32_t xid, const FileHandle& file, uint64_t offset,
                      uint32_t count) const {
    begin(to, xid, k_read, size_of(file) + 12);
    put(to, std::string_view(file));
    put(to, offset);
    put(to, count);
}

void BlockCalls::write(std::string& to, uint32_t xid, const FileHandle& file, uint64_t offset, uint32_t count,
                       bool stable) const {
    begin(to, xid, k_write, size_of(file) + 20 + count + padding(count));
    put(to, std::string_view(file));
    put(to, offset);
    put(to, count);
    put(to, stable ? k_file_sync : k_unstable);
    put(to, count);
}

void BlockCalls::commit(std::string& to, uint32_t xid, const FileHandle& file) const {
    begin(to, xid, k_commit, size_of(file) + 12);
    put(to, std::string_view(file));
    put(to, uint64_t{0});
    put(to, uint32_t{0});
}

std::optional<RpcReply> parse_reply(std::string_view record) {
    Cursor in(record);
    RpcReply reply;
    reply.xid = in.number();
    if (!in.good()) return std::nullopt;
    constexpr uint32_t k_accepted = 0, k_success = 0;
    const bool accepted = in.number() == k_reply && in.number() == k_accepted;
    in.number();  // the verifier's kind
    in.opaque(k_longest_verifier);
    if (accepted && in.number() == k_success && in.good()) reply.body = in.rest();
    return reply;
}

std::optional<ReadAnswer> parse_read(std::string_view body) {
    Cursor in(body);
    ReadAnswer answer;
    answer.status = static_cast<int>(in.number());
    in.optional(k_fattr3);
    if (answer.status == 0) {
        in.number();  // of bytes: the data says the same
        answer.end_of_file = in.boolean();
        answer.data = in.opaque(UINT32_MAX);
    }
    if (!in.good()) return std::nullopt;
    return answer;
}

std::optional<WriteAnswer> parse_write(std::string_view body) {
    Cursor in(body);
    WriteAnswer answer;
    answer.status = static_cast<int>(in.number());
    in.wcc_data();
    if (answer.status == 0) {
        answer.count = in.number();
        const uint32_t committed = in.number();
        answer.stable = committed == k_file_sync;
        answer.verifier = in.verifier();
        if (committed > k_file_sync) return std::nullopt;
    }
    if (!in.good()) return std::nullopt;
    return answer;
}

std::optional<CommitAnswer> parse_commit(std::string_view body) {
    Cursor in(body);
    CommitAnswer answer;
    answer.status = static_cast<int>(in.number());
    in.wcc_data();
    if (answer.status == 0) answer.verifier = in.verifier();
    if (!in.good()) return std::nullopt;
    return answer;
}

}  // namespace berth::files
