// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class MachineSetTest : public CtlTest {
  protected:
    MachineSetTest() { add_machine(); }
    const std::vector<std::string> line{"machine", "set", "berth-1", "--mode", "local"};
    std::string mode() { return json_of({"machine", "show", "berth-1"})["mode"]; }
};

TEST_F(MachineSetTest, shows_the_lines_that_change_and_asks_at_a_terminal) {
    answers("y");
    const Said said = run(line);
    EXPECT_EQ(said.code, 0);
    EXPECT_EQ(said.out, "+mode: local\n");
    EXPECT_EQ(said.error, "Change it? [y/N] ");
    EXPECT_EQ(mode(), "local");
}

TEST_F(MachineSetTest, changes_nothing_when_the_answer_is_not_yes) {
    for (const char* answer : {"n", "", "Y es"}) {
        answers(answer);
        EXPECT_THAT(out_of(line), HasSubstr("m-0001: nothing changed\n")) << answer;
        EXPECT_EQ(mode(), "network");
    }
}

TEST_F(MachineSetTest, refuses_without_a_terminal_to_ask_on) {
    const Said said = run(line);
    EXPECT_TRUE(said.refused("BERTH-P06"));
    EXPECT_THAT(said.error, HasSubstr("without a terminal to ask on, -y must be given"));
    EXPECT_EQ(said.out, "");
    EXPECT_EQ(mode(), "network");
}

TEST_F(MachineSetTest, does_not_ask_with_y_or_yes) {
    for (const char* yes : {"-y", "--yes"}) {
        auto words = line;
        words.emplace_back(yes);
        const Said said = run(words);
        EXPECT_EQ(said.code, 0);
        EXPECT_EQ(said.error, "");
    }
    EXPECT_EQ(mode(), "local");
}

TEST_F(MachineSetTest, has_no_question_where_nothing_changes) {
    EXPECT_EQ(out_of({"machine", "set", "berth-1", "--name", "berth-1"}), "m-0001: nothing changed\n");
}

TEST_F(MachineSetTest, prints_the_record_alone_with_json_and_asks_on_standard_error) {
    answers("y");
    auto words = line;
    EXPECT_EQ(json_of(words)["mode"], "local");
    EXPECT_EQ(console.error, "+mode: local\nChange it? [y/N] ");
    words.back() = "network";
    answers("n");
    EXPECT_EQ(json_of(words)["mode"], "local");
}

TEST_F(MachineSetTest, refuses_what_was_changed_by_someone_else_while_it_asked) {
    answers("y");
    console.while_asked = [&] {
        ASSERT_TRUE(store()->update("m-0001", [](Machine& m) -> Status {
            m.settings["keymap"] = "fr";
            return {};
        }));
    };
    EXPECT_TRUE(run(line).refused("BERTH-P07"));
    console.while_asked = nullptr;
    EXPECT_EQ(mode(), "network");
}

TEST_F(MachineSetTest, gives_each_request_to_remake_the_data_partition_a_word_of_its_own) {
    EXPECT_THAT(out_of({"machine", "set", "-y", "berth-1", "--data", "remake"}),
                StartsWith("+data: remake-"));
    EXPECT_THAT(out_of({"machine", "set", "-y", "berth-1", "--data", "remake"}),
                StartsWith("-data: remake-"));
}

}  // namespace
}  // namespace berth::server
