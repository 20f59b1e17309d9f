// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <thread>

#include "base/fd.h"

namespace berth::boot {
namespace {

/// A server that answers one request with three bytes.
class OneAnswer {
  public:
    OneAnswer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener_.get(), 1), 0);
        EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        url_ = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
        thread_ = std::thread([this] {
            const UniqueFd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char request[4096];
            (void)!recv(peer.get(), request, sizeof request, 0);
            (void)write_all(peer.get(), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        });
    }
    ~OneAnswer() { thread_.join(); }
    const std::string& url() const { return url_; }

  private:
    UniqueFd listener_;
    std::string url_;
    std::thread thread_;
};

TEST(CurlHttp, hands_the_body_on) {
    const OneAnswer server;
    std::string body;
    const auto take = [&](std::string_view bytes) {
        body += bytes;
        return Status();
    };
    const Status done = make_curl_http()->perform({.url = server.url(), .headers = {}, .post = {}}, {}, take);
    EXPECT_TRUE(done) << done.error().to_log();
    EXPECT_EQ(body, "abc");
}

TEST(CurlHttp, ends_the_transfer_with_an_error_when_its_reader_throws) {
    const OneAnswer server;
    const auto take = [](std::string_view) -> Status { throw std::runtime_error("no memory"); };
    ::testing::internal::CaptureStderr();
    const Status done = make_curl_http()->perform({.url = server.url(), .headers = {}, .post = {}}, {}, take);
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("no memory"), std::string::npos);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::B02);
}

}  // namespace
}  // namespace berth::boot
