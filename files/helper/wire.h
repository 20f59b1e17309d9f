// SPDX-License-Identifier: GPL-3.0-or-later
// What a root program and its berth-files say to each other over a socket pair (docs/security.md "What a
// file server can do to the client"). A request is answered by exactly one reply, a copy's by any number of
// beats before it. Both come in frames: 32 bits of length, then so many bytes; numbers are little-endian.
// Pure.
//
// berth-files may have been taken over by a file server, so decode_reply() believes nothing: a handle has 1
// to 64 bytes (RFC 1813 2.4), data are at most what was asked for, names are such as a directory can hold, an
// error is one that a file operation can have, and nothing may follow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/nfs_types.h"
#include "base/result.h"
#include "files/file_ops.h"
#include "files/names_part.h"
#include "files/nfs/server_addresses.h"

namespace berth::files {

enum class FileCall : uint8_t {
    mount,
    unmount,
    lookup,
    attributes,
    access,
    readlink,
    list,
    read,
    write_sync,
    create,
    link,
    rename,
    remove,
    space,
    limits,
    make_directory,
    remove_directory,
    symlink,
    write,
    commit,
    set_size,
    copy,
};
inline constexpr FileCall k_last_file_call = FileCall::copy;

/// Whether a call changes what is in a file: if it is not answered, it may still be executed after its
/// connection is gone (docs/security.md, assumption 2).
bool changes_content(FileCall call);

/// The most that one READ or WRITE moves.
inline constexpr uint32_t k_longest_transfer = 1 << 20;
/// The most that one request or reply is long.
inline constexpr size_t k_longest_frame = k_longest_transfer + 64 * 1024;
inline constexpr size_t k_longest_server = 1024, k_most_addresses = 64;
/// The most that one copy moves.
inline constexpr uint64_t k_longest_copy = 32 << 20;

/// One call of FileOps, or what a copy is made of. Only what the call needs travels.
struct FileRequest {
    FileCall call = FileCall::mount;
    uint32_t tree = 0;             ///< The mounted directory, by the number that mount gave it.
    std::optional<Duration> left;  ///< Of the caller's time, when it was sent; none: as long as it may take.

    FileHandle file;       ///< The file, or the directory of `name`.
    FileHandle other;      ///< link: the directory of `name`; copy: the target.
    uint32_t to_tree = 0;  ///< copy: the target's.
    std::string name, to_name;
    std::string data;
    uint64_t offset = 0;  ///< read, write; list: the cookie to continue from; copy: where it begins.
    uint64_t size = 0;    ///< set_size; copy: where it ends; list: the cookie's verifier.
    uint32_t count = 0;   ///< read: the most bytes; access: the rights wanted; create: the mode.

    // mount
    NfsLocation location;
    NfsCredentials credentials;
    Duration timeout{0};
    std::vector<SocketAddress> addresses;  ///< What is known of the server.
};

/// What a call returned. Only what belongs to the call is there.
struct FileReply {
    std::optional<Error> error;
    /// A WRITE, or another change of a file's content, was sent and not answered: it may still be executed.
    bool write_lost = false;

    FileHandle handle;
    Attributes attributes;
    uint32_t access = 0;
    std::string data;  ///< Of a file; a link's target; a verifier of 8 bytes.
    NamesPart part;
    Space space;
    TransferLimits limits;
    std::optional<SocketAddress> address;  ///< mount: where the server answered.
    uint16_t nfs_port = 0, mount_port = 0;
};

/// The bytes of a frame, without its length.
std::string encode_request(const FileRequest& request);
/// I03 names what is wrong.
Result<FileRequest> decode_request(std::string_view bytes);

std::string encode_reply(FileCall call, const FileReply& reply);
/// The answer to `asked`. I03 names what is wrong: whoever sent it is not to be trusted.
Result<FileReply> decode_reply(const FileRequest& asked, std::string_view bytes);

/// A beat instead of a reply: the copy continues.
inline constexpr std::string_view k_beat = "\x02";

/// Addresses of a name as the root program found them, for berth-files.
std::string encode_addresses(const std::vector<SocketAddress>& addresses);
Result<std::vector<SocketAddress>> decode_addresses(std::string_view bytes);

}  // namespace berth::files
