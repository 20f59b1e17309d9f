// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/site/client_config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "base/text.h"

namespace berth {
namespace {

constexpr size_t k_max_text = 4096;

/// Reads one file's keys and keeps the first complaint.
class TomlReader {
  public:
    TomlReader(const toml::table& root, std::string_view file) : root_(root), file_(file) {}

    template <typename T>
    void get(std::string_view section, std::string_view key, T& value, std::string_view range, auto accept) {
        known_.emplace_back(section, key);
        const toml::node_view node = root_[section][key];
        if (!node) return;
        const auto found =
            node.template value_exact<std::conditional_t<std::is_same_v<T, uint16_t>, int64_t, T>>();
        if (!found || !accept(*found))
            return complain(node.node()->source(), section, key, fmt::format("must be {}", range));
        value = static_cast<T>(*found);
    }
    void text(std::string_view section, std::string_view key, std::string& value, std::string_view range,
              auto accept) {
        get(section, key, value, range,
            [&](const std::string& s) { return s.size() <= k_max_text && accept(s); });
    }
    void port(std::string_view section, std::string_view key, uint16_t& value) {
        get(section, key, value, "0 to 65535", [](int64_t v) { return v >= 0 && v <= 65535; });
    }

    Status finish() {
        for (const auto& [section, node] : root_) {
            const bool is_section =
                std::ranges::any_of(known_, [&](const auto& k) { return k.first == section.str(); });
            if (!is_section)
                complain(node.source(), section.str(), "", "unknown section");
            else if (!node.is_table())
                complain(node.source(), section.str(), "", "must be a table");
            else
                for (const auto& [key, value] : *node.as_table())
                    if (std::ranges::find(known_, std::pair{std::string_view(section.str()),
                                                            std::string_view(key.str())}) == known_.end())
                        complain(value.source(), section.str(), key.str(), "unknown key");
        }
        return error_ ? Status(fail(*error_)) : Status{};
    }

  private:
    void complain(const toml::source_region& where, std::string_view section, std::string_view key,
                  std::string_view what) {
        if (error_) return;
        error_ = Error(ErrorCode::I04, fmt::format("{}, line {}: {}{}{}: {}", file_, where.begin.line,
                                                   section, key.empty() ? "" : ".", key, what));
    }

    const toml::table& root_;
    std::string_view file_;
    std::vector<std::pair<std::string_view, std::string_view>> known_;
    std::optional<Error> error_;
};

constexpr std::string_view k_directory_range =
    "an absolute path without \"..\"; {user} is replaced by the user's name";
constexpr std::string_view k_chords_range =
    "1 to 8 chords with commas between, each two or more of Ctrl, Alt, Shift and Meta and then one of Del, "
    "Esc, "
    "End and F1 to F12, as \"Ctrl+Alt+Del\"";

}  // namespace

Result<ClientConfig> parse_client_config(std::string_view text, std::string_view file) {
    ClientConfig c;
    toml::table root;
    try {
        root = toml::parse(text, file);
    } catch (const toml::parse_error& e) {
        return fail(ErrorCode::I04, "{}, line {}: {}", file, e.source().begin.line, e.description());
    }
    TomlReader r(root, file);
    std::string method = "static", policy = "user", guest_address = "any";
    r.text("locate", "method", method, "\"static\" or \"script\"",
           [](const std::string& s) { return s == "static" || s == "script"; });
    r.text("locate", "server", c.locate.server, "a host name or address, or empty",
           [](const std::string& s) { return s.empty() || parse_host(s).has_value(); });
    c.locate.server = parse_host(c.locate.server).value_or("");
    r.text("locate", "directory", c.locate.directory, k_directory_range, is_server_path);
    r.text("locate", "script", c.locate.script, "an absolute path", is_server_path);
    r.port("locate", "nfs_port", c.locate.nfs_port);
    r.port("locate", "mount_port", c.locate.mount_port);
    r.text("shared", "location", c.shared_location, "server:/absolute/path or empty",
           [](const std::string& s) { return s.empty() || parse_location(s).has_value(); });
    r.text("lock", "break", policy, "\"user\", \"admin\" or \"nobody\"",
           [](const std::string& s) { return s == "user" || s == "admin" || s == "nobody"; });
    int64_t pam_seconds = 0;
    r.get("pam", "limit_seconds", pam_seconds, "1 to 3600", [](int64_t v) { return v >= 1 && v <= 3600; });
    r.get("vm", "allow_emulation", c.allow_emulation, "true or false", [](bool) { return true; });
    r.text("vm", "network_bridge", c.network_bridge, "a network interface's name or empty",
           [](const std::string& s) { return s.empty() || is_interface_name(s); });
    r.text("vm", "guest_address", guest_address, "\"any\" or \"leased\"", is_guest_address);
    r.text("vm", "template", c.template_vm, "server:/path of a virtual machine's folder, or empty",
           [](const std::string& s) { return s.empty() || parse_location(s).has_value(); });
    std::string chords;
    r.text("attention", "chords", chords, k_chords_range,
           [](const std::string& s) { return parse_chords(s).has_value(); });
    BERTH_TRY(r.finish());
    if (!chords.empty()) c.chords = BERTH_TRY(parse_chords(chords));
    c.locate.method = method == "script" ? LocateMethod::script : LocateMethod::fixed;
    c.lock_break = policy == "user"    ? BreakPolicy::user
                   : policy == "admin" ? BreakPolicy::admin
                                       : BreakPolicy::nobody;
    if (pam_seconds > 0) c.pam_limit = std::chrono::seconds(pam_seconds);
    c.guest_address_leased = guest_address == "leased";
    return c;
}

Result<ClientConfig> read_client_config(const std::string& file) {
    if (access(file.c_str(), F_OK) != 0 && errno == ENOENT) return ClientConfig{};
    return parse_client_config(BERTH_TRY(read_file(file)), file);
}

ClientConfig with_record(ClientConfig config, const MachineRecord& record) {
    config.locate.unusable = record.nfs.unusable;
    if (!record.nfs.server.empty()) config.locate.server = record.nfs.server;
    if (!record.nfs.directory.empty()) config.locate.directory = record.nfs.directory;
    if (record.nfs.nfs_port != 0) config.locate.nfs_port = record.nfs.nfs_port;
    if (record.nfs.mount_port != 0) config.locate.mount_port = record.nfs.mount_port;
    if (!record.nfs.shared.empty()) config.shared_location = record.nfs.shared;
    if (!record.network_bridge.empty()) config.network_bridge = record.network_bridge;
    if (!record.guest_address.empty()) config.guest_address_leased = record.guest_address == "leased";
    return config;
}

}  // namespace berth
