// SPDX-License-Identifier: GPL-3.0-or-later
#include "files/helper/wire.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/plain_text.h"
#include "files/file_limits.h"

namespace berth::files {
namespace {

constexpr size_t k_longest_text = 1024;
/// nfstime3 has 32 bits of seconds and 32 of nanoseconds.
constexpr int64_t k_latest_ns = int64_t{UINT32_MAX} * 1'000'000'000 + UINT32_MAX;
constexpr size_t k_verifier = 8;  // NFS3_WRITEVERFSIZE, NFS3_COOKIEVERFSIZE
/// One READDIR's names take at least 24 bytes each of the 32 KiB that we ask for; a server may send more.
constexpr size_t k_most_names = 16'384;

/// The errors that file_ops.h and a mount name.
constexpr std::array k_errors = {ErrorCode::M01, ErrorCode::M02, ErrorCode::M03, ErrorCode::M04,
                                 ErrorCode::M05, ErrorCode::M06, ErrorCode::M07, ErrorCode::M08,
                                 ErrorCode::M09, ErrorCode::M10, ErrorCode::M11, ErrorCode::M12,
                                 ErrorCode::M13, ErrorCode::I01, ErrorCode::I03};

/// As which of them it travels: any other is an error that the server reported. The condition follows from it.
uint16_t error_on_the_wire(ErrorCode code) {
    const auto index = [](ErrorCode c) {
        return static_cast<size_t>(std::ranges::find(k_errors, code_name(c), code_name) - k_errors.begin());
    };
    return static_cast<uint16_t>(index(code) < k_errors.size() ? index(code) : index(ErrorCode::M11));
}

class Writer {
  public:
    static constexpr bool reads = false;
    template <typename T>
    void number(const T& value) {
        using U = std::make_unsigned_t<T>;
        for (size_t i = 0; i < sizeof(T); i++)
            out_ += static_cast<char>(static_cast<uint64_t>(static_cast<U>(value)) >> (8 * i) & 0xff);
    }
    void flag(const bool& value) { out_ += value ? '\1' : '\0'; }
    void text(const std::string& value, size_t /*shortest*/, size_t /*longest*/, const char* /*what*/) {
        number(static_cast<uint32_t>(value.size()));
        out_ += value;
    }
    void wrong(const char*) {}
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

class Reader {
  public:
    static constexpr bool reads = true;
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    template <typename T>
    void number(T& value) {
        if (rest_.size() < sizeof(T)) return wrong("it ends too early");
        uint64_t n = 0;
        for (size_t i = 0; i < sizeof(T); i++) n |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
        value = static_cast<T>(n);
        rest_.remove_prefix(sizeof(T));
    }
    void flag(bool& value) {
        uint8_t n = 0;
        number(n);
        if (n > 1) return wrong("a flag is neither 0 nor 1");
        value = n == 1;
    }
    void text(std::string& value, size_t shortest, size_t longest, const char* what) {
        uint32_t size = 0;
        number(size);
        if (size < shortest || size > longest) return wrong(what);
        if (size > rest_.size()) return wrong("it ends too early");
        value.assign(rest_.substr(0, size));
        rest_.remove_prefix(size);
    }
    void wrong(const char* what) {
        if (!wrong_) wrong_ = what;
        rest_ = {};
    }
    bool good() const { return wrong_ == nullptr; }
    /// Nothing may be left.
    Status done(std::string_view where) {
        if (!wrong_ && !rest_.empty()) wrong_ = "something follows it";
        if (wrong_) return fail(ErrorCode::I03, "{}: {}", where, wrong_);
        return {};
    }

