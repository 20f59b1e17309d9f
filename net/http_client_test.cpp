// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <thread>

#include "base/fd.h"
#include "tests/testing/code_of.h"

namespace berth::net {
namespace {

/// A server that answers one request with three bytes.
class OneAnswer {
  public:
    explicit OneAnswer(std::string answer = "200 OK\r\nContent-Length: 3\r\n\r\nabc")
        : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener_.get(), 1), 0);
        EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        url_ = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
        thread_ = std::thread([this, answer] {
            const UniqueFd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char request[4096];
            const ssize_t n = recv(peer.get(), request, sizeof request, 0);
            if (n > 0) request_.assign(request, static_cast<size_t>(n));
            (void)write_all(peer.get(), "HTTP/1.1 " + answer);
        });
    }
    ~OneAnswer() {
        if (thread_.joinable()) thread_.join();
    }
    const std::string& url() const { return url_; }
    /// What it was asked; ends when it has answered.
    const std::string& request() {
        thread_.join();
        return request_;
    }

  private:
    UniqueFd listener_;
    std::string url_, request_;
    std::thread thread_;
};

TEST(HttpClient, hands_the_body_on) {
    const OneAnswer server;
    std::string body;
    const auto take = [&](std::string_view bytes) {
        body += bytes;
        return Status();
    };
    const Status done = make_http_client(ErrorCode::B02)->perform({.url = server.url()}, {}, take);
    EXPECT_TRUE(done) << done.error().to_log();
    EXPECT_EQ(body, "abc");
}

TEST(HttpClient, ends_the_transfer_with_an_error_when_its_reader_throws) {
    const OneAnswer server;
    const auto take = [](std::string_view) -> Status { throw std::runtime_error("no memory"); };
    ::testing::internal::CaptureStderr();
    const Status done = make_http_client(ErrorCode::B02)->perform({.url = server.url()}, {}, take);
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("no memory"), std::string::npos);
    ASSERT_FALSE(done);
    EXPECT_EQ(code_of(done), "BERTH-B02");
}

TEST(HttpClient, sends_a_body_by_any_method) {
    OneAnswer server("204 No Content\r\n\r\n");
    const auto http = make_http_client(ErrorCode::I01);
    const Status done =
        http->perform({.url = server.url(), .headers = {"Berth-Boot: 70ken"}, .method = "PUT", .body = "{}"},
                      {.total = std::chrono::seconds(3)}, [](std::string_view) { return Status(); });
    EXPECT_TRUE(done) << done.error().to_log();
    EXPECT_EQ(http->answer(), 204);
    const std::string& request = server.request();
    EXPECT_TRUE(request.starts_with("PUT / HTTP/1.1\r\n")) << request;
    EXPECT_NE(request.find("Berth-Boot: 70ken\r\n"), std::string::npos) << request;
    EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos) << request;
    EXPECT_TRUE(request.ends_with("\r\n\r\n{}")) << request;
}

TEST(HttpClient, tells_a_refusal_by_its_status) {
    const OneAnswer server("404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    const auto http = make_http_client(ErrorCode::I01);
    auto text = fetch_text(*http, {.url = server.url()}, {}, 100, ErrorCode::I01);
    ASSERT_FALSE(text);
    EXPECT_EQ(code_of(text), "BERTH-I01");
    EXPECT_EQ(http->answer(), 404);
}

TEST(HttpClient, takes_no_more_than_its_caller_allows) {
    const OneAnswer server;
    const auto http = make_http_client(ErrorCode::I01);
    auto text = fetch_text(*http, {.url = server.url()}, {}, 2, ErrorCode::B02);
    ASSERT_FALSE(text);
    EXPECT_EQ(code_of(text), "BERTH-B02");
    EXPECT_NE(text.error().detail().find("longer than 2 bytes"), std::string::npos);
}

}  // namespace
}  // namespace berth::net
