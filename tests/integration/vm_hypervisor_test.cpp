// SPDX-License-Identifier: GPL-3.0-or-later
// Real libvirt, real (emulating) QEMU, real NBD: what hypervisor.h and domain_xml promise.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "guest/hypervisor.h"
#include "tests/integration/vm_guest.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/recording_report.h"

namespace berth::guest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class Vm : public testing::Test {
  protected:
    void TearDown() override {
        auto domain = hypervisor_->find(guest_client(folder_).domain_name);
        if (domain && *domain) {
            EXPECT_TRUE((*domain)->destroy());
        }
    }

    /// Starts `config` paused.
    std::unique_ptr<Domain> start(const MachineConfig& config, const ClientFacts& facts) {
        const auto xml = domain_xml(config, facts);
        if (!xml) throw std::runtime_error(xml.error().to_log());
        auto domain = hypervisor_->start(*xml);
        if (!domain) throw std::runtime_error(domain.error().to_log());
        return std::move(*domain);
    }

    /// Starts it, connects its console and lets it run.
    std::unique_ptr<Domain> boot(const MachineConfig& config, const ClientFacts& facts) {
        auto domain = start(config, facts);
        auto console = domain->console();
        if (!console) throw std::runtime_error(console.error().to_log());
        console_ = std::move(*console);
        if (const Status resumed = domain->resume(); !resumed)
            throw std::runtime_error(resumed.error().to_log());
        return domain;
    }

    /// Waits until libvirt reports `wanted`; returns what it reported last.
    DomainState wait_for(Domain& domain, DomainState wanted, Duration timeout = seconds(60)) {
        const BootTime end = clock_.now() + timeout;
        while (true) {
            const auto state = domain.state();
            if (!state) throw std::runtime_error(state.error().to_log());
            if (*state == wanted || clock_.now() >= end) return *state;
            clock_.sleep(milliseconds(50));
        }
    }

    std::string say(std::string_view letter, std::string_view answer) {
        EXPECT_TRUE(write_all(console_.get(), letter));
        return read_until(console_.get(), answer);
    }

    void kill_qemu(int signal = SIGKILL) {
        const auto pid = read_file("/run/libvirt/qemu/" + guest_client(folder_).domain_name + ".pid");
        ASSERT_TRUE(pid);
        ASSERT_EQ(kill(std::stoi(*pid), signal), 0);
    }

    SystemClock clock_;
    RecordingReport report_;
    std::unique_ptr<Hypervisor> hypervisor_ = connect_libvirt("qemu:///system", clock_, report_);
    Folder folder_;
    UniqueFd console_;
};

TEST_F(Vm, waits_paused_until_its_console_is_connected) {
    NbdServer nbd(folder_, {"software"});
    auto domain = start(guest_config(), guest_client(folder_));
    EXPECT_EQ(*domain->state(), DomainState::paused);
    auto console = domain->console();
    ASSERT_TRUE(console) << console.error().detail();
    ASSERT_TRUE(domain->resume());
    EXPECT_THAT(read_until(console->get(), k_greeting), HasSubstr(k_greeting));
    EXPECT_EQ(*domain->state(), DomainState::running);
}

TEST_F(Vm, hears_what_is_typed) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    EXPECT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    EXPECT_THAT(say("e", "echo"), HasSubstr("echo"));
}

TEST_F(Vm, stays_on_the_same_console_when_the_guest_reboots) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    EXPECT_THAT(say("r", k_greeting), HasSubstr(k_greeting));
    EXPECT_EQ(*domain->state(), DomainState::running);
}

TEST_F(Vm, is_gone_when_the_guest_powers_off) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    ASSERT_TRUE(write_all(console_.get(), "q"));
    EXPECT_EQ(wait_for(*domain, DomainState::gone), DomainState::gone);
    EXPECT_FALSE(domain->failed());
    EXPECT_EQ(*hypervisor_->find(guest_client(folder_).domain_name), nullptr);
    const auto console = domain->console();
    ASSERT_FALSE(console);
    EXPECT_EQ(code_of(console), "BERTH-H08");
    EXPECT_EQ(code_of(domain->press_power_button()), "BERTH-H08");
    EXPECT_TRUE(domain->destroy());
}

TEST_F(Vm, has_failed_when_qemu_was_killed) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    kill_qemu();
    EXPECT_EQ(wait_for(*domain, DomainState::gone), DomainState::gone);
    EXPECT_TRUE(domain->failed());
}

