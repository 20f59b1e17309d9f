// SPDX-License-Identifier: GPL-3.0-or-later
// What berthctl accepts is what a workstation accepts of what the provisioner then serves: in its record and
// on its kernel command line.
#include <gtest/gtest.h>

#include <random>

#include "base/record/machine_record.h"
#include "bootstrap/initramfs/boot_parameters.h"
#include "server/boot/ipxe_script.h"
#include "server/model/machine.h"

namespace berth::server {
namespace {

/// Each setting of the record, and where the record has it.
const std::map<std::string, std::string> k_places{
    {"keymap", "/keymap"},
    {"time_zone", "/time_zone"},
    {"ntp", "/ntp"},
    {"data", "/data"},
    {"nfs_server", "/nfs/server"},
    {"nfs_directory", "/nfs/directory"},
    {"nfs_port", "/nfs/nfs_port"},
    {"mount_port", "/nfs/mount_port"},
    {"shared", "/nfs/shared"},
    {"bridge", "/vm/network_bridge"},
    {"guest_address", "/vm/guest_address"},
};
const std::vector<std::string> k_of_the_boot_script{"mode", "console", "image", "site"};

/// Values near every rule's edges, and random changes of them.
std::vector<std::string> values() {
    std::vector<std::string> seeds{"fs1",
                                   "any",
                                   "leased",
                                   "fs1.",
                                   "fs1..",
                                   "a..b",
                                   ".a",
                                   "-a",
                                   "a-",
                                   "a_b",
                                   "a-.b",
                                   "fs1.example.org.",
                                   "10.0.0.1",
                                   "10.0.0",
                                   "1",
                                   "fd00::1",
                                   "[fd00::1]",
                                   "[fd00::1",
                                   "fd00::1]",
                                   "[[fd00::1]]",
                                   "[fs1]",
                                   "::",
                                   "fe80::1%eth0",
                                   "1:2",
                                   "1:2:3:4:5:6:7:8",
                                   "::ffff:10.0.0.1",
                                   "a,b",
                                   "a,",
                                   ",a",
                                   "[fd00::1],fd00::2",
                                   "1,2,3,4,5,6,7,8",
                                   "1,2,3,4,5,6,7,8,9",
                                   "-de",
                                   "de",
                                   "us-intl",
                                   "de latin1",
                                   "de.map",
                                   "Europe/Berlin",
                                   "Europe//Berlin",
                                   "Europe/",
                                   "/Europe",
                                   "Europe/..",
                                   "../x",
                                   "Etc/GMT+1",
                                   "Europe/-x",
                                   "/export/users/{user}",
                                   "/",
                                   "//",
                                   "/a/../b",
                                   "/a/..",
                                   "/..",
                                   "/a..b",
                                   "/a b",
                                   "/$(x)",
                                   "relative",
                                   "/\xc3\xa4",
                                   "fs1:/export",
                                   "fs1.:/x",
                                   "[fd00::1]:/path",
                                   "fd00::1:/path",
                                   "fs1:x",
                                   ":/x",
                                   "[]:/x",
                                   "fs1:/a/../b",
                                   "fs1:/a b",
                                   "fs1:2049:/x",
                                   "auto",
                                   "none",
                                   "remake",
                                   "remake-",
                                   "remake-1a2b3c4d",
                                   "remake-0123456789abcdefghijklmnopqrstuvw",
                                   "remake 1",
                                   "br0",
                                   "-br0",
                                   ".",
                                   "..",
                                   "a%d",
                                   "eth0.1",
                                   "tty1",
                                   "ttyS0",
                                   "ttyS1,9600",
                                   "ttyS0,1",
                                   "ttyS0 init=/bin/sh",
                                   "berth",
                                   "berth-17",
                                   ".x",
                                   "a/b",
                                   "network",
                                   "a\nb",
                                   "a\tb",
                                   "a\x7f",
                                   "\x1b[2J",
                                   "a\"b",
                                   "a\\b",
                                   "${net0/ip}",
                                   "a||b",
                                   "0",
                                   "1",
                                   "65535",
                                   "65536",
                                   "00080",
                                   "+1",
                                   "-1",
                                   "1e3",
                                   "0x1",
                                   " "};
    for (size_t n : {15,  16,  31,  32,  33,  62,  63,   64,   65,   127, 128,
                     129, 252, 253, 254, 255, 256, 1023, 1024, 1025, 4097}) {
        seeds.emplace_back(n, 'a');
        seeds.push_back("/" + std::string(n - 1, 'a'));
        seeds.push_back("fs1:/" + std::string(n - 1, 'a'));
        seeds.push_back(std::string(n, 'a') + ":/x");
        std::string labels;
        while (labels.size() + 2 < n) labels += "a.";
        seeds.push_back(labels + std::string(n - labels.size(), 'b'));
        std::string parts;
        while (parts.size() + 32 < n) parts += std::string(31, 'z') + "/";
        seeds.push_back(parts + std::string(n - parts.size(), 'z'));
    }
    std::mt19937 random(1);
    const std::string alphabet = "aZ09.-_:/[],{}+@ %$\n\x7f\\\"";
    std::vector<std::string> all = seeds;
    for (const auto& seed : seeds)
        for (int n = 0; n < 6 && seed.size() < 300; ++n) {
            std::string changed = seed;
            for (unsigned i = 0; i <= random() % 3; ++i) {
                const size_t at = random() % (changed.size() + 1);
                const char c = alphabet[random() % alphabet.size()];
                switch (random() % 3) {
                    case 0:
                        changed.insert(at, 1, c);
                        break;
                    case 1:
                        if (at < changed.size()) changed.erase(at, 1);
                        break;
                    default:
                        if (at < changed.size() && static_cast<unsigned char>(changed[at]) < 0x80)
                            changed[at] = c;
                }
            }
            if (!changed.empty() &&
                nlohmann::json(changed).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore) ==
                    nlohmann::json(changed).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
                all.push_back(changed);
        }
    return all;
}

/// The value where the record has it, as the provisioner would put it there without looking.
nlohmann::json unchecked_record(const std::string& key, const std::string& value) {
    nlohmann::json record{{"schema", 1}, {"id", "m-0001"}};
    nlohmann::json& place = record[nlohmann::json::json_pointer(k_places.at(key))];
    place = value;
    if (key == "ntp") {
        place = nlohmann::json::array();
        std::string_view rest = value;
        while (true) {
            const size_t comma = rest.find(',');
            place.push_back(rest.substr(0, comma));
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    } else if (key.ends_with("_port")) {
        // A number is all that a text of digits can become.
        const bool digits = value.find_first_not_of("0123456789") == std::string::npos && value.size() < 18;
        if (digits) place = std::stoull(value);
    }
    return record;
}

TEST(RecordRoundTrip, every_setting_goes_to_the_record_or_to_the_boot_script) {
    EXPECT_EQ(setting_rules().size(), k_places.size() + k_of_the_boot_script.size());
    for (const auto& [key, place] : k_places) EXPECT_NE(find_setting(key), nullptr) << key;
    for (const auto& key : k_of_the_boot_script) EXPECT_NE(find_setting(key), nullptr) << key;
}

TEST(RecordRoundTrip, berthctl_accepts_what_the_workstation_accepts_and_nothing_else) {
    const auto all = values();
    for (const auto& [key, place] : k_places) {
        const auto& rule = *find_setting(key);
        int accepted = 0;
        for (const auto& value : all) {
            const auto checked = checked_setting(rule, value);
            const auto raw = parse_machine_record(unchecked_record(key, value).dump());
            ASSERT_TRUE(raw) << key << " " << value << ": no value of a setting may cost the whole record";
            EXPECT_EQ(checked.has_value(), raw->left_out.empty()) << key << " \"" << value << "\"";
            // From before: the database may hold anything.
            Machine machine{.id = "m-0001", .name = "a"};
            (checked ? machine.settings : machine.refused)[key] = checked ? *checked : value;
            const auto served = parse_machine_record(machine_record(machine, {}, "").dump());
            ASSERT_TRUE(served) << key << " " << value;
            if (!checked) continue;
            ++accepted;
            EXPECT_TRUE(served->left_out.empty()) << key << " \"" << value << "\"";
            auto direct = machine_record_json(*raw), through = machine_record_json(*served);
            through.erase("name");
            EXPECT_EQ(direct, through) << key << " \"" << value << "\"";
        }
        EXPECT_GT(accepted, 1) << key;
    }
}

TEST(RecordRoundTrip, what_berthctl_accepts_can_be_in_a_boot_script_and_is_read_from_the_command_line) {
    const auto all = values();
    for (const auto& key : {"console", "image", "site"}) {
        int accepted = 0;
        for (const auto& value : all) {
            const auto checked = checked_setting(*find_setting(key), value);
            if (!checked) continue;
            ++accepted;
            Machine machine{.id = "m-0001", .name = "a", .settings = {{key, *checked}}};
            const auto script = ipxe_script({.decision = {Action::run_from_network, Addition::none, "runs"},
                                             .platform = Platform::efi,
                                             .base_url = "http://[fd00::1]:8080",
                                             .machine_id = machine.id,
                                             .boot_token = "00ff",
                                             .image = effective(machine, {}, "image"),
                                             .site = effective(machine, {}, "site"),
                                             .console = effective(machine, {}, "console")});
            ASSERT_TRUE(script) << key << " " << value;
            const size_t kernel = script->find("\nkernel ");
            ASSERT_NE(kernel, std::string::npos);
            const auto line = std::string_view(*script).substr(kernel + 1);
            const auto parameters = boot::parse_boot_parameters(line.substr(0, line.find('\n')));
            ASSERT_TRUE(parameters) << parameters.error().to_log();
            EXPECT_EQ(parameters->image, "http://[fd00::1]:8080/images/" + effective(machine, {}, "image"));
            EXPECT_EQ(parameters->site,
                      key == std::string("site") ? "http://[fd00::1]:8080/images/" + *checked : "");
            EXPECT_TRUE(effective(machine, {}, "console").starts_with(parameters->console));
            EXPECT_TRUE(parameters->has_record());
        }
        EXPECT_GT(accepted, 1) << key;
    }
}

}  // namespace
}  // namespace berth::server
