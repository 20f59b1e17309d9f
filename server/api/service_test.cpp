// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/api/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "server/boot/ipxe_script.h"
#include "server/model/machine_view.h"
#include "tests/testing/code_of.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/recording_report.h"

namespace berth::server {
namespace {

using testing::HasSubstr;

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() {
        char name[] = "/tmp/berth-service-XXXXXX";
        folder = mkdtemp(name);
        std::filesystem::create_directories(folder + "/images/berth");
        std::ofstream(folder + "/images/berth/vmlinuz") << "0123456789";
        store = std::move(*Store::open(folder + "/a.db", clock));
        images.emplace(std::move(*ImageFolder::open(folder + "/images")));
        service.emplace(ServiceConfig{.public_url = {}, .boot_ipxe = "#!ipxe\necho x\n"}, *store, *images,
                        report, [this] {
                            if (before_token) before_token();
                            return fmt::format("{:032x}", ++tokens);
                        });
    }
    ~ServiceTest() override { std::filesystem::remove_all(folder); }

    net::Response ask(const std::string& method, const std::string& target,
                      decltype(net::Request::headers) headers = {}, const std::string& body = "") {
        headers.emplace("host", "10.0.0.1:8080");
        return service->routes().answer(
            {.method = method, .target = target, .headers = std::move(headers), .body = body},
            net::Listener::boot);
    }
    std::string code(const net::Response& r) { return nlohmann::json::parse(r.body).at("code"); }
    static std::string value(const net::Response& r, const std::string& name) {
        for (const auto& [n, v] : r.headers)
            if (n == name) return v;
        return "";
    }
    /// Adds a machine and boots it; its token's header.
    decltype(net::Request::headers) booted() {
        Machine m;
        m.macs = {"52:54:00:00:00:01"};
        EXPECT_TRUE(store->add(m));
        EXPECT_EQ(ask("GET", "/v1/boot?mac=52-54-00-00-00-01&platform=efi").status, 200);
        return {{"berth-boot", fmt::format("{:032x}", tokens)}};
    }

    std::string folder;
    FakeClock clock;
    RecordingReport report;
    std::unique_ptr<Store> store;
    std::optional<ImageFolder> images;
    std::optional<Service> service;
    int tokens = 0;
    const std::string k_uuid_a = "aaaaaaaa-1234-4000-8000-0123456789ab",
                      k_uuid_b = "bbbbbbbb-1234-4000-8000-0123456789ab";
    std::function<void()> before_token;  ///< What happens between the look at the image and the new token.

    /// Makes `build` of an image the one that is served by its name.
    void serve(const std::string& build, const std::string& name = "school") {
        namespace fs = std::filesystem;
        fs::create_directories(folder + "/images/." + name + "/" + build);
        std::ofstream(folder + "/images/." + name + "/" + build + "/vmlinuz") << build;
        fs::remove(folder + "/images/" + name);
        fs::create_directory_symlink("." + name + "/" + build, folder + "/images/" + name);
    }
    /// Those of `builds` that no token names.
    std::vector<std::string> unused(const std::vector<std::string>& builds) {
        std::vector<std::string> names;
        EXPECT_TRUE(store->release_builds(builds, [&](const std::string& build) {
            names.push_back(build);
            return Status();
        }));
        return names;
    }
};
const std::string k_first = "1-00000000000000aa", k_second = "2-00000000000000bb";

TEST_F(ServiceTest, hands_out_the_boot_script_with_its_own_address) {
    EXPECT_EQ(ask("GET", "/boot.ipxe").body, "#!ipxe\nset berth-url http://10.0.0.1:8080\necho x\n");
    EXPECT_EQ(ask("GET", "/boot.ipxe", {{"host", "a\nshell"}}).status, 400);
    EXPECT_EQ(ask("GET", "/boot.ipxe", {{"host", ""}}).status, 400);
}

TEST_F(ServiceTest, a_known_machine_runs_from_the_network_with_a_fresh_token_each_time) {
    const auto first = booted();
    const auto again = ask("GET", "/v1/boot?mac=52:54:00:00:00:01&uuid=&serial=&platform=pcbios");
    EXPECT_THAT(again.body, HasSubstr("berth.boot=" + fmt::format("{:032x}", 2)));
    EXPECT_THAT(again.body, HasSubstr("berth.machine=m-0001"));
    EXPECT_EQ(ask("GET", "/v1/machines/m-0001/record", first).status, 200)
        << "the running client is not cut off";
}

TEST_F(ServiceTest, a_control_byte_in_the_serial_number_stops_no_boot) {
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {{"image", "berth"}}}));
    std::string endless;
    for (int i = 0; endless.size() < 3000; ++i) endless += fmt::format("SN{}-", i);
    const std::pair<std::string, std::string> serials[] = {{"A%01%1bB%ff", "AB"},
                                                           {endless, endless.substr(0, 64)}};
    for (size_t i = 0; i < std::size(serials); ++i) {
        const auto target =
            fmt::format("/v1/boot?mac=52:54:00:00:00:0{}&platform=efi&serial={}", i, serials[i].first);
        EXPECT_THAT(ask("GET", target).body, HasSubstr("/images/berth/vmlinuz")) << target;
        EXPECT_EQ(store->machines()->at(i).serial, serials[i].second);
    }
    EXPECT_TRUE(report.has("part of a serial number left out"));
}

