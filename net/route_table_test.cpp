// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/route_table.h"

#include <gtest/gtest.h>

namespace berth::net {
namespace {

Result<Response> ok(const Call& call) {
    return Response{.body = call.method() + " " + call.part(1)};
}

class RouteTableTest : public testing::Test {
  protected:
    RouteTableTest()
        : table({{"GET, HEAD", "/a", Listener::boot, ok},
                 {"GET", "/a/{name}", Listener::boot, ok},
                 {"PUT", "/a/{name}", Listener::boot, ok, 10},
                 {"GET, HEAD", "/files/{name}", Listener::boot, ok, k_longest_body, true},
                 {"GET", "/own/{id}/x", Listener::boot, ok},
                 {"GET", "/admin", Listener::admin, ok}},
                {{"/own/{id}", Listener::boot,
                  [](const Call& call) -> Status {
                      if (call.header("key") != call.part(1)) return fail(ErrorCode::M03);
                      return {};
                  }}},
                {.malformed = ErrorCode::I03,
                 .unknown = ErrorCode::M09,
                 .too_large = ErrorCode::I06,
                 .method = ErrorCode::I02,
                 .answer = [](const Error& error) {
                     return Response{.status = 400, .body = std::string(code_name(error.code()))};
                 }}) {}
    Response ask(const std::string& method, const std::string& target, const std::string& key = "",
                 Listener listener = Listener::boot) {
        return table.answer({.method = method, .target = target, .headers = {{"key", key}}}, listener);
    }
    RouteTable table;
};

TEST_F(RouteTableTest, finds_the_row_of_method_and_path) {
    EXPECT_EQ(ask("GET", "/a").body, "GET ");
    EXPECT_EQ(ask("HEAD", "/a").body, "HEAD ");
    EXPECT_EQ(ask("GET", "/a/b%20c?d=e").body, "GET b c");
    EXPECT_EQ(ask("PUT", "/a/b").body, "PUT b");
}

TEST_F(RouteTableTest, a_path_without_a_row_is_unknown_whatever_the_method) {
    for (const char* target : {"/", "/b", "/a/b/c", "/files", "/A", "/admin"}) {
        if (std::string(target) == "/")
            EXPECT_EQ(ask("GET", target).body, "BERTH-I03");
        else
            EXPECT_EQ(ask("GET", target).body, "BERTH-M09") << target;
    }
    EXPECT_EQ(ask("BREW", "/b").body, "BERTH-M09");
}

TEST_F(RouteTableTest, another_method_gets_allow_from_all_rows_of_the_path) {
    const auto response = ask("DELETE", "/a/b");
    EXPECT_EQ(response.body, "BERTH-I02");
    ASSERT_EQ(response.headers.size(), 1u);
    EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Allow", "GET, PUT")));
    EXPECT_EQ(ask("POST", "/a").headers[0].second, "GET, HEAD");
    EXPECT_EQ(ask("GE", "/a").body, "BERTH-I02");
    EXPECT_EQ(ask("", "/a").body, "BERTH-I02");
}

TEST_F(RouteTableTest, a_gate_says_nothing_of_what_is_below_it) {
    EXPECT_EQ(ask("GET", "/own/7/x", "7").body, "GET 7");
    for (const char* target : {"/own/7/x", "/own/7/y", "/own/7/x/y"}) {
        EXPECT_EQ(ask("GET", target, "8").body, "BERTH-M03") << target;
        EXPECT_EQ(ask("BREW", target, "8").body, "BERTH-M03") << target;
    }
    EXPECT_EQ(ask("GET", "/own/7/y", "7").body, "BERTH-M09");
    EXPECT_EQ(ask("BREW", "/own/7/x", "7").body, "BERTH-I02");
    EXPECT_EQ(ask("GET", "/own/7", "8").body, "BERTH-M09");
}

TEST_F(RouteTableTest, a_listener_knows_its_own_rows_only) {
    EXPECT_EQ(ask("GET", "/admin", "", Listener::admin).body, "GET ");
    EXPECT_EQ(ask("GET", "/a", "", Listener::admin).body, "BERTH-M09");
}

TEST_F(RouteTableTest, no_transfer_begins_while_the_server_is_crowded) {
    const auto crowded = [&](const std::string& method, const std::string& target) {
        return table.answer({.method = method, .target = target, .crowded = true}, Listener::boot);
    };
    const auto refused = crowded("GET", "/files/x");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.headers[0], (std::pair<std::string, std::string>("Retry-After", "5")));
    EXPECT_EQ(crowded("HEAD", "/files/x").status, 200);
    EXPECT_EQ(crowded("GET", "/a").status, 200);
    EXPECT_EQ(ask("GET", "/files/x").status, 200);
}

TEST_F(RouteTableTest, a_row_may_have_its_own_limit_of_the_body) {
    EXPECT_EQ(table.longest_body({.method = "PUT", .target = "/a/b"}, Listener::boot), 10u);
    EXPECT_EQ(table.longest_body({.method = "GET", .target = "/a/b"}, Listener::boot), k_longest_body);
    EXPECT_EQ(table.longest_body({.method = "PUT", .target = "/none"}, Listener::boot), k_longest_body);
    EXPECT_EQ(table.longest_body({.method = "PUT", .target = "%"}, Listener::boot), k_longest_body);
    EXPECT_EQ(table.too_large(10).body, "BERTH-I06");
}

TEST_F(RouteTableTest, counts_every_response_by_its_class) {
    ask("GET", "/a"), ask("GET", "/none"), (void)table.too_large(1);
    EXPECT_EQ(table.responses(2), 1u);
    EXPECT_EQ(table.responses(4), 2u);
    EXPECT_EQ(table.responses(5), 0u);
}

}  // namespace
}  // namespace berth::net