/// As systemd does with a cgroup that it stops: QEMU ends without a word to its guest, and libvirt calls it a
/// shutdown.
TEST_F(Vm, has_failed_when_qemu_was_told_to_end) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    kill_qemu(SIGTERM);
    EXPECT_EQ(wait_for(*domain, DomainState::gone), DomainState::gone);
    EXPECT_TRUE(domain->failed());
}

TEST_F(Vm, has_failed_when_somebody_else_ended_it) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    auto other = connect_libvirt("qemu:///system", clock_, report_);
    auto found = other->find(guest_client(folder_).domain_name);
    ASSERT_TRUE(found && *found);
    ASSERT_TRUE((*found)->destroy());
    EXPECT_FALSE((*found)->failed());
    EXPECT_EQ(*domain->state(), DomainState::gone);
    EXPECT_TRUE(domain->failed());
}

TEST_F(Vm, has_not_failed_when_one_of_its_name_did_before) {
    NbdServer nbd(folder_, {"software"});
    for (const bool killed : {true, false}) {
        auto domain = boot(guest_config(), guest_client(folder_));
        ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
        if (killed)
            kill_qemu();
        else
            ASSERT_TRUE(domain->destroy());
        EXPECT_EQ(wait_for(*domain, DomainState::gone), DomainState::gone);
        EXPECT_EQ(domain->failed(), killed);
    }
}

TEST_F(Vm, feels_its_power_button) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    ASSERT_THAT(say("b", "button no"), HasSubstr("button no"));
    ASSERT_TRUE(domain->press_power_button());
    EXPECT_THAT(say("b", "button yes"), HasSubstr("button yes"));
}

TEST_F(Vm, is_gone_after_destroy_and_may_start_again) {
    NbdServer nbd(folder_, {"software"});
    for (int round = 0; round < 2; ++round) {
        auto domain = boot(guest_config(), guest_client(folder_));
        ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
        ASSERT_TRUE(domain->destroy());
        EXPECT_EQ(*domain->state(), DomainState::gone);
        EXPECT_THAT(read_until(console_.get(), "never"), HasSubstr("<closed>"));
        EXPECT_TRUE(domain->destroy());
    }
}

TEST_F(Vm, gives_its_console_again_after_the_peer_closed_it) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    console_.reset();
    auto again = domain->console();
    ASSERT_TRUE(again) << again.error().detail();
    console_ = std::move(*again);
    EXPECT_THAT(say("e", "echo"), HasSubstr("echo"));
}

class Bus : public Vm, public testing::WithParamInterface<DiskBus> {};

TEST_P(Bus, starts_a_guest) {
    NbdServer nbd(folder_, {"software", "files"});
    MachineConfig config = guest_config();
    config.disks[0].bus = GetParam();
    config.disks.push_back({.name = "files", .role = DiskRole::files, .bus = GetParam(), .path = "f.raw"});
    auto domain = boot(config, guest_client(folder_));
    EXPECT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    EXPECT_THAT(say("d", "disk"), HasSubstr("disk"));
}

