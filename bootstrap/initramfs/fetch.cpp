// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/fetch.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>

#include "base/fd.h"
#include "base/text.h"
#include "bootstrap/initramfs/backoff.h"
#include "bootstrap/manifest/chunks.h"
#include "bootstrap/manifest/digest.h"

namespace berth::boot {
namespace {

template <typename T>
using Fetched = std::expected<T, FetchFailure>;

std::unexpected<FetchFailure> failed(Error error, bool other_build = false) {
    return std::unexpected(FetchFailure{std::move(error), other_build});
}

bool is_gone(const net::HttpClient& http) {
    return http.answer() == 404 || http.answer() == 410;
}

/// The same request again and again while the transport fails.
Fetched<std::string> fetch_patiently(const FetchOrder& order, const std::string& name, size_t limit,
                                     net::HttpClient& http, Clock& clock) {
    Backoff pause;
    for (unsigned attempt = 1;; ++attempt) {
        auto text =
            net::fetch_text(http, {.url = order.url + "/" + name}, order.times, limit, ErrorCode::B02);
        if (text) return std::move(*text);
        if (is_gone(http)) return failed(text.error(), true);
        if (attempt >= order.tries) return failed(text.error());
        clock.sleep(pause.next());
    }
}

Fetched<Manifest> fetch_manifest(const FetchOrder& order, net::HttpClient& http, Clock& clock) {
    const std::string name(manifest_name(order.kind));
    auto text = BERTH_TRY(fetch_patiently(order, name, k_max_manifest, http, clock));
    auto signature = BERTH_TRY(fetch_patiently(order, name + ".minisig", 4096, http, clock));
    auto comment = verify_signature(order.key, text, signature);
    if (!comment) return failed(comment.error().with_prefix(name), is_of_another_key(order.key, signature));
    auto manifest = parse_manifest(text);
    if (!manifest) return failed(manifest.error());
    if (manifest->kind != order.kind) return failed(Error(ErrorCode::B04, name + ": is of the wrong kind"));
    const bool other_version = order.build_version != 0 && manifest->version != order.build_version;
    if (manifest->version < order.minimum_version)
        return failed(Error(ErrorCode::B06, fmt::format("{}: version {}: must be {} or later", name,
                                                        manifest->version, order.minimum_version)),
                      other_version);
    if (other_version)
        return failed(Error(ErrorCode::B07, fmt::format("{}: version {}: what runs here is of version {}",
                                                        name, manifest->version, order.build_version)),
                      true);
    const std::string named = order.url.substr(order.url.rfind('/') + 1);
    const std::string build = build_name(manifest->version, text);
    if (is_build_name(named) && named != build)
        return failed(Error(ErrorCode::B07, fmt::format("{}: of build {}: must be {}", name, build, named)),
                      true);
    return std::move(*manifest);
}

Fetched<ChunkList> fetch_chunk_list(const FetchOrder& order, const ManifestFile& file, net::HttpClient& http,
                                    Clock& clock) {
    if (file.chunks.size > k_max_chunk_list)
        return failed(Error(ErrorCode::B04,
                            fmt::format("{}: larger than {} bytes", file.chunks.name, k_max_chunk_list)));
    auto list = BERTH_TRY(fetch_patiently(order, file.chunks.digest, file.chunks.size, http, clock));
    if (list.size() != file.chunks.size || to_hex(digest_of(list)) != file.chunks.digest)
        return failed(Error(ErrorCode::B05, file.chunks.name + ": is not the file that the manifest names"));
    auto chunks = parse_chunk_list(list, file.size);
    if (!chunks) return failed(chunks.error());
    return std::move(*chunks);
}

/// The private file that grows chunk by chunk. Removed unless kept.
class PartFile {
  public:
    static Result<PartFile> create(const std::string& path, uint64_t size) {
        struct statvfs room{};
        const auto folder = path.substr(0, path.rfind('/'));
        if (statvfs(folder.c_str(), &room) == 0 && room.f_bavail * room.f_frsize < size)
            return fail(ErrorCode::B07, "needs {} MiB of memory for the system, {} MiB are free", size >> 20,
                        (room.f_bavail * room.f_frsize) >> 20);
        UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd) return fail_errno("create " + path);
        return PartFile(path, std::move(fd));
    }
    PartFile(PartFile&&) = default;
    ~PartFile() {
        if (fd_) unlink(path_.c_str());
    }
    Status append(std::string_view bytes) { return write_all(fd_.get(), bytes); }
    Status keep_as(const std::string& path) {
        if (rename(path_.c_str(), path.c_str()) != 0) return fail_errno("rename to " + path);
        fd_.reset();
        return {};
    }

  private:
    PartFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
    std::string path_;
    UniqueFd fd_;
};

Status stream(const FetchOrder& order, const ManifestFile& file, const ChunkList& chunks, PartFile& part,
              net::HttpClient& http, Clock& clock, BootProgress& progress) {
    int shown = -1;
    Backoff pause;
    unsigned fruitless = 0;
    size_t good = 0;
    const auto write_chunk = [&](std::string_view chunk) { return part.append(chunk); };
    while (true) {
        // What a broken transfer left of an unfinished chunk is thrown away with its verifier.
        ChunkVerifier verifier(chunks, good, write_chunk);
        const auto sink = [&](std::string_view bytes) -> Status {
            BERTH_TRY(verifier.add(bytes));
            const int percent = static_cast<int>(verifier.good_bytes() * 100 / file.size);
            if (percent != shown) progress.stage("fetch", shown = percent);
            return {};
        };
        Status ended = http.perform({.url = order.url + "/" + file.digest, .from = verifier.good_bytes()},
                                    order.times, sink);
        if (ended) return verifier.finish();
        if (!failed_as(ended, Condition::no_answer) || is_gone(http)) return ended;
        if (verifier.finish()) return {};  // It broke behind the last byte.
        if (verifier.good_chunks() > good) {
            fruitless = 0;
            pause.reset();
        }
        good = verifier.good_chunks();
        if (++fruitless >= order.tries) return ended;
        clock.sleep(pause.next());
    }
}

}  // namespace

Fetched<FetchedFile> fetch_verified(const FetchOrder& order, net::HttpClient& http, Clock& clock,
                                    BootProgress& progress) {
    const std::string final_path = order.folder + "/" + order.file;
    unlink(final_path.c_str());
    progress.stage("fetch", 0);
    auto manifest = BERTH_TRY(fetch_manifest(order, http, clock));
    const ManifestFile* file = manifest.find(order.file);
    if (file == nullptr)
        return failed(
            Error(ErrorCode::B04, fmt::format("{}: has no {}", manifest_name(order.kind), order.file)));
    auto chunks = BERTH_TRY(fetch_chunk_list(order, *file, http, clock));
    auto part = PartFile::create(final_path + ".part", file->size);
    if (!part) return failed(part.error());
    if (Status s = stream(order, *file, chunks, *part, http, clock, progress); !s)
        return failed(s.error().with_prefix(order.file), failed_as(s, Condition::no_answer) && is_gone(http));
    progress.stage("verify", 100);
    if (Status s = part->keep_as(final_path); !s) return failed(s.error());
    return FetchedFile{final_path, file->size, manifest.version};
}

}  // namespace berth::boot