  private:
    std::string_view rest_;
    const char* wrong_ = nullptr;
};

// What a request and a reply consist of is said once, for writing and for reading: `a` is a Writer and the
// value const, or a Reader.

template <typename Archive, typename Handle>
void handle(Archive& a, Handle& value) {
    a.text(value, 1, k_longest_handle, "a file handle has not 1 to 64 bytes");
}

template <typename Archive, typename Text>
void name(Archive& a, Text& value) {
    a.text(value, 1, k_longest_name, "a name has not 1 to 255 bytes");
    if constexpr (Archive::reads)
        if (a.good() && !possible_name(value)) a.wrong("a name holds \"/\" or a zero byte");
}

template <typename Archive, typename Value>
void address(Archive& a, Value& value) {
    std::string raw;
    if constexpr (!Archive::reads) raw.assign(reinterpret_cast<const char*>(&value.storage), value.size);
    a.text(raw, sizeof(sockaddr_in), sizeof(sockaddr_in6), "an address has a wrong length");
    if constexpr (Archive::reads) {
        if (!a.good()) return;
        value = {};
        value.size = static_cast<socklen_t>(raw.size());
        std::memcpy(&value.storage, raw.data(), raw.size());
        const size_t wanted = value.family() == AF_INET    ? sizeof(sockaddr_in)
                              : value.family() == AF_INET6 ? sizeof(sockaddr_in6)
                                                           : 0;
        if (raw.size() != wanted) a.wrong("an address is neither IPv4 nor IPv6");
    }
}

template <typename Archive, typename List, typename Item>
void list(Archive& a, List& values, size_t most, const char* what, const Item& item) {
    auto count = static_cast<uint32_t>(values.size());
    a.number(count);
    if constexpr (Archive::reads) {
        if (a.good() && count > most) a.wrong(what);
        values.clear();
        for (uint32_t i = 0; i < count && a.good(); i++) item(values.emplace_back());
    } else {
        for (auto& value : values) item(value);
    }
}

template <typename Archive, typename List>
void addresses(Archive& a, List& values) {
    list(a, values, k_most_addresses, "too many addresses", [&](auto& value) { address(a, value); });
}

template <typename Archive, typename Value>
void type(Archive& a, Value& value) {
    uint8_t n = static_cast<uint8_t>(value);
    a.number(n);
    if constexpr (Archive::reads) {
        if (n > static_cast<uint8_t>(FileType::other)) return a.wrong("a file's type is unknown");
        value = static_cast<FileType>(n);
    }
}

template <typename Archive, typename Value>
void attributes(Archive& a, Value& value) {
    type(a, value.type);
    a.number(value.mode);
    a.number(value.size);
    a.number(value.fileid);
    a.number(value.mtime_ns);
    a.number(value.ctime_ns);
    if constexpr (Archive::reads)
        for (const int64_t t : {value.mtime_ns, value.ctime_ns})
            if (t < 0 || t > k_latest_ns) a.wrong("a time is not one that NFSv3 can carry");
    a.number(value.uid);
    a.number(value.gid);
}

template <typename Archive, typename Request>
void mount_request(Archive& a, Request& r) {
    a.text(r.location.server, 1, k_longest_server, "a server's name has not 1 to 1024 bytes");
    a.text(r.location.directory, 1, k_longest_link_target, "a directory has not 1 to 4095 bytes");
    a.number(r.location.nfs_port);
    a.number(r.location.mount_port);
    a.number(r.credentials.uid);
    a.number(r.credentials.gid);
    list(a, r.credentials.groups, 65'536, "too many groups", [&](auto& group) { a.number(group); });
    int64_t timeout = r.timeout.count();
    a.number(timeout);
    if constexpr (Archive::reads) r.timeout = Duration(timeout);
    addresses(a, r.addresses);
}

template <typename Archive, typename Request>
void request_body(Archive& a, Request& r) {
    switch (r.call) {
        case FileCall::mount:
            return mount_request(a, r);
        case FileCall::unmount:
        case FileCall::space:
        case FileCall::limits:
            return;
        case FileCall::attributes:
        case FileCall::readlink:
        case FileCall::commit:
            return handle(a, r.file);
        case FileCall::lookup:
        case FileCall::remove:
        case FileCall::remove_directory:
            handle(a, r.file);
            return name(a, r.name);
        case FileCall::access:
            handle(a, r.file);
            return a.number(r.count);
        case FileCall::list:
            handle(a, r.file);
            a.number(r.offset);
            return a.number(r.size);
        case FileCall::read:
            handle(a, r.file);
            a.number(r.offset);
            a.number(r.count);
            if constexpr (Archive::reads)
                if (r.count > k_longest_transfer) a.wrong("more than 1 MiB is to be read");
            return;
        case FileCall::write:
        case FileCall::write_sync:
            handle(a, r.file);
            a.number(r.offset);
            return a.text(r.data, 0, k_longest_transfer, "more than 1 MiB is to be written");
        case FileCall::create:
        case FileCall::make_directory:
            handle(a, r.file);
            name(a, r.name);
            return a.number(r.count);
        case FileCall::link:
            handle(a, r.file);
            handle(a, r.other);
            return name(a, r.name);
        case FileCall::rename:
            handle(a, r.file);
            name(a, r.name);
            return name(a, r.to_name);
        case FileCall::symlink:
            handle(a, r.file);
            name(a, r.name);
            return a.text(r.data, 0, k_longest_link_target, "a link's target has more than 4095 bytes");
        case FileCall::set_size:
            handle(a, r.file);
            return a.number(r.size);
        case FileCall::copy:
            handle(a, r.file);
            a.number(r.to_tree);
            handle(a, r.other);
            a.number(r.offset);
            a.number(r.size);
            if constexpr (Archive::reads)
                if (r.size < r.offset || r.size - r.offset > k_longest_copy)
                    a.wrong("a copy is not of 0 to 32 MiB");
            return;
    }
}

template <typename Archive, typename Request>
void request_fields(Archive& a, Request& r) {
    uint8_t call = static_cast<uint8_t>(r.call);
    a.number(call);
    if constexpr (Archive::reads) {
        if (call > static_cast<uint8_t>(k_last_file_call)) return a.wrong("the call is unknown");
        r.call = static_cast<FileCall>(call);
    }
    a.number(r.tree);
    int64_t left = r.left ? r.left->count() : 0;
    a.number(left);
    if constexpr (Archive::reads)
        if (left != 0) r.left = Duration(left);
    request_body(a, r);
}

template <typename Archive, typename Reply>
void verifier(Archive& a, Reply& r) {
    a.text(r.data, k_verifier, k_verifier, "a verifier has not 8 bytes");
}

template <typename Archive, typename Part>
void seen(Archive& a, Part& part) {
    uint32_t seen = static_cast<uint32_t>(part.seen);
    a.number(seen);
    if constexpr (Archive::reads) {
        if (seen < part.names.size() || seen > k_most_names + 2) a.wrong("the number of names is wrong");
        part.seen = seen;
    }
}

template <typename Archive, typename Reply>
void reply_body(Archive& a, FileCall call, uint32_t asked, Reply& r) {
    switch (call) {
        case FileCall::mount: {
            handle(a, r.handle);
            bool known = r.address.has_value();
            a.flag(known);
            if constexpr (Archive::reads)
                if (known) r.address.emplace();
            if (known && r.address) address(a, *r.address);
            a.number(r.nfs_port);
            return a.number(r.mount_port);
        }
        case FileCall::lookup:
            handle(a, r.handle);
            return attributes(a, r.attributes);
        case FileCall::attributes:
            return attributes(a, r.attributes);
        case FileCall::access:
            a.number(r.access);
            if constexpr (Archive::reads)
                if ((r.access & ~asked) != 0) a.wrong("rights were granted that nobody asked for");
            return;
        case FileCall::readlink:
            a.text(r.data, 0, k_longest_link_target, "a link's target has more than 4095 bytes");
            if constexpr (Archive::reads)
                if (a.good() && !possible_link_target(r.data)) a.wrong("a link's target holds a zero byte");
            return;
        case FileCall::list:
            list(a, r.part.names, k_most_names, "too many names", [&](auto& entry) {
                name(a, entry.name);
                a.number(entry.fileid);
            });
            a.number(r.part.cookie);
            a.number(r.part.verifier);
            a.flag(r.part.end);
            return seen(a, r.part);
        case FileCall::read:
            return a.text(r.data, 0, asked, "there are more data than were asked for");
        case FileCall::create:
        case FileCall::make_directory:
            return handle(a, r.handle);
        case FileCall::space:
            a.number(r.space.bytes);
            return a.number(r.space.files);
        case FileCall::limits:
            a.number(r.limits.read);
            a.number(r.limits.write);
            if constexpr (Archive::reads)
                for (const uint32_t n : {r.limits.read, r.limits.write})
                    if (n == 0 || n > k_longest_transfer) a.wrong("a limit is not of 1 to 1 MiB");
            return;
        case FileCall::write:
        case FileCall::commit:
            return verifier(a, r);
        case FileCall::unmount:
        case FileCall::write_sync:
        case FileCall::link:
        case FileCall::rename:
        case FileCall::remove:
        case FileCall::remove_directory:
        case FileCall::symlink:
        case FileCall::set_size:
        case FileCall::copy:
            return;
    }
}

template <typename Archive, typename Reply>
void reply_error(Archive& a, Reply& r) {
    bool failed = r.error.has_value();
    a.flag(failed);
    a.flag(r.write_lost);
    if (!failed) return;
    uint16_t code = 0;
    std::string text;
    if constexpr (!Archive::reads) {
        code = error_on_the_wire(r.error->code());
        text = cut_text(r.error->detail(), k_longest_text);
    }
    a.number(code);
    a.text(text, 0, k_longest_text, "an error's text has more than 1024 bytes");
    if constexpr (Archive::reads) {
        if (code >= k_errors.size()) a.wrong("an error is not one of a file operation");
        r.error =
            Error(k_errors[std::min<size_t>(code, k_errors.size() - 1)], printable(text, k_longest_text));
    }
}

}  // namespace

bool changes_content(FileCall call) {
    switch (call) {
        case FileCall::write_sync:
        case FileCall::write:
        case FileCall::set_size:
        case FileCall::rename:
        case FileCall::copy:
            return true;
        default:
            return false;
    }
}

std::string encode_request(const FileRequest& request) {
    Writer a;
    request_fields(a, request);
    return a.take();
}

Result<FileRequest> decode_request(std::string_view bytes) {
    Reader a(bytes);
    FileRequest request;
    request_fields(a, request);
    BERTH_TRY(a.done("a request to berth-files"));
    return request;
}

std::string encode_reply(FileCall call, const FileReply& reply) {
    Writer a;
    reply_error(a, reply);
    if (!reply.error) reply_body(a, call, 0, reply);
    return a.take();
}

Result<FileReply> decode_reply(const FileRequest& asked, std::string_view bytes) {
    Reader a(bytes);
    FileReply reply;
    reply_error(a, reply);
    if (!reply.error) reply_body(a, asked.call, asked.count, reply);
    BERTH_TRY(a.done("a reply of berth-files"));
    return reply;
}

std::string encode_addresses(const std::vector<SocketAddress>& known) {
    Writer a;
    addresses(a, known);
    return a.take();
}

Result<std::vector<SocketAddress>> decode_addresses(std::string_view bytes) {
    Reader a(bytes);
    std::vector<SocketAddress> found;
    addresses(a, found);
    BERTH_TRY(a.done("addresses for berth-files"));
    return found;
}

}  // namespace berth::files