TEST_P(Bus, pauses_on_a_failed_request_and_repeats_it_on_resume) {
    NbdServer nbd(folder_, {"software"});
    MachineConfig config = guest_config();
    config.disks[0].bus = GetParam();
    auto domain = boot(config, guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    std::ofstream(folder_.path("fault")) << "";
    ASSERT_TRUE(write_all(console_.get(), "d"));
    ASSERT_EQ(wait_for(*domain, DomainState::paused_io_error), DomainState::paused_io_error);
    std::filesystem::remove(folder_.path("fault"));
    ASSERT_TRUE(domain->resume());
    EXPECT_THAT(read_until(console_.get(), "disk good"), HasSubstr("disk good"));
}

INSTANTIATE_TEST_SUITE_P(OfDisks, Bus, testing::Values(DiskBus::virtio, DiskBus::sata, DiskBus::scsi),
                         [](const auto& parameter) {
                             return parameter.param == DiskBus::virtio ? "virtio"
                                    : parameter.param == DiskBus::sata ? "sata"
                                                                       : "scsi";
                         });

TEST_F(Vm, has_every_device_that_the_configuration_can_name) {
    NbdServer nbd(folder_, {"software", "base", "more"});
    MachineConfig config = guest_config();
    config.cpus = 2;
    config.clock = ClockBase::local;
    config.devices = {"rng", "balloon", "tablet", "keyboard", "watchdog", "panic"};
    config.disks.push_back(
        {.name = "base", .role = DiskRole::shared, .bus = DiskBus::scsi, .path = "b.raw", .read_only = true});
    config.disks.push_back({.name = "more",
                            .role = DiskRole::shared,
                            .bus = DiskBus::virtio,
                            .path = "m.raw",
                            .read_only = true});
    for (int i = 0; i < 8; ++i)
        config.disks.push_back(
            {.name = "more", .role = DiskRole::data, .bus = DiskBus::sata, .path = "m.raw"});
    auto domain = boot(config, guest_client(folder_));
    EXPECT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
}

TEST_F(Vm, has_each_screen_with_and_without_a_display) {
    NbdServer nbd(folder_, {"software"});
    // QEMU makes this socket, and not as root.
    const std::string socket = folder_.path("screen/spice.sock");
    std::filesystem::create_directory(folder_.path("screen"));
    std::filesystem::permissions(folder_.path("screen"), std::filesystem::perms::all);
    for (const auto& [word, model] : k_screen_models) {
        for (const bool display : {false, true}) {
            SCOPED_TRACE(fmt::format("{} {}", word, display));
            MachineConfig config = guest_config();
            config.screen.model = model;
            if (model != ScreenModel::none) config.sound = Sound::hda;
            ClientFacts facts = guest_client(folder_);
            if (display) facts.screen_socket = socket;
            auto domain = boot(config, facts);
            EXPECT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
            EXPECT_EQ(std::filesystem::is_socket(socket), display && model != ScreenModel::none);
            EXPECT_TRUE(domain->destroy());
            std::filesystem::remove(socket);
        }
    }
}

TEST_F(Vm, meets_each_network_card) {
    NbdServer nbd(folder_, {"software"});
    for (const auto* model : {"virtio", "e1000e", "e1000", "rtl8139"}) {
        MachineConfig config = guest_config();
        config.network.model = model;
        auto domain = start(config, guest_client(folder_));
        EXPECT_TRUE(domain->destroy());
    }
}

TEST_F(Vm, joins_a_bridge_and_a_libvirt_network) {
    NbdServer nbd(folder_, {"software"});
    ASSERT_TRUE(run_checked({.arguments = {"ip", "link", "add", "vmc-br0", "type", "bridge"}}, seconds(10)));
    MachineConfig config = guest_config();
    config.network.mode = NetworkMode::bridge;
    ClientFacts facts = guest_client(folder_);
    facts.network_bridge = "vmc-br0";
    auto domain = start(config, facts);
    EXPECT_THAT(
        run_checked({.arguments = {"ip", "link", "show", "master", "vmc-br0"}}, seconds(10)).value_or(""),
        HasSubstr("vnet"));
    EXPECT_THAT(run_checked({.arguments = {"virsh", "-q", "-c", "qemu:///system", "nwfilter-binding-list"}},
                            seconds(10))
                    .value_or(""),
                testing::AllOf(HasSubstr("vnet"), HasSubstr("berth-guest")));
    ASSERT_TRUE(domain->destroy());

    ASSERT_TRUE(run_checked({.arguments = {"virsh", "-q", "-c", "qemu:///system", "net-start", "default"}},
                            seconds(60)));
    facts.nat_network = "default";
    domain = start(guest_config(), facts);
    EXPECT_THAT(
        run_checked({.arguments = {"ip", "link", "show", "master", "virbr0"}}, seconds(10)).value_or(""),
        HasSubstr("vnet"));
}

TEST_F(Vm, does_not_start_with_a_bridged_card_that_nothing_filters) {
    NbdServer nbd(folder_, {"software"});
    const auto virsh = [](const char* verb, const std::string& what) {
        return run_checked({.arguments = {"virsh", "-q", "-c", "qemu:///system", verb, what}}, seconds(30));
    };
    ASSERT_TRUE(run_checked({.arguments = {"ip", "link", "add", "vmc-br1", "type", "bridge"}}, seconds(10)));
    ASSERT_TRUE(virsh("nwfilter-undefine", "berth-guest-leased"));
    ASSERT_TRUE(virsh("nwfilter-undefine", "berth-guest"));
    MachineConfig config = guest_config();
    config.network.mode = NetworkMode::bridge;
    ClientFacts facts = guest_client(folder_);
    facts.network_bridge = "vmc-br1";
    const auto domain = hypervisor_->start(*domain_xml(config, facts));
    ASSERT_FALSE(domain);
    EXPECT_THAT(domain.error().detail(), HasSubstr("berth-guest"));
    for (const auto* file : {"berth-guest.xml", "berth-guest-leased.xml"})
        EXPECT_TRUE(virsh("nwfilter-define",
                          fmt::format("{}/overlay/etc/libvirt/nwfilter/{}", BERTH_SOURCE_DIR, file)));
}

TEST_F(Vm, is_found_by_a_session_that_knows_only_its_name) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    console_.reset();
    auto other = connect_libvirt("qemu:///system", clock_, report_);
    auto found = other->find(guest_client(folder_).domain_name);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ(*(*found)->state(), DomainState::running);
    auto console = (*found)->console();
    ASSERT_TRUE(console) << console.error().detail();
    console_ = std::move(*console);
    EXPECT_THAT(say("e", "echo"), HasSubstr("echo"));
    EXPECT_TRUE((*found)->destroy());
    EXPECT_EQ(*domain->state(), DomainState::gone);
}