TEST_F(ServiceTest, names_the_card_that_booted_to_the_workstation) {
    booted();
    EXPECT_THAT(ask("GET", "/v1/boot?mac=52-54-00-00-00-01&platform=efi").body,
                HasSubstr(" berth.mac=52:54:00:00:00:01 "));
}

TEST_F(ServiceTest, takes_the_facts_of_a_machine_with_odd_cards) {
    const auto header = booted();
    // InfiniBand's 20 bytes as an older client cut them; a modem.
    for (const char* mac : {"80:00:02:08:fe:80:00:00:00:00:00", ""}) {
        const std::string body = fmt::format(
            R"({{"boot_id":"b","stage":"setup","error":null,"facts":{{"cpu":"x","cores":4,"memory_mib":8000,"disks":[],)"
            R"("kvm":{{"usable":true,"why":""}},"nics":[{{"mac":"52:54:00:12:34:56","driver":"e1000e"}},)"
            R"({{"mac":"{}","driver":"odd"}}]}}}})",
            mac);
        EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", header, body).status, 204) << mac;
        const auto machine = store->machines()->at(0);
        EXPECT_EQ(machine.status.stage, "setup");
        const auto& facts = machine.status.facts;
        EXPECT_EQ(facts["cores"], 4) << mac;
        EXPECT_EQ(facts["nics"][0]["mac"], "52:54:00:12:34:56") << mac;
        EXPECT_EQ(facts["nics"][1], (nlohmann::json{{"driver", "odd"}})) << mac;
        EXPECT_THAT(status_lines(machine), testing::Contains("nic: without-mac odd"));
        EXPECT_THAT(status_lines(machine),
                    testing::Contains("left out: facts.nics[1].mac: not a MAC address"));
    }
    EXPECT_TRUE(report.has("part of a status left out"));
}

TEST_F(ServiceTest, an_unknown_machine_leaves_no_trace_by_policy_local) {
    EXPECT_THAT(ask("GET", "/v1/boot?mac=52:54:00:00:00:09&platform=efi").body, HasSubstr("exit 1"));
    EXPECT_TRUE(store->machines()->empty());
    EXPECT_EQ(tokens, 0);
}

TEST_F(ServiceTest, an_unknown_machine_is_listed_disabled_by_policy_discover) {
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::discover, .defaults = {}}));
    for (int i = 0; i < 2; ++i)
        EXPECT_THAT(ask("GET", "/v1/boot?mac=52:54:00:00:00:09&serial=AB%201&platform=efi").body,
                    HasSubstr("exit 1"));
    const auto machines = store->machines().value();
    ASSERT_EQ(machines.size(), 1u);
    EXPECT_FALSE(machines[0].enabled);
    EXPECT_EQ(machines[0].serial, "AB 1");
    EXPECT_EQ(machines[0].status.platform, "efi");
}

TEST_F(ServiceTest, an_unknown_machine_is_added_and_runs_by_policy_enrol) {
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {{"image", "school"}}}));
    EXPECT_THAT(ask("GET", "/v1/boot?mac=52:54:00:00:00:09&platform=efi").body,
                HasSubstr("/images/school/vmlinuz"));
    EXPECT_TRUE(store->machines()->at(0).enabled);
}

