// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/hex.hpp"
#include "wavs/crypto/hd_key.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/crypto/mnemonic.hpp"
#include "wavs/hash/hash.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace wavs::crypto {
namespace {

constexpr std::string_view kTest = "test test test test test test test test test test test junk";
constexpr std::string_view kAbandon =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
constexpr std::string_view kKeyOne =
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

constexpr std::string_view kWords[] = {
#include "../bip39_english.inc"
};

std::string address_at(std::string_view credential, std::uint32_t index) {
    const auto ring = Keyring::from_credential(credential);
    return types::to_checksum_string(ring.value().at(index).value()->address());
}

TEST(Mnemonic, word_list_is_the_published_one) {
    std::string joined;
    for (const auto word : kWords) {
        joined.append(word).append("\n");
    }
    EXPECT_EQ(base::hex(hash::sha256(base::as_bytes(joined))),
              "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
}

TEST(Mnemonic, published_seeds) {
    EXPECT_EQ(
        base::hex(seed_from_mnemonic(kAbandon, "TREZOR").value().reveal()),
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c9"
        "2f2cf141630c7a3c4ab7c81b2f001698e7463b04");
    EXPECT_EQ(
        base::hex(seed_from_mnemonic(kAbandon).value().reveal()),
        "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206d"
        "ec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4");
}

TEST(Mnemonic, every_length_and_any_blanks) {
    std::string phrase;
    for (int i = 0; i < 23; ++i) {
        phrase += "abandon ";
    }
    EXPECT_TRUE(check_mnemonic(phrase + "art").has_value());
    EXPECT_TRUE(check_mnemonic("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong").has_value());
    const std::string spread = "\n  test\ttest test test test test test test test test test  junk ";
    EXPECT_EQ(base::hex(seed_from_mnemonic(spread).value().reveal()),
              base::hex(seed_from_mnemonic(kTest).value().reveal()));
}

TEST(Mnemonic, errors_do_not_show_the_words) {
    const auto unknown =
        check_mnemonic("test test hunter2 test test test test test test test test junk").error();
    EXPECT_EQ(unknown.message(), "word 3 of the mnemonic is not in the English list");
    const auto checksum =
        check_mnemonic("test test test test test test test test test test test test").error();
    EXPECT_EQ(checksum.message(),
              "the checksum of the mnemonic is wrong: a word is mistaken or out of place");
    EXPECT_EQ(check_mnemonic("test test").error().message(),
              "the mnemonic has 2 words; 12, 15, 18, 21 and 24 are possible");
    EXPECT_FALSE(check_mnemonic("").has_value());
    EXPECT_FALSE(
        check_mnemonic("Test test test test test test test test test test test junk").has_value());
}

TEST(HdKey, published_vector_1) {
    const auto seed = base::parse_hex("000102030405060708090a0b0c0d0e0f").value();
    const auto master = HdKey::master(seed).value();
    EXPECT_EQ(base::hex(master.key().reveal()),
              "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35");
    EXPECT_EQ(base::hex(master.chain_code()),
              "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ffed37d508");
    EXPECT_EQ(base::hex(master.derive("m/0'").value().key().reveal()),
              "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea");
    EXPECT_EQ(base::hex(master.derive("m/0'/1").value().key().reveal()),
              "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368");
    EXPECT_EQ(base::hex(master.derive("m/0'/1/2'/2/1000000000").value().key().reveal()),
              "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8");
    EXPECT_EQ(base::hex(master.derive("m").value().key().reveal()),
              base::hex(master.key().reveal()));
}

TEST(HdKey, bad_paths) {
    const auto master = HdKey::master(base::Bytes(16, 1)).value();
    for (const auto* const path : {"", "0", "m/", "m//0", "m/x", "m/0''", "m/2147483648", "m/-1"}) {
        EXPECT_FALSE(master.derive(path).has_value()) << path;
    }
    EXPECT_FALSE(HdKey::master(base::Bytes(15)).has_value());
}

TEST(Keyring, addresses_of_known_phrases) {
    EXPECT_EQ(address_at(kTest, 0), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    EXPECT_EQ(address_at(kTest, 1), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    EXPECT_EQ(address_at(kTest, 2), "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
    EXPECT_EQ(address_at(kTest, 3), "0x90F79bf6EB2c4f870365E785982E1f101E93b906");
    EXPECT_EQ(address_at(kAbandon, 1), "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0");
    EXPECT_EQ(address_at("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong", 1),
              "0xd1a7451beB6FE0326b4B78e3909310880B781d66");
    EXPECT_EQ(
        address_at("aspect mushroom fly cousin hobby body need dose blind siren shoe annual", 1),
        "0x69cc2E36E04A93DC9BC5D3f2aDFB57bfAF250cEF");
}

TEST(Keyring, derives_once) {
    const auto ring = Keyring::from_mnemonic(kTest).value();
    EXPECT_EQ(ring.at(7).value(), ring.at(7).value());
    EXPECT_NE(ring.at(7).value(), ring.at(8).value());
    EXPECT_EQ(ring.at(0x8000'0000U).error().code().view(), "hd_index");
}

TEST(Keyring, raw_key_has_index_zero_only) {
    EXPECT_EQ(address_at(kKeyOne, 0), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    const auto ring = Keyring::from_credential(kKeyOne).value();
    EXPECT_EQ(ring.at(1).error().message(),
              "HD index must be zero when using a private key (use mnemonic instead)");
}

TEST(SecretKey, refuses_what_is_no_key) {
    EXPECT_FALSE(SecretKey::from_bytes(base::Bytes(32)).has_value());
    EXPECT_FALSE(SecretKey::from_bytes(base::Bytes(31, 1)).has_value());
    EXPECT_FALSE(SecretKey::from_bytes(base::Bytes(32, 0xff)).has_value());
    const auto order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    EXPECT_FALSE(SecretKey::from_hex(order).has_value());
    EXPECT_EQ(SecretKey::from_hex("0xzz").error().message(), "the private key is not hexadecimal");
    EXPECT_FALSE(check_credential("0x12").has_value());
    EXPECT_TRUE(check_credential(kKeyOne).has_value());
    EXPECT_TRUE(check_credential(kTest).has_value());
    static_assert(!std::is_copy_constructible_v<SecretKey>);
    static_assert(!std::is_copy_constructible_v<EvmSigner>);
}

}  // namespace
}  // namespace wavs::crypto
