// SPDX-License-Identifier: GPL-3.0-or-later
// The boot's steps against a server and a workstation in memory.
#include "bootstrap/initramfs/bootstrap.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/fd.h"
#include "base/text.h"
#include "bootstrap/initramfs/fetch.h"
#include "bootstrap/manifest/chunks.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"

namespace berth::boot {
namespace {

const std::string k_image = "http://server/images/plain";
const std::string k_site = "http://server/images/site";
const std::string k_provisioner = "http://server";

/// Serves texts by URL; a test may order faults.
class FakeHttp final : public net::HttpClient {
  public:
    std::map<std::string, std::string> files;
    std::map<std::string, int> break_after;  ///< URL -> bytes after which each transfer ends.
    std::vector<net::HttpRequest> requests;
    long answered = 0;

    long answer() const override { return answered; }
    Status perform(const net::HttpRequest& request, const net::HttpTimes&, const Sink& sink) override {
        requests.push_back(request);
        const auto it = files.find(request.url);
        answered = it == files.end() ? 404 : 200;
        if (it == files.end()) return fail(ErrorCode::B02, "{}: 404", request.url);
        std::string_view rest = std::string_view(it->second).substr(request.from);
        const auto fault = break_after.find(request.url);
        const bool broken = fault != break_after.end() && rest.size() > static_cast<size_t>(fault->second);
        if (broken) rest = rest.substr(0, static_cast<size_t>(fault->second));
        BERTH_TRY(sink(rest));
        if (broken) return fail(ErrorCode::B02, "{}: broken off", request.url);
        return {};
    }
};

class FakeSystem final : public BootSystem {
  public:
    explicit FakeSystem(std::string folder) : folder_(std::move(folder)) {}
    std::vector<std::string> steps;
    std::string record, mounted_root, mounted_site;
    int network_failures = 0;
    std::string booted_card;

    Status network(const BootParameters& parameters) override {
        steps.emplace_back("network");
        booted_card = parameters.mac;
        if (network_failures-- > 0) return fail(ErrorCode::B01, "no cable");
        return {};
    }
    Result<std::string> image_folder() override { return folder_; }
    Status keep_record(const std::string& text) override {
        steps.emplace_back("record");
        record = text;
        return {};
    }
    Status mount_root(const std::string& root, const std::string& site) override {
        steps.emplace_back("mount");
        mounted_root = *read_file(root, 64 << 20);
        if (!site.empty()) mounted_site = *read_file(site, 64 << 20);
        return {};
    }
    Status switch_root() override {
        steps.emplace_back("switch");
        return {};
    }
    Status restart() override {
        steps.emplace_back("restart");
        return {};
    }

  private:
    std::string folder_;
};

class RecordingProgress final : public BootProgress {
  public:
    std::vector<std::string> stages;
    std::vector<std::string_view> problems;
    void stage(std::string_view name, int) override {
        if (stages.empty() || stages.back() != name) stages.emplace_back(name);
    }
    void problem(const Error& error) override { problems.push_back(code_of(error)); }
    bool count_boot_again(const Error&) override {
        ++asked;
        return counts;
    }
    int asked = 0;        ///< So often it was asked to count a further boot.
    bool counts = false;  ///< Whether the provisioner answers.
};

std::string content(size_t size) {
    std::string bytes(size, '\0');
    uint32_t x = 1;
    for (auto& b : bytes) b = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    return bytes;
}

class Bootstrap : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_GE(sodium_init(), 0);
        char name[] = "/tmp/berth-bootstrap-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder_ = name;
        plan.parameters.image = k_image;
        plan.trust.key = *parse_public_key(secret.format_public());
        serve(k_image, ManifestKind::image, "root.squashfs", root, 5);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void serve(const std::string& url, ManifestKind kind, const std::string& name, const std::string& bytes,
               uint64_t version) {
        ChunkList chunks;
        for (std::string_view rest = bytes; !rest.empty();) {
            const size_t n = first_chunk(rest);
            chunks.push_back({static_cast<uint32_t>(n), digest_of(rest.substr(0, n))});
            rest.remove_prefix(n);
        }
        const std::string list = format_chunk_list(chunks);
        Manifest m{.kind = kind, .version = version, .created = "2026-01-01T00:00:00Z", .files = {}};
        m.files.push_back({name,
                           bytes.size(),
                           to_hex(digest_of(bytes)),
                           {name + ".chunks", list.size(), to_hex(digest_of(list))}});
        const std::string text = format_manifest(m), base = url + "/" + std::string(manifest_name(kind));
        http.files[base] = text;
        http.files[base + ".minisig"] = secret.sign(text, "file:x");
        http.files[url + "/" + m.files[0].digest] = bytes;
        http.files[url + "/" + m.files[0].chunks.digest] = list;
        file_url = url + "/" + m.files[0].digest;
    }
    void with_record(const std::string& text) {
        plan.parameters.provisioner = k_provisioner;
        plan.parameters.machine = "m-0001";
        plan.parameters.token = "70ken";
        http.files[k_provisioner + "/v1/machines/m-0001/record"] = text;
    }
    Status boot() { return boot_once(plan, system(), http, clock, progress, other_build); }
    bool other_build = false;
    FakeSystem& system() {
        if (!system_) system_ = std::make_unique<FakeSystem>(folder_);
        return *system_;
    }

