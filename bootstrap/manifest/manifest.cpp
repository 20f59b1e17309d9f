// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/strict_json.h"
#include "base/text.h"
#include "bootstrap/manifest/digest.h"

namespace berth::boot {
namespace {

using nlohmann::json;
const JsonFormat k_format{
    .name = "manifest",
    .code = ErrorCode::B04,
    .unknown = JsonFormat::refuse,
    .why = "outlives versions, and is signed: a reader acts on all that was signed or on nothing",
    .longest = k_max_manifest};
constexpr size_t k_build_digits = 16;

bool is_file_name(std::string_view s) {
    return !s.empty() && s.size() <= 64 && s.front() != '.' && s.front() != '-' &&
           std::ranges::all_of(s, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
           });
}

bool is_utc_time(std::string_view s) {
    constexpr std::string_view form = "0000-00-00T00:00:00Z";
    if (s.size() != form.size()) return false;
    for (size_t i = 0; i < s.size(); ++i)
        if (form[i] == '0' ? (s[i] < '0' || s[i] > '9') : s[i] != form[i]) return false;
    return true;
}

/// The three members that a file and its chunk list have in common.
void read_common(JsonFields& fields, std::string& name, uint64_t& size, std::string& digest) {
    name = fields.text("name", 1, 64);
    if (!is_file_name(name))
        fields.fault("name", "must be letters, digits, '.', '_', '-', not starting with '.' or '-'");
    size = fields.number("size", 1, k_max_image_file);
    digest = fields.text("digest", 64, 64);
    if (!is_digest(digest)) fields.fault("digest", "must be 64 lower-case hex digits");
}

constexpr std::array k_kinds = {std::pair{ManifestKind::image, "image"},
                                std::pair{ManifestKind::site, "site"}};

void read_manifest(JsonFields& fields, Manifest& manifest) {
    fields.number("schema", 1, 1);
    manifest.kind = fields.choice("kind", k_kinds);
    manifest.version = fields.number("version", 1, k_max_version);
    manifest.created = fields.text("created", 20, 20);
    if (!is_utc_time(manifest.created)) fields.fault("created", "must look like 2026-01-01T00:00:00Z");
    std::set<std::string> names;
    fields.objects("files", 1, k_max_manifest_files, [&](JsonFields& inner) {
        ManifestFile& file = manifest.files.emplace_back();
        read_common(inner, file.name, file.size, file.digest);
        inner.object("chunks", [&](JsonFields& chunks) {
            read_common(chunks, file.chunks.name, file.chunks.size, file.chunks.digest);
        });
        if (!names.insert(file.name).second) inner.fault("name", "must not be the name of an earlier file");
    });
}

}  // namespace

const ManifestFile* Manifest::find(std::string_view name) const {
    const auto it = std::ranges::find(files, name, &ManifestFile::name);
    return it == files.end() ? nullptr : &*it;
}

std::string_view manifest_name(ManifestKind kind) {
    return kind == ManifestKind::image ? "manifest.json" : "site.json";
}

Result<Manifest> parse_manifest(std::string_view text) {
    Manifest manifest;
    BERTH_TRY(read_json(text, k_format, [&](JsonFields& fields) { read_manifest(fields, manifest); }));
    return manifest;
}

std::string format_manifest(const Manifest& manifest) {
    json files = json::array();
    for (const auto& f : manifest.files)
        files.push_back(
            {{"name", f.name},
             {"size", f.size},
             {"digest", f.digest},
             {"chunks", {{"name", f.chunks.name}, {"size", f.chunks.size}, {"digest", f.chunks.digest}}}});
    const json value = {{"schema", 1},
                        {"kind", manifest.kind == ManifestKind::image ? "image" : "site"},
                        {"version", manifest.version},
                        {"created", manifest.created},
                        {"files", files}};
    return value.dump(1) + "\n";
}

std::string build_name(uint64_t version, std::string_view text) {
    return fmt::format("{}-{}", version, to_hex(digest_of(text)).substr(0, k_build_digits));
}

bool is_build_name(std::string_view name) {
    const size_t dash = name.find('-');
    if (dash == 0 || dash > 16 || name.size() != dash + 1 + k_build_digits || name.front() == '0')
        return false;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return std::ranges::all_of(name.substr(0, dash), is_digit) && is_hex(name.substr(dash + 1));
}

}  // namespace berth::boot
