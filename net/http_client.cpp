// SPDX-License-Identifier: GPL-3.0-or-later
#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>

#include "base/no_throw.h"

namespace berth::net {
namespace {

struct Transfer {
    CURL* handle;
    const HttpClient::Sink& sink;
    uint64_t from;
    uint64_t to_skip = 0;
    bool begun = false;
    Status status;
};

size_t on_body(char* data, size_t, size_t size, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    std::string_view bytes(data, size);
    if (!t.begun) {
        long code = 0;
        curl_easy_getinfo(t.handle, CURLINFO_RESPONSE_CODE, &code);
        if (code / 100 != 2) return size;  // An error's page: read and forgotten.
        t.begun = true;
        if (code != 206) t.to_skip = t.from;  // The whole file although a part was asked for.
    }
    const size_t skip = static_cast<size_t>(std::min<uint64_t>(t.to_skip, bytes.size()));
    bytes.remove_prefix(skip);
    t.to_skip -= skip;
    if (bytes.empty()) return size;
    // Not all that came was taken: libcurl then ends the transfer with an error.
    return no_throw("berth: an answer by HTTP", size_t{0}, [&] {
        t.status = t.sink(bytes);
        return t.status ? size : 0;
    });
}

class CurlHttp final : public HttpClient {
  public:
    explicit CurlHttp(ErrorCode failed) : failed_(failed), handle_(curl_easy_init()) {}
    ~CurlHttp() override { curl_easy_cleanup(handle_); }
    CurlHttp(const CurlHttp&) = delete;
    CurlHttp& operator=(const CurlHttp&) = delete;

    Status perform(const HttpRequest& request, const HttpTimes& times, const Sink& sink) override {
        answer_ = 0;
        if (handle_ == nullptr) return fail(failed_, "libcurl has no memory");
        curl_easy_reset(handle_);
        Transfer transfer{.handle = handle_, .sink = sink, .from = request.from};
        curl_slist* headers = nullptr;
        for (const auto& h : request.headers) headers = curl_slist_append(headers, h.c_str());
        char error[CURL_ERROR_SIZE] = {};
        set(CURLOPT_URL, request.url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_USERAGENT, "berth");
        set(CURLOPT_PROXY, "");  // What the site's server says is what counts, not an environment.
        set(CURLOPT_ERRORBUFFER, error);
        set(CURLOPT_WRITEFUNCTION, on_body);
        set(CURLOPT_WRITEDATA, &transfer);
        set(CURLOPT_BUFFERSIZE, 256L * 1024);
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(times.connect.count()));
        set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
        set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(times.stall.count()));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(times.total.count()));
        if (request.from > 0) set(CURLOPT_RANGE, fmt::format("{}-", request.from).c_str());
        if (request.method != "GET") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
        if (!request.body.empty()) {
            headers = curl_slist_append(headers, "Content-Type: application/json");
            headers = curl_slist_append(headers, "Expect:");
            set(CURLOPT_POSTFIELDS, request.body.data());
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        }
        set(CURLOPT_HTTPHEADER, headers);
        const CURLcode code = curl_easy_perform(handle_);
        curl_slist_free_all(headers);
        curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &answer_);
        if (!transfer.status) return transfer.status;
        if (code != CURLE_OK)
            return fail(failed_, "{}: {}", request.url, error[0] != '\0' ? error : curl_easy_strerror(code));
        if (answer_ / 100 != 2)
            return fail(failed_, "{}: the server answers with HTTP status {}", request.url, answer_);
        return {};
    }
    long answer() const override { return answer_; }

  private:
    template <typename T>
    void set(CURLoption option, T value) {
        curl_easy_setopt(handle_, option, value);
    }
    const ErrorCode failed_;
    CURL* handle_;
    long answer_ = 0;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(ErrorCode failed) {
    // Once, whichever thread is first.
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)global;
    return std::make_unique<CurlHttp>(failed);
}

Result<std::string> fetch_text(HttpClient& http, const HttpRequest& request, const HttpTimes& times,
                               size_t limit, ErrorCode too_long) {
    std::string text;
    BERTH_TRY(http.perform(request, times, [&](std::string_view bytes) -> Status {
        if (text.size() + bytes.size() > limit)
            return fail(too_long, "{}: longer than {} bytes", request.url, limit);
        text += bytes;
        return {};
    }));
    return text;
}

}  // namespace berth::net