TEST_F(Vm, lives_through_a_restart_of_libvirtd) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ASSERT_THAT(read_until(console_.get(), k_greeting), HasSubstr(k_greeting));
    const auto pid = read_file(getenv("BERTH_LIBVIRTD_PID_FILE"));
    ASSERT_TRUE(pid);
    const pid_t daemon = std::stoi(*pid);
    ASSERT_EQ(kill(daemon, SIGKILL), 0);
    while (kill(daemon, 0) == 0) clock_.sleep(milliseconds(20));
    EXPECT_THAT(say("e", "echo"), HasSubstr("echo"));
    ASSERT_TRUE(run_checked({.arguments = {"/bin/sh", "-c", getenv("BERTH_LIBVIRTD")}}, seconds(30)));
    const auto state = domain->state();
    ASSERT_TRUE(state) << state.error().detail();
    EXPECT_EQ(*state, DomainState::running);
    // Answered only when the new libvirtd has taken its domains up; of one that ends before it tells nothing.
    EXPECT_TRUE(domain->press_power_button());
    kill_qemu();
    EXPECT_EQ(wait_for(*domain, DomainState::gone), DomainState::gone);
    EXPECT_TRUE(domain->failed());
}

TEST_F(Vm, is_refused_while_one_of_its_uuid_runs) {
    NbdServer nbd(folder_, {"software"});
    auto domain = boot(guest_config(), guest_client(folder_));
    ClientFacts facts = guest_client(folder_);
    facts.domain_name = "another";
    const auto second = hypervisor_->start(*domain_xml(guest_config(), facts));
    ASSERT_FALSE(second);
    EXPECT_EQ(code_of(second), "BERTH-H03");
    EXPECT_THAT(second.error().detail(), HasSubstr(guest_config().uuid));
    EXPECT_EQ(*domain->state(), DomainState::running);
}

TEST_F(Vm, says_in_qemus_words_why_it_does_not_start) {
    const auto domain = hypervisor_->start(*domain_xml(guest_config(), guest_client(folder_)));
    ASSERT_FALSE(domain);
    EXPECT_EQ(code_of(domain), "BERTH-H03");
    EXPECT_THAT(domain.error().detail(), HasSubstr("nbd.sock"));
}

TEST_F(Vm, is_refused_when_its_text_is_not_a_domain) {
    const auto domain =
        hypervisor_->start("<domain type='qemu'><uuid>2f1c6a5e-0d5e-4b61-9f0e-6a3d1c9b7e10</uuid></domain>");
    ASSERT_FALSE(domain);
    EXPECT_EQ(code_of(domain), "BERTH-H03");
}

TEST_F(Vm, cannot_start_where_libvirt_does_not_answer) {
    FakeClock clock;
    auto nobody = connect_libvirt("qemu+unix:///system?socket=/nonexistent/socket", clock, report_);
    const auto found = nobody->find("berth-test");
    ASSERT_FALSE(found);
    EXPECT_EQ(code_of(found), "BERTH-H02");
    EXPECT_THAT(found.error().detail(), HasSubstr("/nonexistent/socket"));
}

}  // namespace
}  // namespace berth::guest
