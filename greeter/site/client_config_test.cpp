// SPDX-License-Identifier: GPL-3.0-or-later
#include "greeter/site/client_config.h"

#include <gtest/gtest.h>

#include "tests/testing/code_of.h"

namespace berth {
namespace {

Error error_of(std::string_view text) {
    auto config = parse_client_config(text, "berth.toml");
    EXPECT_FALSE(config) << text;
    return config ? Error(ErrorCode::I01) : config.error();
}

TEST(ClientConfig, has_defaults_that_allow_nothing_special) {
    auto c = parse_client_config("", "berth.toml");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->locate.method, LocateMethod::fixed);
    EXPECT_EQ(c->lock_break, BreakPolicy::user);
    EXPECT_FALSE(c->allow_emulation);
    EXPECT_TRUE(c->network_bridge.empty());
    EXPECT_FALSE(c->guest_address_leased);
}

TEST(ClientConfig, reads_every_key_of_the_manual) {
    auto c = parse_client_config(R"([locate]
method = "script"
server = "fs1"
directory = "/export/users/{user}"
script = "/etc/berth/find"
nfs_port = 2049
mount_port = 20048
[shared]
location = "[fd00::1]:/export/shared"
[lock]
break = "admin"
[vm]
allow_emulation = true
network_bridge = "br0"
guest_address = "leased"
)",
                                 "berth.toml");
    ASSERT_TRUE(c) << c.error().to_log();
    EXPECT_EQ(c->locate.method, LocateMethod::script);
    EXPECT_EQ(c->locate.script, "/etc/berth/find");
    EXPECT_EQ(c->locate.mount_port, 20048);
    EXPECT_EQ(c->shared_location, "[fd00::1]:/export/shared");
    EXPECT_EQ(c->lock_break, BreakPolicy::admin);
    EXPECT_TRUE(c->allow_emulation);
    EXPECT_EQ(c->network_bridge, "br0");
    EXPECT_TRUE(c->guest_address_leased);
}

TEST(ClientConfig, names_file_line_and_key_of_an_unknown_key) {
    EXPECT_EQ(error_of("[lock]\nbreak = \"user\"\nbrake = \"nobody\"\n").detail(),
              "berth.toml, line 3: lock.brake: unknown key");
    EXPECT_EQ(error_of("\n[locks]\n").detail(), "berth.toml, line 2: locks: unknown section");
}

TEST(ClientConfig, names_the_valid_range_of_a_wrong_value) {
    EXPECT_EQ(error_of("[lock]\nbreak = \"anyone\"\n").detail(),
              "berth.toml, line 2: lock.break: must be \"user\", \"admin\" or \"nobody\"");
    EXPECT_EQ(error_of("[locate]\nnfs_port = 65536\n").detail(),
              "berth.toml, line 2: locate.nfs_port: must be 0 to 65535");
    EXPECT_EQ(error_of("[vm]\nallow_emulation = \"yes\"\n").detail(),
              "berth.toml, line 2: vm.allow_emulation: must be true or false");
    EXPECT_EQ(code_of(error_of("[locate]\ndirectory = \"users/{user}\"\n")), "BERTH-I04");
}

TEST(ClientConfig, gives_pam_the_deadline_of_its_step_or_what_the_site_says) {
    EXPECT_EQ(parse_client_config("", "berth.toml")->pam_limit, std::nullopt);
    const auto c = parse_client_config("[pam]\nlimit_seconds = 90\n", "berth.toml");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->pam_limit, std::chrono::seconds(90));
    for (const char* bad : {"0", "-1", "3601", "1.5", "\"60\""})
        EXPECT_EQ(error_of(fmt::format("[pam]\nlimit_seconds = {}\n", bad)).detail(),
                  "berth.toml, line 2: pam.limit_seconds: must be 1 to 3600");
}

TEST(ClientConfig, reads_where_the_template_of_first_logins_is) {
    const auto c = parse_client_config("[vm]\ntemplate = \"fs1:/export/templates/debian\"\n", "berth.toml");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->template_vm, "fs1:/export/templates/debian");
    EXPECT_EQ(
        error_of("[vm]\ntemplate = \"debian\"\n").detail(),
        "berth.toml, line 2: vm.template: must be server:/path of a virtual machine's folder, or empty");
}

