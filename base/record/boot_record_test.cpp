// SPDX-License-Identifier: GPL-3.0-or-later
#include "base/record/boot_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/testing/code_of.h"

namespace berth {
namespace {

TEST(BootRecord, survives_being_written_and_read) {
    const BootRecord r{.persistent = true,
                       .clock = ClockState::waiting,
                       .kvm = KvmFacts{false, "no"},
                       .network = true,
                       .missing_firmware = {"e100/a.bin", "b.fw"},
                       .client_id = "m-1",
                       .host = "berth-12"};
    EXPECT_EQ(*parse_boot_record(format_boot_record(r)), r);
    EXPECT_EQ(nlohmann::json::parse(format_boot_record(r)),
              nlohmann::json::parse(
                  R"({"data":"persistent","clock":"waiting","kvm":{"usable":false,"why":"no"},"network":true,
                      "missing_firmware":["e100/a.bin","b.fw"],"client":{"id":"m-1","host":"berth-12"}})"));
    for (const auto clock : {ClockState::waiting, ClockState::synchronised, ClockState::unsynchronised})
        EXPECT_EQ(parse_boot_record(format_boot_record({.clock = clock}))->clock, clock);
}

TEST(BootRecord, may_know_a_part_only) {
    EXPECT_EQ(*parse_boot_record("{}"), BootRecord{});
    EXPECT_EQ(*parse_boot_record(format_boot_record({})), BootRecord{});
    const auto r = parse_boot_record(R"({"data":"memory","kvm":{"usable":true}})");
    ASSERT_TRUE(r) << r.error().to_log();
    EXPECT_EQ(r->persistent, false);
    EXPECT_EQ(r->kvm, (KvmFacts{true, ""}));
    EXPECT_EQ(r->network, std::nullopt);
}

TEST(BootRecord, names_the_member_that_is_wrong) {
    for (const auto& [text, words] :
         {std::pair{R"({"data":"disk"})", "boot.json: data \"disk\": must be \"persistent\" or \"memory\""},
          std::pair{R"({"clock":"late"})", "boot.json: clock \"late\": must be"},
          std::pair{R"({"clock":[]})", "boot.json: clock []: must be"},
          std::pair{R"({"network":"no"})", "boot.json: network \"no\": must be true or false"},
          std::pair{R"({"kvm":{}})", "boot.json: kvm.usable is missing: must be true or false"},
          std::pair{R"({"client":{"id":7}})", "boot.json: client.id 7: must be"},
          std::pair{R"({"client":null})", "boot.json: client null: must be an object"},
          std::pair{R"({"missing_firmware":[1]})", "boot.json: missing_firmware[0] 1: must be a text"},
          std::pair{R"({"missing_firmware":7})", "boot.json: missing_firmware 7: must be a list"},
          std::pair{R"({"other":1})", "boot.json: other: is not a known member"},
          std::pair{"[]", "boot.json: must be a JSON object"}, std::pair{"", "boot.json: must be JSON"}}) {
        auto r = parse_boot_record(text);
        ASSERT_FALSE(r) << text;
        EXPECT_EQ(code_of(r), "BERTH-I04");
        EXPECT_TRUE(r.error().detail().starts_with(words)) << r.error().detail();
    }
}

}  // namespace
}  // namespace berth
