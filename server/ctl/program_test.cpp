// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/program.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "server/ctl/verbs.h"
#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

using ProgramTest = CtlTest;

TEST_F(ProgramTest, refuses_a_line_that_names_no_verb) {
    for (const auto& line : {std::vector<std::string>{},
                             {"machine"},
                             {"machine", "paint"},
                             {"paint"},
                             {"vm", "list", "--paint"}})
        EXPECT_NE(run(line).code, 0);
}

TEST_F(ProgramTest, takes_the_options_of_all_verbs_before_and_behind_the_verb) {
    for (const auto& line : {std::vector<std::string>{"--json", "machine", "list"},
                             {"machine", "--json", "list"},
                             {"machine", "list", "--json"}})
        EXPECT_EQ(out_of(line), "[]\n");
}

TEST_F(ProgramTest, has_no_option_for_the_locks_times) {
    EXPECT_NE(run({"vm", "list", "--lock-times-ms", "1,2,3,4"}).code, 0);
}

TEST_F(ProgramTest, steers_no_terminal_by_what_others_named) {
    of("ann").put("a\033[31m\nroot/machine.toml", files::FileType::regular, "");
    EXPECT_THAT(out_of({"vm", "list"}), HasSubstr("ann/a\\x1b[31m\\x0aroot"));
    EXPECT_EQ(json_of({"vm", "list"})[0]["vm"], "a\033[31m\nroot");
}

TEST(Verbs, are_each_named_once_and_of_a_noun_that_is_explained) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const auto& verb : verbs()) {
        EXPECT_TRUE(seen.emplace(verb.noun, verb.name).second) << verb.name;
        EXPECT_TRUE(verb.noun.empty() ||
                    std::ranges::find(nouns(), verb.noun, &NounFacts::name) != nouns().end());
    }
}

}  // namespace
}  // namespace berth::server