    SecretKey secret = SecretKey::generate();
    std::string root = content(1 << 20);
    BootPlan plan;
    FakeHttp http;
    FakeClock clock;
    RecordingProgress progress;
    std::string file_url;

  private:
    std::string folder_;
    std::unique_ptr<FakeSystem> system_;
};

TEST_F(Bootstrap, mounts_exactly_the_bytes_that_were_signed) {
    const Status s = boot();
    ASSERT_TRUE(s) << s.error().to_log();
    EXPECT_TRUE(system().mounted_root == root);
    EXPECT_EQ(system().steps, (std::vector<std::string>{"network", "mount", "switch"}));
    EXPECT_EQ(progress.stages, (std::vector<std::string>{"bootstrap", "fetch", "verify", "root"}));
}

TEST_F(Bootstrap, lays_a_site_archive_over_the_root) {
    const std::string site = content(300'000);
    serve(k_site, ManifestKind::site, "site.squashfs", site, 1);
    plan.parameters.site = k_site;
    const Status s = boot();
    ASSERT_TRUE(s) << s.error().to_log();
    EXPECT_TRUE(system().mounted_site == site);
}

TEST_F(Bootstrap, takes_no_image_for_a_site_archive) {
    plan.parameters.site = k_image;
    http.files[k_image + "/site.json"] = http.files[k_image + "/manifest.json"];
    http.files[k_image + "/site.json.minisig"] = http.files[k_image + "/manifest.json.minisig"];
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B04");
    EXPECT_EQ(system().mounted_root, "");
}

TEST_F(Bootstrap, mounts_nothing_when_the_site_archive_is_damaged) {
    serve(k_site, ManifestKind::site, "site.squashfs", content(300'000), 1);
    http.files[file_url][1000] ^= 1;
    plan.parameters.site = k_site;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B05");
    EXPECT_EQ(system().steps, std::vector<std::string>{"network"});
}

TEST_F(Bootstrap, mounts_nothing_when_any_byte_of_the_root_is_changed) {
    for (size_t at = 0; at < root.size(); at += 37'501) {
        http.files[file_url] = root;
        http.files[file_url][at] ^= 0x40;
        const Status s = boot();
        ASSERT_FALSE(s) << at;
        EXPECT_EQ(code_of(s), "BERTH-B05");
    }
    EXPECT_EQ(system().mounted_root, "");
}

TEST_F(Bootstrap, goes_on_behind_the_last_good_chunk_when_a_transfer_breaks) {
    http.break_after[file_url] = 200'000;
    const Status s = boot();
    ASSERT_TRUE(s) << s.error().to_log();
    EXPECT_TRUE(system().mounted_root == root);
    uint64_t before = 0;
    for (const auto& r : http.requests) {
        if (r.url != file_url) continue;
        EXPECT_TRUE(r.from == 0 || r.from > before);
        before = r.from;
    }
    EXPECT_GT(before, 0u);
}

TEST_F(Bootstrap, gives_an_attempt_up_when_no_chunk_ever_comes) {
    http.break_after[file_url] = 100;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B02");
}

TEST_F(Bootstrap, refuses_an_image_older_than_its_initramfs) {
    plan.trust.version = 6;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B06");
    EXPECT_EQ(system().mounted_root, "");
}

TEST_F(Bootstrap, accepts_an_older_image_when_the_record_allows_it) {
    plan.trust.version = 6;
    with_record(R"({"schema":1,"id":"m-0001","allow_older":true})");
    EXPECT_TRUE(boot());
}

TEST_F(Bootstrap, refuses_an_image_below_the_records_floor_even_then) {
    with_record(R"({"schema":1,"id":"m-0001","allow_older":true,"minimum_version":6})");
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B06");
}

TEST_F(Bootstrap, keeps_the_record_with_the_boots_token_for_the_system) {
    with_record(R"({"schema":1,"id":"m-0001","name":"berth-12"})");
    const Status s = boot();
    ASSERT_TRUE(s) << s.error().to_log();
    EXPECT_NE(system().record.find("\"boot_token\":\"70ken\""), std::string::npos);
    EXPECT_NE(system().record.find("berth-12"), std::string::npos);
    for (const auto& r : http.requests) {
        if (r.url.ends_with("/record")) {
            EXPECT_EQ(r.headers, std::vector<std::string>{"Berth-Boot: 70ken"});
        }
    }
}

TEST_F(Bootstrap, keeps_no_record_that_is_malformed_or_another_machines) {
    for (const char* text :
         {R"({"schema":1,"id":"m-0002"})", R"({"schema":1,"id":"m-0001","run":"x"})", "", "[]"}) {
        with_record(text);
        const Status s = boot();
        ASSERT_FALSE(s) << text;
        EXPECT_EQ(code_of(s), "BERTH-B08");
    }
    EXPECT_EQ(system().record, "");
}

TEST_F(Bootstrap, boots_without_a_setting_that_it_cannot_accept_and_tells_it) {
    with_record(
        R"({"schema":1,"id":"m-0001","keymap":"-de","time_zone":"Europe//Berlin","ntp":["[fd00::1]"]})");
    const Status s = boot();
    ASSERT_TRUE(s) << s.error().to_log();
    EXPECT_EQ(system().steps.back(), "switch");
    EXPECT_EQ(progress.problems, (std::vector<std::string_view>{"BERTH-B12", "BERTH-B12"}));
}

TEST_F(Bootstrap, uses_the_card_that_the_boot_script_names) {
    plan.parameters.mac = parse_boot_parameters("berth.mac=52:54:00:AB:cd:01")->mac;
    ASSERT_TRUE(boot());
    EXPECT_EQ(system().booted_card, "52:54:00:ab:cd:01");
}

TEST_F(Bootstrap, tries_again_with_a_growing_pause_and_tells_each_failure) {
    system().network_failures = 8;
    const auto start = clock.now();
    boot_until_it_works(plan, system(), http, clock, progress);
    EXPECT_EQ(progress.problems.size(), 8u);
    // 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60
    EXPECT_EQ(clock.now() - start, std::chrono::seconds(242));
    EXPECT_EQ(system().steps.back(), "switch");
}

TEST_F(Bootstrap, boots_by_itself_once_the_damage_is_repaired) {
    http.files[file_url][0] ^= 1;
    boot_until_it_works(plan, system(), http, clock, progress, 2);
    EXPECT_EQ(progress.problems, (std::vector<std::string_view>{"BERTH-B05", "BERTH-B05"}));
    http.files[file_url] = root;
    boot_until_it_works(plan, system(), http, clock, progress, 1);
    EXPECT_TRUE(system().mounted_root == root);
}

TEST_F(Bootstrap, knows_another_build_by_a_newer_version) {
    plan.trust.version = 4;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B07");
    EXPECT_TRUE(other_build);
    EXPECT_EQ(system().mounted_root, "");
}

TEST_F(Bootstrap, knows_another_build_by_an_older_version_unless_the_record_allows_it) {
    plan.trust.version = 6;
    EXPECT_FALSE(boot());
    EXPECT_TRUE(other_build);
    with_record(R"({"schema":1,"id":"m-0001","allow_older":true})");
    EXPECT_TRUE(boot());
    EXPECT_FALSE(other_build);
}

TEST_F(Bootstrap, does_not_boot_again_for_an_image_below_the_records_floor) {
    plan.trust.version = 5;
    with_record(R"({"schema":1,"id":"m-0001","minimum_version":6})");
    EXPECT_FALSE(boot());
    EXPECT_FALSE(other_build);
}

TEST_F(Bootstrap, knows_another_build_by_its_makers_key) {
    plan.trust.key.id[0] ^= 1;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B03");
    EXPECT_TRUE(other_build);
}

TEST_F(Bootstrap, takes_a_damaged_signature_for_damage) {
    std::string& signature = http.files[k_image + "/manifest.json.minisig"];
    signature[signature.find('\n') + 60] ^= 1;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B03");
    EXPECT_FALSE(other_build);
}

TEST_F(Bootstrap, knows_another_build_by_any_file_that_is_gone) {
    std::vector<std::string> urls;
    for (const auto& [url, bytes] : http.files) urls.push_back(url);
    ASSERT_EQ(urls.size(), 4u) << "manifest, signature, chunk list, root";
    for (const auto& url : urls) {
        const auto kept = http.files.extract(url);
        http.requests.clear();
        const Status s = boot();
        ASSERT_FALSE(s) << url;
        EXPECT_EQ(code_of(s), "BERTH-B02");
        EXPECT_TRUE(other_build) << url;
        EXPECT_EQ(std::ranges::count(http.requests, url, &net::HttpRequest::url), 1) << "asked for once";
        http.files[kept.key()] = kept.mapped();
    }
    EXPECT_TRUE(boot());
}

TEST_F(Bootstrap, takes_a_transfer_that_breaks_for_no_other_build) {
    http.break_after[file_url] = 100;
    EXPECT_FALSE(boot());
    EXPECT_FALSE(other_build);
}

TEST_F(Bootstrap, takes_only_the_manifest_that_its_url_names) {
    const std::string text = http.files[k_image + "/manifest.json"];
    const std::string good = k_image + "/" + build_name(5, text), bad = k_image + "/5-0123456789abcdef";
    serve(good, ManifestKind::image, "root.squashfs", root, 5);
    serve(bad, ManifestKind::image, "root.squashfs", root, 5);
    plan.parameters.image = good;
    EXPECT_TRUE(boot());
    plan.parameters.image = bad;
    const Status s = boot();
    ASSERT_FALSE(s);
    EXPECT_EQ(code_of(s), "BERTH-B07");
    EXPECT_TRUE(other_build);
}

TEST_F(Bootstrap, restarts_when_another_build_is_there_and_the_provisioner_counted_it) {
    plan.trust.version = 4;
    progress.counts = true;
    boot_until_it_works(plan, system(), http, clock, progress);
    EXPECT_EQ(progress.problems, std::vector<std::string_view>{"BERTH-B07"});
    EXPECT_EQ(system().steps, (std::vector<std::string>{"network", "restart"}));
}

TEST_F(Bootstrap, does_not_restart_when_nobody_counts_it) {
    plan.trust.version = 4;
    boot_until_it_works(plan, system(), http, clock, progress, 3);
    EXPECT_EQ(progress.asked, 3);
    EXPECT_EQ(std::ranges::count(system().steps, "restart"), 0);
}

TEST_F(Bootstrap, does_not_restart_because_of_damage) {
    progress.counts = true;
    http.files[file_url][0] ^= 1;
    boot_until_it_works(plan, system(), http, clock, progress, 3);
    EXPECT_EQ(progress.asked, 0);
    EXPECT_EQ(std::ranges::count(system().steps, "restart"), 0);
}

TEST(VersionFloor, is_the_initramfss_own_version_unless_the_record_says_otherwise) {
    EXPECT_EQ(version_floor(0, false, 7), 7u);
    EXPECT_EQ(version_floor(9, false, 7), 9u);
    EXPECT_EQ(version_floor(0, true, 7), 0u);
    EXPECT_EQ(version_floor(5, true, 7), 5u);
    EXPECT_EQ(version_floor(5, false, 7), 7u);
}

}  // namespace
}  // namespace berth::boot
