// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "guest/domain_facts.h"
#include "guest/machine_config.h"
#include "tests/testing/code_of.h"

namespace berth::guest {
namespace {

using testing::HasSubstr;
using testing::Not;

MachineConfig small() {
    MachineConfig config;
    config.uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10";
    config.memory = 1ULL << 30;
    config.network.model = "virtio";
    config.devices = {"rng"};
    config.screen.model = ScreenModel::none;
    config.disks = {{.name = "software", .role = DiskRole::software, .path = "software.raw"}};
    return config;
}

ClientFacts client() {
    return {.domain_name = "berth-work",
            .nbd_socket = "/run/berth/vm/s1/nbd.sock",
            .console_socket = "/run/berth/vm/s1/console.sock",
            .nat_network = "",
            .host_memory = 8ULL << 30,
            .host_cpus = 4};
}

/// Compares with testdata/NAME.xml; with BERTH_WRITE_GOLDEN in the environment writes it, for a person to
/// read in the diff.
void expect_golden(const std::string& name, const Result<std::string>& xml) {
    ASSERT_TRUE(xml) << xml.error().detail();
    const std::string path = std::string(BERTH_SOURCE_DIR) + "/guest/testdata/" + name + ".xml";
    if (getenv("BERTH_WRITE_GOLDEN") != nullptr) std::ofstream(path) << *xml;
    std::ostringstream golden;
    golden << std::ifstream(path).rdbuf();
    EXPECT_EQ(*xml, golden.str()) << path;
}

TEST(DomainXml, is_the_recorded_text_for_the_smallest_guest) {
    expect_golden("small", domain_xml(small(), client()));
}

MachineConfig with_medium() {
    MachineConfig config = small();
    config.disks.push_back({.name = "installer",
                            .role = DiskRole::cdrom,
                            .bus = DiskBus::sata,
                            .path = "installer.iso",
                            .read_only = true});
    config.disks.push_back({.name = "drivers",
                            .role = DiskRole::cdrom,
                            .bus = DiskBus::scsi,
                            .path = "drivers.iso",
                            .read_only = true});
    return config;
}

TEST(DomainXml, is_the_recorded_text_for_a_guest_with_an_installation_medium_after_its_disk) {
    expect_golden("cdrom", domain_xml(with_medium(), client()));
}

TEST(DomainXml, is_the_recorded_text_for_a_guest_that_starts_from_its_medium) {
    MachineConfig config = with_medium();
    config.start = StartFrom::cdrom;
    expect_golden("cdrom-first", domain_xml(config, client()));
}

TEST(DomainXml, is_the_recorded_text_for_a_guest_with_everything) {
    MachineConfig config = small();
    config.cpus = 4;
    config.firmware = Firmware::uefi;
    config.nvram = "nvram";
    config.tpm = true;
    config.clock = ClockBase::local;
    config.network = {.mode = NetworkMode::bridge, .mac = "52:54:00:12:34:56", .model = "e1000e"};
    config.devices = {"rng", "balloon", "tablet", "keyboard", "watchdog", "panic"};
    config.disks = {{.name = "base",
                     .role = DiskRole::shared,
                     .bus = DiskBus::scsi,
                     .path = "base.raw",
                     .read_only = true},
                    {.name = "windows", .role = DiskRole::software, .bus = DiskBus::sata, .path = "w.raw"},
                    {.name = "files", .role = DiskRole::files, .bus = DiskBus::scsi, .path = "f.raw"},
                    {.name = "a-name-of-more-than-20-characters", .role = DiskRole::data, .path = "d.raw"},
                    {.name = "swap",
                     .role = DiskRole::swap,
                     .bus = DiskBus::virtio,
                     .swap = SwapSpec{.size = 1ULL << 30}}};
    ClientFacts facts = client();
    facts.network_bridge = "br0";
    facts.firmware_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    facts.nvram_copy = "/run/berth/vm/s1/nvram";
    expect_golden("everything", domain_xml(config, facts));
}

TEST(DomainXml, is_the_recorded_text_for_a_guest_on_a_bridge_whose_address_is_pinned_to_its_lease) {
    MachineConfig config = small();
    config.network.mode = NetworkMode::bridge;
    ClientFacts facts = client();
    facts.network_bridge = "br0";
    facts.guest_address_leased = true;
    expect_golden("leased", domain_xml(config, facts));
}

MachineConfig with_screen() {
    MachineConfig config = small();
    config.screen.model = ScreenModel::virtio;
    return config;
}

ClientFacts client_with_display() {
    ClientFacts facts = client();
    facts.screen_socket = "/run/berth/vm/s1/screen/spice.sock";
    facts.monitor = Resolution{1920, 1080};
    return facts;
}

TEST(DomainXml, is_the_recorded_text_for_a_screen_on_a_display) {
    expect_golden("screen", domain_xml(with_screen(), client_with_display()));
}

TEST(DomainXml, is_the_recorded_text_for_a_screen_without_a_display) {
    expect_golden("screen-unseen", domain_xml(with_screen(), client()));
}

TEST(DomainXml, is_the_recorded_text_for_a_screen_of_each_older_kind) {
    MachineConfig config = with_screen();
    config.screen = {.model = ScreenModel::qxl, .resolution = Resolution{1024, 768}};
    config.sound = Sound::ac97;
    config.devices = {"rng", "keyboard"};
    expect_golden("screen-qxl", domain_xml(config, client_with_display()));
    config.screen = {.model = ScreenModel::vga, .resolution = {}};
    config.sound = Sound::hda;
    config.devices = {"rng", "tablet", "keyboard"};
    expect_golden("screen-vga", domain_xml(config, client_with_display()));
}

/// What docs/windows.md tells people to write.
MachineConfig windows() {
    std::ostringstream page;
    page << std::ifstream(std::string(BERTH_SOURCE_DIR) + "/docs/windows.md").rdbuf();
    const std::string text = page.str(), mark = "```toml\n";
    const size_t begin = text.find(mark) + mark.size();
    auto config = parse_machine_config(text.substr(begin, text.find("```", begin) - begin), "windows.md");
    if (!config) throw std::runtime_error(config.error().detail());
    return *config;
}

TEST(DomainXml, is_the_recorded_text_for_what_windows_setup_wants) {
    ClientFacts facts = client_with_display();
    facts.firmware_code = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd";
    facts.nvram_copy = "/run/berth/vm/s1/nvram";
    expect_golden("windows", domain_xml(windows(), facts));
    facts.kvm = false;
    expect_golden("windows-emulated", domain_xml(windows(), facts));
}

/// The lines of `xml` without those that say what is behind a device.
std::string devices_of(const std::string& xml) {
    std::istringstream lines(xml);
    std::string kept, line;
    bool graphics = false;
    while (std::getline(lines, line)) {
        graphics = graphics || line.find("<graphics") != line.npos;
        if (!graphics && line.find("<audio id=\"1\" type") == line.npos &&
            line.find("<channel") == line.npos && line.find("<resolution") == line.npos)
            kept += line + "\n";
        if (line.find("</graphics>") != line.npos) graphics = false;
    }
    return kept;
}

TEST(DomainXml, gives_a_guest_the_same_devices_with_and_without_a_display) {
    EXPECT_EQ(devices_of(*domain_xml(windows(), client_with_display())),
              devices_of(*domain_xml(windows(), client())));
}

TEST(DomainXml, has_nothing_for_a_display_when_the_guest_has_no_screen) {
    EXPECT_EQ(*domain_xml(small(), client_with_display()), *domain_xml(small(), client()));
}

TEST(DomainXml, takes_the_resolution_of_machine_toml_then_the_monitors_then_a_plain_one) {
    MachineConfig config = with_screen();
    EXPECT_THAT(*domain_xml(config, client()), HasSubstr("<resolution x=\"1280\" y=\"800\"/>"));
    EXPECT_THAT(*domain_xml(config, client_with_display()), HasSubstr("<resolution x=\"1920\" y=\"1080\"/>"));
    config.screen.resolution = Resolution{640, 480};
    EXPECT_THAT(*domain_xml(config, client_with_display()), HasSubstr("<resolution x=\"640\" y=\"480\"/>"));
}

TEST(DomainXml, puts_all_cpus_into_one_socket_only_for_hyper_v) {
    MachineConfig config = small();
    config.cpus = 4;
    EXPECT_THAT(*domain_xml(config, client()), Not(HasSubstr("topology")));
    config.hyperv = true;
    EXPECT_THAT(*domain_xml(config, client()),
                HasSubstr("<topology sockets=\"1\" cores=\"4\" threads=\"1\"/>"));
}

TEST(DomainXml, filters_every_bridged_card_and_no_other) {
    MachineConfig config = small();
    ClientFacts facts = client();
    facts.network_bridge = "br0";
    facts.nat_network = "berth-nat";
    EXPECT_THAT(*domain_xml(config, facts), Not(HasSubstr("filterref")));
    config.network.mode = NetworkMode::bridge;
    EXPECT_THAT(*domain_xml(config, facts), HasSubstr("<filterref filter=\"berth-guest\""));
}

TEST(DomainXml, is_the_recorded_text_for_an_emulated_guest_on_a_libvirt_network) {
    ClientFacts facts = client();
    facts.kvm = false;
    facts.nat_network = "berth";
    expect_golden("emulated", domain_xml(small(), facts));
}

TEST(DomainXml, gives_eight_sata_disks_two_controllers) {
    MachineConfig config = small();
    config.network.mode = NetworkMode::none;
    config.disks.clear();
    for (int i = 0; i < 8; ++i)
        config.disks.push_back({.name = fmt::format("d{}", i),
                                .role = DiskRole::data,
                                .bus = DiskBus::sata,
                                .path = fmt::format("{}.raw", i)});
    expect_golden("sata", domain_xml(config, client()));
}

TEST(DomainXml, is_well_formed_whatever_the_values_hold) {
    MachineConfig config = small();
    ClientFacts facts = client();
    facts.domain_name = "a<b>&'\"\n\x01\xff";
    facts.console_socket = "/run/it's/<console>&\"x\".sock";
    const auto xml = domain_xml(config, facts);
    ASSERT_TRUE(xml);
    const auto read = read_domain_facts(*xml);
    ASSERT_TRUE(read) << read.error().detail();
    EXPECT_EQ(read->name, "a<b>&'\"\n\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(read->console_socket, facts.console_socket);
}

TEST(DomainXml, starts_from_the_first_software_disk_wherever_it_stands) {
    MachineConfig config = small();
    config.disks.insert(config.disks.begin(), {.name = "files", .role = DiskRole::files, .path = "f.raw"});
    const auto xml = domain_xml(config, client());
    ASSERT_TRUE(xml);
    EXPECT_LT(xml->find("name=\"software\""), xml->find("<boot order=\"1\"/>"));
    EXPECT_EQ(xml->find("<boot"), xml->rfind("<boot"));
}

TEST(DomainXml, keeps_a_derived_mac_address_and_tells_two_guests_apart) {
    const auto mac = [](const Result<std::string>& xml) {
        return xml->substr(xml->find("<mac address=\"") + 14, 17);
    };
    MachineConfig other = small();
    other.uuid = "2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e11";
    EXPECT_EQ(mac(domain_xml(small(), client())), mac(domain_xml(small(), client())));
    EXPECT_NE(mac(domain_xml(small(), client())), mac(domain_xml(other, client())));
    EXPECT_EQ(mac(domain_xml(other, client())).substr(0, 9), "52:54:00:");
}

TEST(DomainXml, refuses_more_memory_than_the_workstation_can_give) {
    ClientFacts facts = client();
    facts.host_memory = 1ULL << 30;
    const auto xml = domain_xml(small(), facts);
    ASSERT_FALSE(xml);
    EXPECT_EQ(code_of(xml), "BERTH-H04");
    EXPECT_EQ(xml.error().detail(), "memory 1 GiB: this workstation can give at most 768 MiB");
}

TEST(DomainXml, refuses_more_cpus_than_there_are) {
    MachineConfig config = small();
    config.cpus = 5;
    const auto xml = domain_xml(config, client());
    ASSERT_FALSE(xml);
    EXPECT_EQ(code_of(xml), "BERTH-H04");
    EXPECT_EQ(xml.error().detail(), "cpus 5: this workstation has 4");
}

TEST(DomainXml, refuses_a_bridge_that_is_not_offered) {
    MachineConfig config = small();
    config.network.mode = NetworkMode::bridge;
    const auto xml = domain_xml(config, client());
    ASSERT_FALSE(xml);
    EXPECT_EQ(code_of(xml), "BERTH-H05");
}

TEST(DomainXml, says_again_what_it_was_told) {
    const auto xml = domain_xml(small(), client());
    ASSERT_TRUE(xml);
    const auto facts = read_domain_facts(*xml);
    ASSERT_TRUE(facts) << facts.error().detail();
    EXPECT_EQ(facts->name, client().domain_name);
    EXPECT_EQ(facts->uuid, small().uuid);
    EXPECT_EQ(facts->console_socket, client().console_socket);
}

}  // namespace
}  // namespace berth::guest
