// SPDX-License-Identifier: GPL-3.0-or-later
#include "bootstrap/manifest/minisign.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/fd.h"
#include "base/spawn.h"
#include "bootstrap/manifest/image_tool.h"
#include "tests/testing/code_of.h"

namespace berth::boot {
namespace {

const std::string k_data = "what is signed\n";

struct Signed {
    SecretKey secret = SecretKey::generate();
    PublicKey key = *parse_public_key(secret.format_public());
    std::string signature = secret.sign(k_data, "file:x");
};

TEST(Minisign, accepts_its_own_signature_and_returns_the_trusted_comment) {
    Signed s;
    auto comment = verify_signature(s.key, k_data, s.signature);
    ASSERT_TRUE(comment) << comment.error().to_log();
    EXPECT_EQ(*comment, "file:x");
}

TEST(Minisign, refuses_changed_data) {
    Signed s;
    EXPECT_FALSE(verify_signature(s.key, k_data + "x", s.signature));
    EXPECT_FALSE(verify_signature(s.key, "", s.signature));
}

TEST(Minisign, refuses_a_signature_with_any_byte_of_a_signed_part_changed) {
    Signed s;
    // The untrusted comment's text is nobody's promise; every byte behind the first line is.
    for (size_t i = s.signature.find('\n') + 1; i + 1 < s.signature.size(); ++i) {
        std::string bad = s.signature;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(verify_signature(s.key, k_data, bad)) << "byte " << i;
    }
}

TEST(Minisign, refuses_a_signature_cut_anywhere) {
    Signed s;
    for (size_t i = 0; i + 1 < s.signature.size(); ++i)
        EXPECT_FALSE(verify_signature(s.key, k_data, s.signature.substr(0, i))) << "length " << i;
}

TEST(Minisign, refuses_another_key_and_names_both_ids) {
    Signed s, other;
    auto result = verify_signature(other.key, k_data, s.signature);
    ASSERT_FALSE(result);
    EXPECT_EQ(code_of(result), "BERTH-B03");
    EXPECT_NE(result.error().detail().find("trusts"), std::string::npos);
    // The same id in front of another key does not help.
    PublicKey forged = other.key;
    forged.id = s.key.id;
    EXPECT_FALSE(verify_signature(forged, k_data, s.signature));
}

TEST(Minisign, refuses_a_malformed_public_key) {
    EXPECT_FALSE(parse_public_key(""));
    EXPECT_FALSE(parse_public_key("untrusted comment: x\nAAAA\n"));
    EXPECT_FALSE(parse_public_key("no comment\n" + std::string(56, 'A') + "\n"));
    EXPECT_FALSE(parse_public_key("untrusted comment: x\n" + std::string(56, 'A') + "\n"));
}

TEST(Minisign, reads_its_own_secret_key_and_refuses_a_damaged_one) {
    Signed s;
    const std::string text = s.secret.format();
    auto again = SecretKey::parse(text);
    ASSERT_TRUE(again) << again.error().to_log();
    EXPECT_EQ(again->format_public(), s.secret.format_public());
    std::string bad = text;
    bad[bad.find('\n') + 100] ^= 1;
    EXPECT_FALSE(SecretKey::parse(bad));
}

/// A folder with a message in it, for runs of Debian's minisign.
class MinisignProgram : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/berth-minisign-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder_ = name;
        ASSERT_TRUE(write_file_durably(at("data"), k_data));
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string at(const std::string& name) const { return folder_ + "/" + name; }
    static Result<std::string> minisign(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "minisign");
        return run_checked({.arguments = std::move(arguments), .environment = {}, .descriptors = {}},
                           std::chrono::seconds(60));
    }
    std::string folder_;
};

TEST_F(MinisignProgram, verifies_what_we_sign_with_our_key) {
    ASSERT_TRUE(make_keys(at("key"), at("key.pub")));
    ASSERT_TRUE(sign_file(at("key"), at("data")));
    auto result = minisign({"-V", "-m", at("data"), "-p", at("key.pub")});
    EXPECT_TRUE(result) << result.error().to_log();
}

TEST_F(MinisignProgram, signs_with_our_key_what_we_verify) {
    ASSERT_TRUE(make_keys(at("key"), at("key.pub")));
    auto result = minisign({"-S", "-m", at("data"), "-s", at("key")});
    ASSERT_TRUE(result) << result.error().to_log();
    EXPECT_TRUE(verify_file(at("key.pub"), at("data")));
}

TEST_F(MinisignProgram, makes_keys_and_signatures_that_we_read) {
    auto made = minisign({"-G", "-W", "-s", at("key"), "-p", at("key.pub")});
    ASSERT_TRUE(made) << made.error().to_log();
    ASSERT_TRUE(sign_file(at("key"), at("data")));
    EXPECT_TRUE(verify_file(at("key.pub"), at("data")));
    auto theirs = minisign({"-V", "-m", at("data"), "-p", at("key.pub")});
    EXPECT_TRUE(theirs) << theirs.error().to_log();
    ASSERT_TRUE(minisign({"-S", "-m", at("data"), "-s", at("key")}));
    EXPECT_TRUE(verify_file(at("key.pub"), at("data")));
}

TEST_F(MinisignProgram, makes_old_form_signatures_that_we_refuse) {
    ASSERT_TRUE(make_keys(at("key"), at("key.pub")));
    ASSERT_TRUE(minisign({"-S", "-l", "-m", at("data"), "-s", at("key")}));
    auto status = verify_file(at("key.pub"), at("data"));
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().detail().find("prehashed"), std::string::npos);
}

}  // namespace
}  // namespace berth::boot
