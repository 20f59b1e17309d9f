// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/network.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"

namespace berth::boot {
namespace {

using std::chrono::seconds;

class FakeCards final : public NetworkCards {
  public:
    explicit FakeCards(FakeClock& clock) : clock_(clock) {}
    std::vector<Nic> nics;
    std::set<std::string> with_dhcp;  ///< Cards that get an address.
    std::set<std::string> up;         ///< What was done.
    std::vector<std::string> order;   ///< Of asking.
    std::string late;                 ///< A card whose carrier comes at `late_at`.
    Duration late_at{};

    std::vector<Nic> list() override {
        auto now = nics;
        for (auto& nic : now) {
            if (nic.name == late) nic.carrier = clock_.now() - start_ >= late_at;
            nic.carrier = nic.carrier && up.contains(nic.name);
        }
        return now;
    }
    void set_up(const std::string& name) override { up.insert(name); }
    Status ask_for_address(const std::string& name) override {
        order.push_back(name);
        if (with_dhcp.contains(name)) return {};
        clock_.advance(seconds(20));
        return fail(ErrorCode::B01, "{}: no address by DHCP", name);
    }

  private:
    FakeClock& clock_;
    BootTime start_ = clock_.now();
};

class Network : public testing::Test {
  protected:
    FakeClock clock;
    FakeCards cards{clock};
    Network() {
        cards.nics = {{"eth0", "52:54:00:00:00:01", true},
                      {"eth1", "52:54:00:00:00:02", true},
                      {"eth2", "52:54:00:00:00:03", true}};
    }
};

TEST_F(Network, asks_on_the_card_that_booted_first) {
    cards.with_dhcp = {"eth0", "eth1", "eth2"};
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:02", clock), "eth1");
    EXPECT_EQ(cards.order, std::vector<std::string>{"eth1"});
}

TEST_F(Network, tries_the_others_in_turn_when_the_card_that_booted_gets_no_address) {
    cards.with_dhcp = {"eth2"};
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:02", clock), "eth2");
    EXPECT_EQ(cards.order, (std::vector<std::string>{"eth1", "eth0", "eth2"}));
}

TEST_F(Network, waits_for_the_carrier_of_the_card_that_booted) {
    cards.with_dhcp = {"eth0", "eth1"};
    cards.late = "eth1", cards.late_at = seconds(8);
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:02", clock), "eth1");
}

TEST_F(Network, takes_another_card_when_the_cable_has_moved) {
    cards.with_dhcp = {"eth0"};
    cards.nics[1].carrier = false;
    const auto start = clock.now();
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:02", clock), "eth0");
    EXPECT_GE(clock.now() - start, k_wait_for_booted_card);
    EXPECT_EQ(cards.order, std::vector<std::string>{"eth0"});
}

TEST_F(Network, takes_any_card_when_the_firmware_did_not_say_which_or_it_is_gone) {
    cards.with_dhcp = {"eth1"};
    EXPECT_EQ(bring_up_network(cards, "", clock), "eth1");
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:99", clock), "eth1");
}

TEST_F(Network, comes_back_to_the_card_that_booted_when_its_carrier_comes_late) {
    cards.with_dhcp = {"eth1"};
    cards.late = "eth1", cards.late_at = seconds(25);
    EXPECT_EQ(bring_up_network(cards, "52:54:00:00:00:02", clock), "eth1");
}

TEST_F(Network, says_what_each_card_lacks) {
    auto failed = bring_up_network(cards, "52:54:00:00:00:02", clock);
    ASSERT_FALSE(failed);
    EXPECT_EQ(code_of(failed), "BERTH-B01");
    EXPECT_EQ(failed.error().detail(),
              "eth1: no address by DHCP; eth0: no address by DHCP; eth2: no address by DHCP");
    cards.nics = {{"eth0", "52:54:00:00:00:01", false}};
    EXPECT_EQ(bring_up_network(cards, "", clock).error().detail(),
              "no cable, or nothing at its other end: eth0 (52:54:00:00:00:01)");
    cards.nics.clear();
    EXPECT_EQ(bring_up_network(cards, "", clock).error().detail(), "no network card was found");
}

}  // namespace
}  // namespace berth::boot