TEST_F(ServiceTest, another_machine_with_a_known_mac_gets_neither_record_nor_token) {
    booted();
    const std::string first = "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_a + "&serial=SN-A";
    const std::string second =
        "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_b + "&serial=SN-B";
    EXPECT_THAT(ask("GET", first).body, HasSubstr("berth.machine=m-0001"));
    const int given = tokens;
    const auto refused = ask("GET", second).body;
    EXPECT_THAT(refused, HasSubstr("exit 1"));
    EXPECT_THAT(refused, HasSubstr("recorded for another machine"));
    EXPECT_EQ(tokens, given);
    EXPECT_EQ(store->machines()->size(), 1u);
    EXPECT_EQ(store->find("m-0001")->uuid, k_uuid_a);
    ASSERT_EQ(store->conflicts()->size(), 1u);
    EXPECT_EQ(store->conflicts()->front().seen, (Hardware{"52:54:00:00:00:01", k_uuid_b, "SN-B"}));
    EXPECT_TRUE(report.has("another machine has something of a record"));
    EXPECT_THAT(ask("GET", first).body, HasSubstr("berth.machine=m-0001"));
}

TEST_F(ServiceTest, a_conflict_boots_as_policy_says_for_unknown_machines) {
    booted();
    ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_a + "&serial=SN-A");
    const std::string second = "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_b;
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::discover, .defaults = {}}));
    EXPECT_THAT(ask("GET", second + "&serial=SN-B").body, HasSubstr("waits to be enabled"));
    const auto own = store->find("m-0002").value();
    EXPECT_FALSE(own.enabled);
    EXPECT_TRUE(own.macs.empty()) << "the card is the other's";
    EXPECT_EQ(own.serial, "SN-B");
    EXPECT_TRUE(store->conflicts()->empty() || store->conflicts()->front().machine == "m-0001");
    EXPECT_THAT(ask("GET", second + "&serial=SN-B").body, HasSubstr("listed but not enabled"));
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {}}));
    EXPECT_THAT(ask("GET", second + "&serial=SN-C").body, HasSubstr("berth.machine=m-0003"));
    EXPECT_THAT(ask("GET", second + "&serial=SN-C").body, HasSubstr("berth.machine=m-0003"));
    EXPECT_THAT(ask("GET", second).body, HasSubstr("nothing tells this machine from others"));
    EXPECT_EQ(store->machines()->size(), 3u);
}

TEST_F(ServiceTest, a_machine_with_a_new_card_is_known_by_its_board_and_the_card_reported) {
    booted();
    ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_a + "&serial=SN-A");
    EXPECT_THAT(
        ask("GET", "/v1/boot?mac=52:54:00:00:00:0d&platform=efi&uuid=" + k_uuid_a + "&serial=SN-A").body,
        HasSubstr("berth.machine=m-0001"));
    EXPECT_EQ(store->find("m-0001")->macs.size(), 2u);
    EXPECT_TRUE(report.has("network card added"));
}

TEST_F(ServiceTest, placeholders_of_firmware_make_no_machine_anothers) {
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {}}));
    const std::string same =
        "&platform=efi&uuid=03000200-0400-0500-0006-000700080009&serial=Default%20string";
    for (int i = 1; i <= 3; ++i)
        EXPECT_THAT(ask("GET", fmt::format("/v1/boot?mac=52:54:00:00:00:0{}{}", i, same)).body,
                    HasSubstr(fmt::format("berth.machine=m-000{}", i)));
    for (const auto& m : store->machines().value()) EXPECT_EQ(m.uuid + m.serial, "");
    EXPECT_THAT(ask("GET", "/v1/boot?mac=00:00:00:00:00:00" + same).body,
                HasSubstr("nothing tells this machine from others"));
    EXPECT_THAT(
        ask("GET", "/v1/boot?mac=ff:ff:ff:ff:ff:ff&platform=efi&uuid=" + k_uuid_a + "&serial=SN-A").body,
        HasSubstr("berth.machine=m-0004"));
}

