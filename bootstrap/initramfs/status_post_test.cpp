// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/initramfs/status_post.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace berth::boot {
namespace {

class OneServer final : public net::HttpClient {
  public:
    std::vector<net::HttpRequest> requests;
    bool answers = true;
    long answer() const override { return answers ? 204 : 0; }
    Status perform(const net::HttpRequest& request, const net::HttpTimes& times, const Sink&) override {
        EXPECT_GT(times.total.count(), 0);
        requests.push_back(request);
        if (!answers) return fail(ErrorCode::B02, "silent");
        return {};
    }
};

const BootParameters k_known{
    .image = {}, .site = {}, .provisioner = "http://p:1", .machine = "m-1", .token = "70ken", .mac = {}};

TEST(StatusPost, has_the_documented_shape) {
    EXPECT_EQ(stage_status("b", "fetch", 40, ""),
              nlohmann::json::parse(R"({"boot_id":"b","stage":"fetch","percent":40,"error":null})"));
    EXPECT_EQ(stage_status("b", "fetch", -1, "BERTH-B05 x"),
              nlohmann::json::parse(R"({"boot_id":"b","stage":"fetch","error":"BERTH-B05 x"})"));
}

TEST(StatusPost, says_any_error_in_the_form_that_the_provisioner_takes) {
    const auto post = stage_status("b", "fetch", -1, "a\nb\x1b" + std::string(5000, 'x'));
    EXPECT_TRUE(post["error"].get<std::string>().starts_with("a\\x0ab\\x1bxxx"));
    EXPECT_EQ(post["error"].get<std::string>().size(), 512u);
}

TEST(StatusPost, goes_to_this_workstations_url_with_the_boots_token) {
    OneServer server;
    FakeClock clock;
    StatusPoster poster(k_known, server, clock);
    EXPECT_TRUE(poster.post(stage_status("b", "root", -1, "")));
    ASSERT_EQ(server.requests.size(), 1u);
    EXPECT_EQ(server.requests[0].url, "http://p:1/v1/machines/m-1/status");
    EXPECT_EQ(server.requests[0].headers, std::vector<std::string>{"Berth-Boot: 70ken"});
}

TEST(StatusPost, leaves_a_silent_provisioner_alone_for_a_while) {
    OneServer server;
    FakeClock clock;
    StatusPoster poster(k_known, server, clock);
    server.answers = false;
    EXPECT_FALSE(poster.post({{"boot_id", "b"}}));
    EXPECT_FALSE(poster.post({{"boot_id", "b"}}));
    EXPECT_EQ(server.requests.size(), 1u);
    clock.advance(std::chrono::seconds(15));
    server.answers = true;
    EXPECT_TRUE(poster.post({{"boot_id", "b"}}));
}

TEST(StatusPost, is_not_sent_without_a_provisioner) {
    OneServer server;
    FakeClock clock;
    StatusPoster poster({}, server, clock);
    EXPECT_FALSE(poster.post({{"boot_id", "b"}}));
    EXPECT_TRUE(server.requests.empty());
}

}  // namespace
}  // namespace berth::boot
