// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/image_tool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/fd.h"
#include "base/output.h"
#include "base/text.h"
#include "bootstrap/manifest/chunks.h"
#include "bootstrap/manifest/digest.h"
#include "bootstrap/manifest/minisign.h"

namespace berth::boot {
namespace {

namespace fs = std::filesystem;

Status put_file(const fs::path& from, const fs::path& to) {
    std::error_code error;
    if (fs::exists(to, error)) return {};  // Named by its digest: the same bytes.
    fs::create_hard_link(from, to, error);
    if (!error) return {};
    const fs::path private_name = to.string() + ".tmp";
    fs::copy_file(from, private_name, fs::copy_options::overwrite_existing, error);
    if (!error) fs::rename(private_name, to, error);
    if (error) return fail(ErrorCode::I01, "copy {} to {}: {}", from.string(), to.string(), error.message());
    return {};
}

Result<ManifestFile> add_file(const std::string& path, const fs::path& out) {
    const fs::path source(path);
    auto whole = BERTH_TRY(digest_of_file(path));
    auto chunks = BERTH_TRY(chunks_of_file(path));
    const std::string list = format_chunk_list(chunks);
    ManifestFile file;
    file.name = source.filename().string();
    file.size = whole.size;
    file.digest = whole.hex;
    file.chunks = {file.name + ".chunks", list.size(), to_hex(digest_of(list))};
    BERTH_TRY(put_file(source, out / file.digest));
    BERTH_TRY(write_file_durably(out / file.chunks.digest, list, 0644));
    return file;
}

Status check_file(const fs::path& folder, const std::string& name, uint64_t size, const std::string& digest) {
    auto found = digest_of_file(folder / digest);
    if (!found) return fail(found.error().with_prefix(name));
    if (found->size != size || found->hex != digest)
        return fail(ErrorCode::B05, "{}: {} is damaged", name, digest);
    return {};
}

}  // namespace

Status make_image(const ManifestOrder& order) {
    std::error_code error;
    fs::create_directories(order.out, error);
    if (error) return fail(ErrorCode::I01, "make {}: {}", order.out, error.message());
    Manifest manifest{.kind = order.kind, .version = order.version, .created = order.created};
    for (const auto& path : order.files) {
        auto file = BERTH_TRY(add_file(path, order.out));
        manifest.files.push_back(std::move(file));
    }
    const std::string text = format_manifest(manifest);
    // What the client would refuse is not written.
    BERTH_TRY(parse_manifest(text));
    return write_file_durably(fs::path(order.out) / manifest_name(order.kind), text, 0644);
}

Status sign_file(const std::string& secret_key_path, const std::string& path) {
    auto secret_text = BERTH_TRY(read_file(secret_key_path, 4096));
    auto secret = SecretKey::parse(secret_text);
    if (!secret) return fail(secret.error().with_prefix(secret_key_path));
    auto data = BERTH_TRY(read_file(path, k_max_manifest));
    return write_file_durably(path + ".minisig",
                              secret->sign(data, "file:" + fs::path(path).filename().string()), 0644);
}

Status make_keys(const std::string& secret_path, const std::string& public_path) {
    // A key that exists may be the only one that clients trust: never replaced.
    if (fs::exists(secret_path)) return fail(ErrorCode::I01, "{} exists already", secret_path);
    const SecretKey key = SecretKey::generate();
    BERTH_TRY(write_file_durably(secret_path, key.format(), 0600));
    return write_file_durably(public_path, key.format_public(), 0644);
}

Status verify_file(const std::string& public_key_path, const std::string& path) {
    auto key_text = BERTH_TRY(read_file(public_key_path, 4096));
    auto key = BERTH_TRY(parse_public_key(key_text));
    auto data = BERTH_TRY(read_file(path, k_max_manifest));
    auto signature = BERTH_TRY(read_file(path + ".minisig", 4096));
    BERTH_TRY(verify_signature(key, data, signature));
    return {};
}

Status check_image(const std::string& folder, ManifestKind kind) {
    auto text = BERTH_TRY(read_file(fs::path(folder) / manifest_name(kind), k_max_manifest));
    auto manifest = BERTH_TRY(parse_manifest(text));
    for (const auto& f : manifest.files) {
        BERTH_TRY(check_file(folder, f.name, f.size, f.digest));
        BERTH_TRY(check_file(folder, f.chunks.name, f.chunks.size, f.chunks.digest));
    }
    return {};
}

int image_main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    CLI::App app{"Makes images for network boot: chunk lists, manifests, signatures", "berth-image"};
    app.require_subcommand(1);
    std::string path, secret, public_key, kind = "image";
    ManifestOrder order;
    Status status;

    auto* chunk = app.add_subcommand("chunk", "write FILE's chunk list to standard output");
    chunk->add_option("FILE", path)->required();
    chunk->callback([&] {
        auto chunks = chunks_of_file(path);
        if (!chunks)
            status = fail(chunks.error());
        else if (!say_file(format_chunk_list(*chunks)))
            status = fail_errno("write");
    });

    auto* manifest = app.add_subcommand("manifest", "put FILES and their manifest into a folder");
    manifest->add_option("--kind", kind, "image or site")->check(CLI::IsMember({"image", "site"}));
    manifest->add_option("--version", order.version, "rises with each build")->required();
    manifest->add_option("--created", order.created, "time of the build: 2026-01-01T00:00:00Z")->required();
    manifest->add_option("--out", order.out, "folder")->required();
    manifest->add_option("FILES", order.files)->required();
    manifest->callback([&] {
        order.kind = kind == "site" ? ManifestKind::site : ManifestKind::image;
        status = make_image(order);
    });

    auto* sign = app.add_subcommand("sign", "sign FILE into FILE.minisig");
    sign->add_option("--secret", secret, "secret key")->required();
    sign->add_option("FILE", path)->required();
    sign->callback([&] { status = sign_file(secret, path); });

    auto* keygen = app.add_subcommand("keygen", "make a pair of keys without a password");
    keygen->add_option("--secret", secret, "file to make")->required();
    keygen->add_option("--public", public_key, "file to make")->required();
    keygen->callback([&] { status = make_keys(secret, public_key); });

    auto* verify = app.add_subcommand("verify", "verify FILE.minisig");
    verify->add_option("--public", public_key, "public key")->required();
    verify->add_option("FILE", path)->required();
    verify->callback([&] { status = verify_file(public_key, path); });

    auto* check = app.add_subcommand("check", "check every file of an image's folder against its manifest");
    check->add_option("--kind", kind, "image or site")->check(CLI::IsMember({"image", "site"}));
    check->add_option("FOLDER", path)->required();
    check->callback(
        [&] { status = check_image(path, kind == "site" ? ManifestKind::site : ManifestKind::image); });

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return print_usage(app, e);
    }
    if (status) return 0;
    complain("berth-image: {}\n", status.error().to_log());
    return 1;
}

}  // namespace berth::boot
