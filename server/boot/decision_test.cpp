// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/boot/decision.h"

#include <gtest/gtest.h>

namespace berth::server {
namespace {

constexpr DiskKnowledge k_disks[] = {DiskKnowledge::unknown, DiskKnowledge::none, DiskKnowledge::present};

Machine machine(const char* mode, bool marked = false, bool enabled = true) {
    return {.id = "m-0001",
            .name = "a",
            .macs = {},
            .uuid = {},
            .serial = {},
            .enabled = enabled,
            .marked = marked,
            .settings = {{"mode", mode}},
            .status = {}};
}

Action action(const Machine& m, DiskKnowledge disk, UnknownPolicy unknown = UnknownPolicy::local) {
    const Decision d = decide(&m, {.unknown = unknown, .defaults = {}}, disk);
    EXPECT_EQ(d.add, Addition::none);
    return d.action;
}

TEST(Decision, an_unknown_workstation_goes_to_its_disk_and_is_not_recorded_by_policy_local) {
    const auto d = decide(nullptr, {.unknown = UnknownPolicy::local, .defaults = {}}, DiskKnowledge::unknown);
    EXPECT_EQ(d.action, Action::local_disk);
    EXPECT_EQ(d.add, Addition::none);
}

TEST(Decision, an_unknown_workstation_goes_to_its_disk_and_is_listed_disabled_by_policy_discover) {
    const auto d =
        decide(nullptr, {.unknown = UnknownPolicy::discover, .defaults = {}}, DiskKnowledge::unknown);
    EXPECT_EQ(d.action, Action::local_disk);
    EXPECT_EQ(d.add, Addition::disabled);
}

TEST(Decision, an_unknown_workstation_is_added_and_runs_from_the_network_by_policy_enrol) {
    const auto d = decide(nullptr, {.unknown = UnknownPolicy::enrol, .defaults = {}}, DiskKnowledge::unknown);
    EXPECT_EQ(d.action, Action::run_from_network);
    EXPECT_EQ(d.add, Addition::enabled);
}

TEST(Decision, enrolled_machines_follow_the_policys_mode) {
    const auto d = decide(nullptr, {.unknown = UnknownPolicy::enrol, .defaults = {{"mode", "local"}}},
                          DiskKnowledge::unknown);
    EXPECT_EQ(d.action, Action::local_disk);
    EXPECT_EQ(d.add, Addition::enabled);
}

TEST(Decision, a_disabled_machine_goes_to_its_disk_whatever_else_is_set) {
    for (const char* mode : {"network", "local", "install"})
        for (bool marked : {false, true})
            for (auto disk : k_disks)
                EXPECT_EQ(action(machine(mode, marked, false), disk), Action::local_disk);
}

TEST(Decision, mode_network_runs_from_the_network_with_or_without_the_mark) {
    for (bool marked : {false, true})
        for (auto disk : k_disks)
            EXPECT_EQ(action(machine("network", marked), disk), Action::run_from_network);
}

TEST(Decision, a_machine_that_booted_again_three_times_in_vain_goes_to_its_disk) {
    for (int again : {0, 1, 2, 3, 4, 100}) {
        Machine m = machine("network");
        m.status.again = again;
        EXPECT_EQ(action(m, DiskKnowledge::none), again <= 3 ? Action::run_from_network : Action::local_disk)
            << again;
    }
}

TEST(Decision, mode_install_with_the_mark_says_that_it_cannot) {
    for (auto disk : k_disks) EXPECT_EQ(action(machine("install", true), disk), Action::message);
}

TEST(Decision, mode_install_never_installs_without_the_mark) {
    EXPECT_EQ(action(machine("install"), DiskKnowledge::unknown), Action::local_disk);
    EXPECT_EQ(action(machine("install"), DiskKnowledge::present), Action::local_disk);
    EXPECT_EQ(action(machine("install"), DiskKnowledge::none), Action::message);
}

TEST(Decision, mode_local_goes_to_the_disk_if_there_may_be_one) {
    for (bool marked : {false, true}) {
        EXPECT_EQ(action(machine("local", marked), DiskKnowledge::unknown), Action::local_disk);
        EXPECT_EQ(action(machine("local", marked), DiskKnowledge::present), Action::local_disk);
        EXPECT_EQ(action(machine("local", marked), DiskKnowledge::none), Action::message);
    }
}

TEST(Decision, policy_for_unknown_machines_does_not_touch_known_ones) {
    for (auto unknown : {UnknownPolicy::local, UnknownPolicy::discover, UnknownPolicy::enrol})
        EXPECT_EQ(action(machine("local"), DiskKnowledge::unknown, unknown), Action::local_disk);
}

TEST(Decision, knows_of_disks_only_what_the_machine_reported) {
    Machine m = machine("local");
    EXPECT_EQ(disk_knowledge(m), DiskKnowledge::unknown);
    m.status.facts = {{"cores", 2}};
    EXPECT_EQ(disk_knowledge(m), DiskKnowledge::unknown);
    m.status.facts["disks"] = nlohmann::json::array();
    EXPECT_EQ(disk_knowledge(m), DiskKnowledge::none);
    m.status.facts["disks"].push_back({{"name", "sda"}, {"bytes", 1}});
    EXPECT_EQ(disk_knowledge(m), DiskKnowledge::present);
}

}  // namespace
}  // namespace berth::server