TEST_F(ServiceTest, a_boot_is_answered_while_the_database_is_locked) {
    booted();
    store = std::move(*Store::open(folder + "/a.db", clock, std::chrono::milliseconds(1)));
    service.emplace(ServiceConfig{.public_url = {}, .boot_ipxe = "#!ipxe\n"}, *store, *images, report,
                    [this] { return fmt::format("{:032x}", ++tokens); });
    auto other = std::move(*Store::open(folder + "/a.db", clock));
    ASSERT_TRUE(other->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {}}));
    ASSERT_TRUE(other->update("m-0001", [&](Machine&) -> Status {  // holds the write lock
        const auto known = ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=efi&uuid=" + k_uuid_a);
        EXPECT_EQ(known.status, 200);
        EXPECT_THAT(known.body, HasSubstr("berth.machine=m-0001"));
        EXPECT_EQ(
            ask("GET", "/v1/machines/m-0001/record", {{"berth-boot", fmt::format("{:032x}", tokens)}}).status,
            200)
            << "its token is good although it is not written";
        EXPECT_EQ(
            ask("GET", "/v1/machines/m-0002/record", {{"berth-boot", fmt::format("{:032x}", tokens)}}).status,
            403);
        const auto unknown = ask("GET", "/v1/boot?mac=52:54:00:00:00:09&platform=efi");
        EXPECT_EQ(unknown.status, 200);
        EXPECT_THAT(unknown.body, HasSubstr("cannot be listed now"));
        return {};
    }));
    EXPECT_TRUE(report.has("bookkeeping failed"));
    EXPECT_TRUE(report.has("machine not added"));
}

TEST_F(ServiceTest, what_a_boot_leaves_to_be_written_is_written_behind) {
    booted();
    std::vector<Job> jobs;
    service.emplace(
        ServiceConfig{.public_url = {}, .boot_ipxe = "#!ipxe\n"}, *store, *images, report,
        [this] { return fmt::format("{:032x}", ++tokens); },
        [&](Job job) { jobs.push_back(std::move(job)); });
    ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=pcbios");
    const std::string token = fmt::format("{:032x}", tokens);
    EXPECT_EQ(code_of(store->check_token("m-0001", token)), "BERTH-P03");
    EXPECT_EQ(ask("GET", "/v1/machines/m-0001/record", {{"berth-boot", token}}).status, 200);
    ASSERT_EQ(jobs.size(), 2u);
    for (auto& job : jobs) EXPECT_TRUE(job.run());
    EXPECT_TRUE(store->check_token("m-0001", token));
    EXPECT_EQ(store->find("m-0001")->status.platform, "pcbios");
    // A token whose job was dropped is not good any more.
    ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=pcbios");
    jobs[2].dropped();
    EXPECT_EQ(
        ask("GET", "/v1/machines/m-0001/record", {{"berth-boot", fmt::format("{:032x}", tokens)}}).status,
        403);
}

TEST_F(ServiceTest, boot_refuses_bad_queries_as_json_with_a_code) {
    for (const char* query :
         {"", "?mac=x&platform=efi", "?mac=52:54:00:00:00:01", "?mac=52:54:00:00:00:01&platform=arm",
          "?mac=52:54:00:00:00:01&platform=efi&uuid=x", "?mac=%"}) {
        const auto r = ask("GET", std::string("/v1/boot") + query);
        EXPECT_EQ(r.status, 400) << query;
        EXPECT_EQ(code(r), "BERTH-P01");
    }
}

TEST_F(ServiceTest, a_machines_own_pages_need_its_token) {
    const auto good = booted();
    EXPECT_EQ(nlohmann::json::parse(ask("GET", "/v1/machines/m-0001/record", good).body).at("id"), "m-0001");
    for (const char* target :
         {"/v1/machines/m-0001/record", "/v1/machines/m-0009/record", "/v1/machines/x/record",
          "/v1/machines/m-0001/state", "/v1/machines/m-0001/anything"}) {
        EXPECT_EQ(ask("GET", target).status, 403) << target;
        EXPECT_EQ(code(ask("GET", target, {{"berth-boot", "00"}})), "BERTH-P03");
    }
    EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", {}, "{}").status, 403);
    EXPECT_EQ(ask("GET", "/v1/machines/m-0001/anything", good).status, 404);
}

TEST_F(ServiceTest, status_posts_are_stored_and_bad_ones_change_nothing) {
    const auto token = booted();
    EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", token, R"({"stage":"prompt"})").status, 204);
    EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", token, R"({"stage":"x"})").status, 400);
    EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", token, "").status, 400);
    EXPECT_EQ(store->find("m-0001")->status.stage, "prompt");
}

