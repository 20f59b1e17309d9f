// SPDX-License-Identifier: GPL-3.0-or-later
#include "guest/libvirt/domain_ends.h"

#include <gtest/gtest.h>

namespace berth::guest {
namespace {

using std::chrono::milliseconds;

TEST(DomainEnd, is_a_shutdown_when_the_guest_shut_down) {
    EXPECT_TRUE(guest_shut_down({VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN}));
    // A libvirtd that was started meanwhile tells only of the last step. A QEMU that was told to end does not
    // wait for it.
    EXPECT_TRUE(guest_shut_down({{}, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN}));
}

TEST(DomainEnd, is_no_shutdown_when_qemu_was_told_to_end) {
    EXPECT_FALSE(guest_shut_down({VIR_DOMAIN_EVENT_SHUTDOWN_HOST, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN}));
}

TEST(DomainEnd, is_no_shutdown_when_qemu_failed_or_somebody_destroyed_it) {
    for (const int detail : {VIR_DOMAIN_EVENT_STOPPED_FAILED, VIR_DOMAIN_EVENT_STOPPED_CRASHED,
                             VIR_DOMAIN_EVENT_STOPPED_DESTROYED}) {
        EXPECT_FALSE(guest_shut_down({{}, detail}));
        EXPECT_FALSE(guest_shut_down({VIR_DOMAIN_EVENT_SHUTDOWN_HOST, detail}));
    }
}

TEST(DomainEnd, is_no_shutdown_when_nothing_was_said_of_the_end) {
    EXPECT_FALSE(guest_shut_down({}));
    EXPECT_FALSE(guest_shut_down({VIR_DOMAIN_EVENT_SHUTDOWN_GUEST, {}}));
}

TEST(DomainEnds, keep_the_first_word_about_a_shutdown_and_forget_an_earlier_domain) {
    DomainEnds ends;
    ends.add("vm", VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST);
    EXPECT_FALSE(ends.wait("vm", milliseconds(0)).stopped);
    ends.add("vm", VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_SHUTDOWN_HOST);
    ends.add("vm", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
    ends.add("another", VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED);
    const DomainEnd end = ends.wait("vm", milliseconds(0));
    EXPECT_EQ(end.shutdown, VIR_DOMAIN_EVENT_SHUTDOWN_GUEST);
    EXPECT_EQ(end.stopped, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
    ends.forget("vm");
    EXPECT_FALSE(ends.wait("vm", milliseconds(0)).shutdown);
}

}  // namespace
}  // namespace berth::guest
