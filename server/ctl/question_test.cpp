// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/question.h"

#include <gmock/gmock.h>

#include "tests/testing/ctl_world.h"

namespace berth::server {
namespace {

class QuestionTest : public CtlTest {
  protected:
    /// `line`: -y or nothing.
    Result<bool> ask(const std::vector<std::string>& after, const std::string& line = "", bool json = false) {
        CLI::App app;
        Question question(app);
        app.parse(line);
        Ctl ctl{console, clock, report, places};
        ctl.json = json;
        return question.confirm(ctl, {"a: 1", "b: 2"}, after);
    }
};

TEST_F(QuestionTest, is_yes_by_y_and_yes_alone) {
    for (const auto& [answer, go] :
         {std::pair{"y", true}, {"yes", true}, {"Y", false}, {"no", false}, {"", false}}) {
        answers(answer);
        console.asked = 0;
        const auto asked = ask({"a: 1"});
        ASSERT_TRUE(asked);
        EXPECT_EQ(*asked, go) << answer;
    }
}

TEST_F(QuestionTest, is_refused_where_nobody_can_answer) {
    const auto asked = ask({"a: 1"});
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().detail(), "without a terminal to ask on, -y must be given");
    EXPECT_EQ(console.out + console.error, "");
}

TEST_F(QuestionTest, is_not_asked_with_y) {
    EXPECT_TRUE(*ask({"a: 1"}, "-y"));
    EXPECT_TRUE(*ask({"a: 1"}, "--yes"));
    EXPECT_EQ(console.error, "");
}

TEST_F(QuestionTest, shows_the_lines_that_go_and_the_lines_that_come) {
    answers("y");
    EXPECT_TRUE(*ask({"b: 3", "a: 1", "c: 4\nroot"}));
    EXPECT_EQ(console.out, "-b: 2\n+b: 3\n+c: 4\\x0aroot\n");
    EXPECT_EQ(console.error, "Change it? [y/N] ");
}

TEST_F(QuestionTest, leaves_standard_output_to_the_json) {
    answers("y");
    EXPECT_TRUE(*ask({"a: 1"}, "", true));
    EXPECT_EQ(console.out, "");
    EXPECT_EQ(console.error, "-b: 2\nChange it? [y/N] ");
    console.error.clear();
    EXPECT_TRUE(*ask({"a: 1"}, "-y", true));
    EXPECT_EQ(console.out + console.error, "");
}

TEST_F(QuestionTest, is_no_question_when_nothing_changes) {
    EXPECT_FALSE(*ask({"b: 2", "a: 1"}));
}

}  // namespace
}  // namespace berth::server