TEST_F(ServiceTest, state_files_come_back_byte_for_byte) {
    const auto token = booted();
    const std::string url = "/v1/machines/m-0001/state", body = "{\"a\": \"\xc3\xa4\",\n \"b\": [1]}";
    EXPECT_EQ(ask("GET", url + "/s1.json", token).status, 404);
    EXPECT_EQ(ask("PUT", url + "/s1.json", token, body).status, 204);
    EXPECT_EQ(ask("GET", url + "/s1.json", token).body, body);
    EXPECT_EQ(nlohmann::json::parse(ask("GET", url, token).body), nlohmann::json::parse(R"(["s1.json"])"));
    EXPECT_EQ(ask("DELETE", url + "/s1.json", token).status, 204);
    EXPECT_EQ(ask("GET", url, token).body, "[]\n");
    EXPECT_EQ(ask("PUT", url + "/s1.json", token, "no json").status, 400);
    EXPECT_EQ(ask("PUT", url + "/.x", token, "{}").status, 400);
    EXPECT_EQ(ask("PUT", url, token, "{}").status, 405);
}

TEST_F(ServiceTest, a_method_that_is_not_allowed_is_405_with_allow) {
    for (const char* target : {"/boot.ipxe", "/metrics", "/images/berth/vmlinuz"}) {
        const auto r = ask("POST", target);
        EXPECT_EQ(r.status, 405) << target;
        EXPECT_EQ(value(r, "Allow"), "GET, HEAD");
    }
    EXPECT_EQ(value(ask("HEAD", "/v1/boot?mac=52:54:00:00:00:01&platform=efi"), "Allow"), "GET");
}

TEST_F(ServiceTest, an_image_file_that_leaves_the_folder_is_not_served) {
    namespace fs = std::filesystem;
    std::ofstream(folder + "/secret") << "x";
    fs::create_symlink(folder + "/secret", folder + "/images/berth/link");
    fs::create_directory(folder + "/images/berth/folder");
    ASSERT_EQ(mkfifo((folder + "/images/berth/pipe").c_str(), 0600), 0);
    fs::create_directory_symlink(folder + "/images/berth", folder + "/images/current");
    for (const char* target :
         {"/images/berth/link", "/images/berth/folder", "/images/berth/pipe", "/images/berth/none",
          "/images/none/vmlinuz", "/images/vmlinuz", "/images/berth", "/images/berth/a/b"})
        EXPECT_EQ(ask("GET", target).status, 404) << target;
    for (const char* target :
         {"/images/../secret", "/images/berth/..%2f..%2fsecret", "/images/berth/%2e%2e", "/images//vmlinuz"})
        EXPECT_EQ(ask("GET", target).status, 400) << target;
    EXPECT_EQ(ask("GET", "/images/current/vmlinuz").status, 200) << "the admin's own link to an image folder";
}

TEST_F(ServiceTest, images_answer_ranges_and_conditions) {
    const auto whole = ask("GET", "/images/berth/vmlinuz");
    EXPECT_EQ(whole.length, 10u);
    const auto tag = value(whole, "ETag");
    EXPECT_EQ(value(whole, "Cache-Control"), "no-cache");
    const auto part = ask("GET", "/images/berth/vmlinuz", {{"range", "bytes=2-4"}});
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.offset, 2u);
    EXPECT_EQ(part.length, 3u);
    EXPECT_EQ(value(part, "Content-Range"), "bytes 2-4/10");
    EXPECT_EQ(ask("GET", "/images/berth/vmlinuz", {{"range", "bytes=2-4"}, {"if-range", tag}}).status, 206);
    EXPECT_EQ(ask("GET", "/images/berth/vmlinuz", {{"range", "bytes=2-4"}, {"if-range", "\"old\""}}).status,
              200);
    const auto beyond = ask("GET", "/images/berth/vmlinuz", {{"range", "bytes=10-"}});
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(value(beyond, "Content-Range"), "bytes */10");
    EXPECT_EQ(ask("GET", "/images/berth/vmlinuz", {{"if-none-match", "\"a\", " + tag}}).status, 304);
    std::ofstream(folder + "/images/berth/vmlinuz") << "changed bytes";
    EXPECT_EQ(ask("GET", "/images/berth/vmlinuz", {{"if-none-match", tag}}).status, 200);
}