TEST(ClientConfig, names_the_line_of_a_syntax_error) {
    EXPECT_TRUE(error_of("[lock]\nbreak = \n").detail().starts_with("berth.toml, line 2: "));
}

TEST(ClientConfig, lets_the_record_override_where_files_are) {
    MachineRecord record;
    record.id = "m-0001";
    record.nfs = {.server = "fs2",
                  .directory = "/home/{user}",
                  .shared = "fs3:/shared",
                  .nfs_port = 3049,
                  .mount_port = 0};
    record.network_bridge = "br1";
    ClientConfig config;
    config.locate.server = "fs1";
    config.locate.mount_port = 20048;
    config = with_record(config, record);
    EXPECT_EQ(config.locate.server, "fs2");
    EXPECT_EQ(config.locate.directory, "/home/{user}");
    EXPECT_EQ(config.locate.nfs_port, 3049);
    EXPECT_EQ(config.locate.mount_port, 20048);
    EXPECT_EQ(config.shared_location, "fs3:/shared");
    EXPECT_EQ(config.network_bridge, "br1");
    EXPECT_FALSE(config.guest_address_leased);
    record.guest_address = "leased";
    config = with_record(config, record);
    EXPECT_TRUE(config.guest_address_leased);
    record.guest_address = "any";
    EXPECT_FALSE(with_record(config, record).guest_address_leased)
        << "what the site says is not the last word";
}

TEST(ClientConfig, takes_an_ipv6_address_with_and_without_brackets) {
    for (const char* text : {"fd00::1", "[fd00::1]"}) {
        const auto c = parse_client_config(fmt::format("[locate]\nserver = \"{}\"\n", text), "berth.toml");
        ASSERT_TRUE(c) << c.error().to_log();
        EXPECT_EQ(c->locate.server, "fd00::1") << "what a resolver takes";
    }
    for (const char* bad : {"[fs1]", "a..b", "-a", "fd00::g", "a b"})
        EXPECT_EQ(error_of(fmt::format("[locate]\nserver = \"{}\"\n", bad)).detail(),
                  "berth.toml, line 2: locate.server: must be a host name or address, or empty");
}

TEST(ClientConfig, reads_the_chords_of_secure_attention) {
    EXPECT_EQ(parse_client_config("", "berth.toml")->chords, default_chords());
    const auto c =
        parse_client_config("[attention]\nchords = \"Ctrl+Alt+End, ctrl+shift+f12\"\n", "berth.toml");
    ASSERT_TRUE(c) << c.error().to_log();
    EXPECT_EQ(c->chords,
              (std::vector{parse_chord("Ctrl+Alt+End").value(), parse_chord("Ctrl+Shift+F12").value()}));
}

TEST(ClientConfig, names_the_line_and_what_is_allowed_of_a_wrong_chord) {
    for (const char* bad :
         {"\"\"", "\"Del\"", "\"Ctrl+Alt+A\"", "\"Ctrl+Alt+Del,\"", "1", "[\"Ctrl+Alt+Del\"]"}) {
        const auto error = error_of(fmt::format("[attention]\n\nchords = {}\n", bad));
        EXPECT_TRUE(error.detail().starts_with(
            "berth.toml, line 3: attention.chords: must be 1 to 8 chords with commas "
            "between, each two or more of Ctrl, Alt, Shift and Meta"))
            << error.detail();
        EXPECT_EQ(code_of(error), "BERTH-I04");
    }
}

TEST(ClientConfig, takes_a_missing_file_for_an_empty_one_and_names_one_that_cannot_be_read) {
    const auto missing = read_client_config("/nonexistent/berth.toml");
    ASSERT_TRUE(missing) << missing.error().to_log();
    EXPECT_EQ(missing->chords, default_chords());
    EXPECT_FALSE(read_client_config("/"));
}

}  // namespace
}  // namespace berth
