// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/image_builds.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "bootstrap/manifest/chunks.h"
#include "bootstrap/manifest/manifest.h"
#include "bootstrap/manifest/minisign.h"
#include "server/boot/images.h"
#include "server/model/text.h"
#include "server/store/store.h"

namespace berth::server {

using boot::Manifest;
using boot::ManifestFile;
using boot::ManifestKind;

/// A folder that is to be added: untrusted until verified.
struct SourceImage {
    UniqueFd folder;
    std::string text, signature;  ///< Of its manifest.
    Manifest manifest;
    std::string build;
};

namespace {

constexpr const char* k_new = ".new";
constexpr const char* k_link = ".link";
constexpr const char* k_old = ".old-";
constexpr const char* k_key_name = "image.pub";
constexpr size_t k_piece = 1 << 20;
/// What iPXE asks for by name.
constexpr std::string_view k_fixed_names[] = {"vmlinuz", "initrd.img"};

Result<UniqueFd> open_folder(int where, const std::string& name) {
    UniqueFd fd(openat(where, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail_errno("open " + name);
    return fd;
}

/// O_NONBLOCK: a named pipe must not hold us before fstat says what it is.
Result<UniqueFd> open_regular(int folder, const std::string& name) {
    UniqueFd fd(openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat st{};
    if (!fd || fstat(fd.get(), &st) != 0) return fail_errno(name);
    if (!S_ISREG(st.st_mode)) return fail(ErrorCode::I01, "{}: is not a regular file", name);
    return fd;
}

Status read_pieces(int fd, const std::string& name, const std::function<Status(std::string_view)>& sink) {
    std::string piece(k_piece, '\0');
    while (true) {
        const ssize_t n = read(fd, piece.data(), piece.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read " + name);
        if (n == 0) return {};
        BERTH_TRY(sink(std::string_view(piece).substr(0, static_cast<size_t>(n))));
    }
}

Result<std::string> read_small(int folder, const std::string& name, size_t limit) {
    auto fd = BERTH_TRY(open_regular(folder, name));
    std::string text;
    BERTH_TRY(read_pieces(fd.get(), name, [&](std::string_view bytes) -> Status {
        if (text.size() + bytes.size() > limit)
            return fail(ErrorCode::B04, "{}: larger than {} bytes", name, limit);
        text += bytes;
        return {};
    }));
    return text;
}

Result<SourceImage> open_source(const std::string& path) {
    SourceImage source;
    source.folder.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!source.folder) return fail_errno("open");
    const auto has = [&](ManifestKind kind) {
        return faccessat(source.folder.get(), std::string(boot::manifest_name(kind)).c_str(), F_OK,
                         AT_SYMLINK_NOFOLLOW) == 0;
    };
    const bool image = has(ManifestKind::image), site = has(ManifestKind::site);
    if (image == site)
        return fail(ErrorCode::B04, "must hold {}: manifest.json of an image or site.json of a site archive",
                    image ? "only one" : "one");
    const auto kind = image ? ManifestKind::image : ManifestKind::site;
    const std::string name(boot::manifest_name(kind));
    auto text = BERTH_TRY(read_small(source.folder.get(), name, boot::k_max_manifest));
    auto signature = BERTH_TRY(read_small(source.folder.get(), name + ".minisig", 4096));
    source.text = std::move(text);
    source.signature = std::move(signature);
    return source;
}

/// Only what is signed is parsed.
Status verify_source(SourceImage& source, const std::string& key_text, ManifestKind kind) {
    auto key = BERTH_TRY(boot::parse_public_key(key_text));
    BERTH_TRY(boot::verify_signature(key, source.text, source.signature));
    auto manifest = BERTH_TRY(boot::parse_manifest(source.text));
    if (manifest.kind != kind)
        return fail(ErrorCode::B04, "{}: is of the wrong kind", boot::manifest_name(kind));
    const auto needed = kind == ManifestKind::image
                            ? std::vector<std::string>{"vmlinuz", "initrd.img", "root.squashfs"}
                            : std::vector<std::string>{"site.squashfs"};
    for (const auto& name : needed)
        if (manifest.find(name) == nullptr)
            return fail(ErrorCode::B04, "{}: has no {}", boot::manifest_name(kind), name);
    source.manifest = std::move(manifest);
    source.build = boot::build_name(source.manifest.version, source.text);
    return {};
}

/// Checks `file` and its chunk list in the folder `from`, and hands both on piece by piece as they are good.
Status check_file(int from, const ManifestFile& file,
                  const std::function<Status(const std::string& name, std::string_view bytes)>& put) {
    if (file.chunks.size > boot::k_max_chunk_list)
        return fail(ErrorCode::B04, "{}: larger than {} bytes", file.chunks.name, boot::k_max_chunk_list);
    auto list = read_small(from, file.chunks.digest, file.chunks.size);
    if (!list) return fail(list.error().with_prefix(file.chunks.name));
    if (list->size() != file.chunks.size || to_hex(boot::digest_of(*list)) != file.chunks.digest)
        return fail(ErrorCode::B05, "{}: is not the file that the manifest names", file.chunks.name);
    auto chunks = boot::parse_chunk_list(*list, file.size);
    if (!chunks) return fail(chunks.error().with_prefix(file.name));
    BERTH_TRY(put(file.chunks.digest, *list));
    auto fd = open_regular(from, file.digest);
    if (!fd) return fail(fd.error().with_prefix(file.name));
    boot::Blake2b<32> whole;
    boot::ChunkVerifier verifier(*chunks, 0, [&](std::string_view chunk) -> Status {
        whole.add(chunk);
        return put(file.digest, chunk);
    });
    Status done = read_pieces(fd->get(), file.digest, [&](std::string_view b) { return verifier.add(b); });
    if (done) done = verifier.finish();
    if (!done) return fail(done.error().with_prefix(file.name));
    if (to_hex(whole.finish()) != file.digest)
        return fail(ErrorCode::B05, "{}: is not the file that the manifest names", file.name);
    return {};
}

bool same_file(int folder, const std::string& a, const std::string& b) {
    struct stat one{}, other{};
    return fstatat(folder, a.c_str(), &one, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(folder, b.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/// What somebody put there in place of a build: a folder, or a link to one. The images' folder is the
/// provisioner's user's, so root follows only root's own link, and that very one.
UniqueFd open_by_hand(int images, const std::string& name) {
    UniqueFd entry(openat(images, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat st{};
    if (!entry || fstat(entry.get(), &st) != 0) return UniqueFd();
    constexpr int k_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (S_ISDIR(st.st_mode)) return UniqueFd(openat(entry.get(), ".", k_flags));
    char target[4096];
    const ssize_t n = readlinkat(entry.get(), "", target, sizeof target);
    if (n <= 0 || st.st_uid != geteuid()) return UniqueFd();
    return UniqueFd(openat(images, std::string(target, static_cast<size_t>(n)).c_str(), k_flags));
}

bool has_fixed_name(const ManifestFile& file) {
    return std::ranges::find(k_fixed_names, file.name) != std::end(k_fixed_names);
}

/// The build is here already, and still what its maker signed.
bool is_whole(int builds, const SourceImage& source) {
    auto folder = open_folder(builds, source.build);
    if (!folder) return false;
    const std::string name(boot::manifest_name(source.manifest.kind));
    auto text = read_small(folder->get(), name, boot::k_max_manifest);
    auto signature = read_small(folder->get(), name + ".minisig", 4096);
    if (!text || *text != source.text || !signature || *signature != source.signature) return false;
    if (!read_small(folder->get(), k_key_name, 4096)) return false;
    return std::ranges::all_of(source.manifest.files, [&](const ManifestFile& file) {
        return check_file(folder->get(), file, [](const auto&, auto) { return Status(); }).has_value() &&
               (!has_fixed_name(file) || same_file(folder->get(), file.name, file.digest));
    });
}

std::vector<std::string> names_in(int folder) {
    std::vector<std::string> names;
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* dir = copy < 0 ? nullptr : fdopendir(copy);
    if (dir == nullptr) {
        if (copy >= 0) close(copy);
        return names;
    }
    while (const dirent* entry = readdir(dir))
        if (const std::string_view name = entry->d_name; name != "." && name != "..")
            names.emplace_back(name);
    closedir(dir);
    return names;
}

/// A file, a link or a whole folder; never through a link. What is not there is fine.
Status remove_tree(int where, const std::string& name) {
    if (unlinkat(where, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return fail_errno("remove " + name);
    if (auto folder = open_folder(where, name))
        for (const auto& inner : names_in(folder->get())) BERTH_TRY(remove_tree(folder->get(), inner));
    if (unlinkat(where, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        return fail_errno("remove " + name);
    return {};
}

Status remove_private(int builds) {
    for (const auto& name : names_in(builds))
        if (name.starts_with('.')) BERTH_TRY(remove_tree(builds, name));
    return {};
}

/// Held until the descriptor goes. A descriptor of its own: flock(2) belongs to the open file.
Result<UniqueFd> lock_folder(int folder, bool wait) {
    UniqueFd fd(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail_errno("open the images' folder");
    while (flock(fd.get(), LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EWOULDBLOCK) return UniqueFd();
        if (errno != EINTR) return fail_errno("lock the images' folder");
    }
    return fd;
}

Status sync(int fd, const std::string& what) {
    if (fsync(fd) != 0) return fail_errno("make " + what + " durable");
    return {};
}

Error not_added(const std::string& source, const Error& why) {
    return Error(ErrorCode::P31,
                 fmt::format("{}: {}", source,
                             why.detail().empty() ? std::string(code_summary(why.code())) : why.detail()));
}

/// The public key that the image must be signed with: the one that was named, else that of the build in `current`.
Result<std::string> key_for(const AddImageOrder& order, const std::string& name, int current) {
    if (!order.key.empty()) {
        auto text = read_file(order.key, 4096);
        if (!text) return fail(ErrorCode::P31, "--key {}", text.error().detail());
        return text;
    }
    auto text = read_small(current, k_key_name, 4096);
    if (!text)
        return fail(ErrorCode::P31,
                    "{}: no image of the name {} has a key here yet: give --key FILE, the public key",
                    order.source, name);
    return text;
}

}  // namespace

Result<ImageBuilds> ImageBuilds::open(const std::string& images) {
    UniqueFd fd(::open(images.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st{};
    if (!fd || fstat(fd.get(), &st) != 0)
        return fail(ErrorCode::P05, "--images {}: {}", images, strerror(errno));
    return ImageBuilds(std::move(fd), st.st_uid, st.st_gid);
}

Status ImageBuilds::give(int fd) const {
    if (geteuid() == 0 && fchown(fd, uid_, gid_) != 0) return fail_errno("change the owner");
    return {};
}

Result<UniqueFd> ImageBuilds::make_folder(int where, const std::string& name) const {
    if (mkdirat(where, name.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("make " + name);
    auto folder = BERTH_TRY(open_folder(where, name));
    // Whatever the umask is: the provisioner is another user.
    if (fchmod(folder.get(), 0755) != 0) return fail_errno("change the mode of " + name);
    BERTH_TRY(give(folder.get()));
    return folder;
}

Status ImageBuilds::make_build(int builds, const SourceImage& source, const std::string& key) const {
    auto folder = BERTH_TRY(make_folder(builds, k_new));
    const int to = folder.get();
    UniqueFd open_file;
    std::string open_name;
    const auto end = [&]() -> Status {
        if (!open_file) return {};
        BERTH_TRY(sync(open_file.get(), open_name));
        open_file.reset();
        return {};
    };
    const auto put = [&](const std::string& name, std::string_view bytes) -> Status {
        if (!open_file || open_name != name) {
            BERTH_TRY(end());
            open_file.reset(
                openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
            if (!open_file) return fail_errno("make " + name);
            open_name = name;
            if (fchmod(open_file.get(), 0644) != 0) return fail_errno("change the mode of " + name);
            BERTH_TRY(give(open_file.get()));
        }
        return write_all(open_file.get(), bytes);
    };
    std::set<std::string> copied;  // Two files of one content have one name.
    for (const auto& file : source.manifest.files) {
        if (copied.insert(file.digest).second) BERTH_TRY(check_file(source.folder.get(), file, put));
        if (has_fixed_name(file) && linkat(to, file.digest.c_str(), to, file.name.c_str(), 0) != 0)
            return fail_errno("make " + file.name);
    }
    const std::string name(boot::manifest_name(source.manifest.kind));
    BERTH_TRY(put(name, source.text));
    BERTH_TRY(put(name + ".minisig", source.signature));
    BERTH_TRY(put(k_key_name, key));
    BERTH_TRY(end());
    BERTH_TRY(sync(to, k_new));
    // A build of that name is here only when it was damaged.
    if (renameat2(builds, k_new, builds, source.build.c_str(), RENAME_NOREPLACE) != 0 &&
        (errno != EEXIST || renameat2(builds, k_new, builds, source.build.c_str(), RENAME_EXCHANGE) != 0))
        return fail_errno("rename to " + source.build);
    return sync(builds, source.build);
}

Status ImageBuilds::switch_to(int builds, const std::string& name, const std::string& build) const {
    const std::string target = "." + name + "/" + build;
    if (symlinkat(target.c_str(), builds, k_link) != 0) return fail_errno("make a link to " + build);
    // A folder of that name was made by hand; it comes out under the private name and goes with it.
    if (renameat(builds, k_link, folder_.get(), name.c_str()) != 0 &&
        (errno != EISDIR || renameat2(builds, k_link, folder_.get(), name.c_str(), RENAME_EXCHANGE) != 0))
        return fail_errno("rename to " + name);
    BERTH_TRY(sync(folder_.get(), name));
    return sync(builds, name);
}

Result<AddedImage> ImageBuilds::add(const AddImageOrder& order) {
    const auto refuse = [&](const Error& why) { return fail(not_added(order.source, why)); };
    auto source = open_source(order.source);
    if (!source) return refuse(source.error());
    const auto kind = faccessat(source->folder.get(), "site.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0
                          ? ManifestKind::site
                          : ManifestKind::image;
    AddedImage added;
    added.name = !order.name.empty() ? order.name : kind == ManifestKind::image ? "berth" : "site";
    if (!is_file_name(added.name))
        return fail(ErrorCode::P31,
                    "--name {}: must be 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-', not '.' first", added.name);
    const auto lock = lock_folder(folder_.get(), true);
    if (!lock) return refuse(lock.error());

    // What is served now: its key is what the next one must be signed with, its version the least.
    UniqueFd current;
    if (auto link = build_of_link(folder_.get(), added.name); link && *link) {
        added.before = **link;
        auto all = open_folder(folder_.get(), "." + added.name);
        auto build = all ? open_folder(all->get(), added.before) : fail(all.error());
        if (build) current = std::move(*build);
    } else {
        current = open_by_hand(folder_.get(), added.name);
    }
    const std::string key = BERTH_TRY(key_for(order, added.name, current.get()));
    if (auto good = verify_source(*source, key, kind); !good) return refuse(good.error());
    added.build = source->build;
    const auto other = kind == ManifestKind::image ? ManifestKind::site : ManifestKind::image;
    if (current && read_small(current.get(), std::string(boot::manifest_name(other)), boot::k_max_manifest))
        return fail(ErrorCode::P31, "{}: {} is an image and the other a site archive: give another --name",
                    order.source, added.name);
    if (current && !order.allow_older) {
        auto text = read_small(current.get(), std::string(boot::manifest_name(kind)), boot::k_max_manifest);
        auto manifest = text ? boot::parse_manifest(*text) : Result<Manifest>(fail(text.error()));
        if (manifest && source->manifest.version < manifest->version)
            return fail(ErrorCode::P31, "{}: is of version {}, {} of version {}: --allow-older takes it",
                        order.source, source->manifest.version, added.name, manifest->version);
    }

    auto builds = make_folder(folder_.get(), "." + added.name);
    if (!builds) return refuse(builds.error());
    const auto change = [&]() -> Status {
        BERTH_TRY(sync(folder_.get(), added.name));
        BERTH_TRY(remove_private(builds->get()));
        added.present = is_whole(builds->get(), *source);
        if (!added.present) BERTH_TRY(make_build(builds->get(), *source, key));
        if (added.before != added.build) BERTH_TRY(switch_to(builds->get(), added.name, added.build));
        return {};
    };
    const Status done = change();
    const Status cleared = remove_private(builds->get());
    if (!done) return refuse(done.error());
    if (!cleared) return refuse(cleared.error());
    return added;
}

Result<PrunedBuilds> ImageBuilds::prune(const std::function<Result<Store*>()>& store, const Unless& unless) {
    PrunedBuilds pruned;
    const auto lock = BERTH_TRY(lock_folder(folder_.get(), false));
    if (!lock) return pruned;
    for (const auto& hidden : names_in(folder_.get())) {
        const std::string name = hidden.substr(1);
        if (!hidden.starts_with('.') || !is_file_name(name)) continue;
        const auto builds = open_folder(folder_.get(), hidden);
        if (!builds) continue;
        BERTH_TRY(remove_private(builds->get()));
        const auto current = BERTH_TRY(build_of_link(folder_.get(), name));
        std::vector<std::string> old;
        for (const auto& build : names_in(builds->get()))
            if (boot::is_build_name(build) && build != current.value_or(""))
                old.push_back(name + "/" + build);
        if (old.empty()) continue;
        auto database = BERTH_TRY(store());
        // Out of the way in the same transaction that saw that no token names it (Store::release_builds);
        // the many files of it go when boots need not wait for that.
        BERTH_TRY(database->release_builds(old, [&](const std::string& which) {
            return unless(which, [&]() -> Status {
                const std::string build = which.substr(name.size() + 1);
                if (renameat(builds->get(), build.c_str(), builds->get(), (k_old + build).c_str()) != 0)
                    return fail_errno("rename " + which);
                pruned.removed.push_back(which);
                return {};
            });
        }));
        for (const auto& which : old)
            if (std::ranges::find(pruned.removed, which) == pruned.removed.end())
                pruned.kept.push_back(which);
        BERTH_TRY(remove_private(builds->get()));
    }
    return pruned;
}

}  // namespace berth::server