TEST_F(ServiceTest, a_crowded_server_begins_no_image_transfer_and_answers_all_else) {
    booted();
    const auto crowded = [&](const std::string& target) {
        return service->routes().answer(
            {.method = "GET", .target = target, .headers = {{"host", "a"}}, .body = "", .crowded = true},
            net::Listener::boot);
    };
    const auto refused = crowded("/images/berth/vmlinuz");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(value(refused, "Retry-After"), "5");
    EXPECT_FALSE(refused.file);
    EXPECT_EQ(crowded("/v1/boot?mac=52:54:00:00:00:01&platform=efi").status, 200);
    EXPECT_EQ(crowded("/boot.ipxe").status, 200);
}

TEST_F(ServiceTest, a_boot_is_told_the_build_that_is_current_and_its_token_keeps_it) {
    serve(k_first);
    serve(k_first, "our-site");
    ASSERT_TRUE(store->set_policy(
        {.unknown = UnknownPolicy::enrol, .defaults = {{"image", "school"}, {"site", "our-site"}}}));
    const auto boot = [&] { return ask("GET", "/v1/boot?mac=52:54:00:00:00:09&platform=efi").body; };
    const auto before = boot();
    serve(k_second);
    const auto after = boot();
    EXPECT_THAT(before, HasSubstr("/images/school/" + k_first + "/vmlinuz"));
    EXPECT_THAT(before, HasSubstr("berth.image=http://10.0.0.1:8080/images/school/" + k_first + " "));
    EXPECT_THAT(after, HasSubstr("/images/school/" + k_second + "/vmlinuz"));
    for (const auto& text : {before, after})
        EXPECT_THAT(text, HasSubstr("berth.site=http://10.0.0.1:8080/images/our-site/" + k_first + " "));
    EXPECT_TRUE(unused({"school/" + k_first, "school/" + k_second, "our-site/" + k_first}).empty());
    EXPECT_EQ(ask("GET", "/images/school/" + k_first + "/vmlinuz").length, k_first.size());
    EXPECT_THAT(value(ask("GET", "/images/school/" + k_first + "/vmlinuz"), "Cache-Control"),
                HasSubstr("immutable"));
    EXPECT_EQ(value(ask("GET", "/images/school/vmlinuz"), "Cache-Control"), "no-cache");
}

TEST_F(ServiceTest, a_build_that_goes_before_its_token_is_there_is_not_told) {
    serve(k_first);
    ASSERT_TRUE(store->set_policy({.unknown = UnknownPolicy::enrol, .defaults = {{"image", "school"}}}));
    before_token = [&] {
        serve(k_second);
        if (unused({"school/" + k_first}).size() == 1)
            std::filesystem::remove_all(folder + "/images/.school/" + k_first);
    };
    EXPECT_THAT(ask("GET", "/v1/boot?mac=52:54:00:00:00:09&platform=efi").body,
                HasSubstr("/images/school/" + k_second + "/vmlinuz"));
}

TEST_F(ServiceTest, a_machine_boots_again_three_times_then_from_its_disk_and_then_anew) {
    auto token = booted();
    const auto boot = [&] {
        const auto script = ask("GET", "/v1/boot?mac=52:54:00:00:00:01&platform=efi").body;
        token = {{"berth-boot", fmt::format("{:032x}", tokens)}};
        return script.find("kernel ") != std::string::npos;
    };
    for (int round = 0; round < 2; ++round) {
        for (int again = 0; again < 3; ++again) {
            EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", token, R"({"stage":"again"})").status, 204);
            EXPECT_TRUE(boot()) << again;
        }
        EXPECT_EQ(ask("POST", "/v1/machines/m-0001/status", token, R"({"stage":"again"})").status, 204);
        EXPECT_FALSE(boot()) << "three were all";
        EXPECT_TRUE(boot()) << "the next time it is switched on";
    }
}

TEST_F(ServiceTest, files_named_by_their_digest_may_be_cached_for_ever) {
    const std::string digest(64, 'a');
    std::ofstream(folder + "/images/berth/" + digest) << "x";
    const auto r = ask("GET", "/images/berth/" + digest);
    EXPECT_EQ(value(r, "ETag"), "\"" + digest + "\"");
    EXPECT_THAT(value(r, "Cache-Control"), HasSubstr("immutable"));
}

TEST_F(ServiceTest, metrics_count_what_happened) {
    booted();
    ask("GET", "/nowhere");
    const auto text = ask("GET", "/metrics").body;
    EXPECT_THAT(text, HasSubstr("berth_machines{mode=\"network\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("berth_boot_decisions_total{action=\"network\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("berth_http_responses_total{class=\"4xx\"} 1\n"));
}

}  // namespace
}  // namespace berth::server
