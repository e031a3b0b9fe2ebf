// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/signature.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/types/envelope.hpp"

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <fstream>
#include <sstream>

namespace wavs::crypto {
namespace {

constexpr std::string_view kTest = "test test test test test test test test test test test junk";
constexpr types::SignatureKind kRaw{};

boost::json::value vector_file(const std::string& name) {
    std::ifstream file(std::string(WAVS_SOURCE_DIR) + "/src/crypto/tests/vectors/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return boost::json::parse(text.str());
}

std::string text_of(const boost::json::value& value) {
    return boost::json::value_to<std::string>(value);
}

types::Bytes32 word(std::string_view hex) { return types::parse_bytes32(hex).value(); }

std::string sign(std::uint32_t index, const types::Bytes32& digest) {
    const auto ring = Keyring::from_mnemonic(kTest).value();
    return base::hex(ring.at(index).value()->sign(digest).view());
}

types::Envelope envelope(std::string_view event, std::string_view payload,
                         std::optional<std::uint64_t> ordering = {}) {
    return {.event_id = types::parse_event_id(event).value(),
            .ordering = types::make_ordering(ordering),
            .payload = base::parse_hex(payload).value()};
}

struct Vector {
    std::string_view digest;
    std::string_view signature;
    std::uint32_t index = 1;
};

TEST(Sign, known_answers) {
    constexpr std::string_view kV1 =
        "7614406fc2a607412bc5d963f51228a28f67ffdcebd2f74a33c20aaf416c8f90";
    const std::vector<Vector> vectors = {
        {"1a641a9ebb58594e6cc292b908b0e8cab84ba486902cb998e873ee73e7596ce8",
         "22dc95368fd20bf70cedc74a4a0dfe877411c28ba2d6c646fb2b6986789ffead61e87f3c42e69c43d0bd6cb7f"
         "ea46a324658c7ee76c0d1f7d65a2005bb242c8d1b"},
        {"5d3872fa13a380e3232575235f2a22877fc43cc0f5015cc25b5dca1cf5b0e81a",
         "59cc2b4ee32bb963d188d36fa3ca7a4808f71a6a05d1c642a5641c0684a239b2199f4f6663b01df36490c677f"
         "9e3c451cdb0b63b105cbd20dac383f4724886641b"},
        {"44947763e04942fdbc87422bf73d787d474ffb4d92a742e8e4b766b859284362",
         "413b219e48c7f874dbc307abba73ed4435ed3e5bd06dd51cd34bee21023bf14202bc8134d56de547693696304"
         "b1761c12f184b53bb5f5492167594fa5c0c7e351b"},
        {"858aa53ea39475cd3353af1b9382c053f8ad78ea989d98a37d9ae37b1830f1cb",
         "4ccba672f92b420105c2fa28bf2240b8ca6c54a972f795178c41eb44aefb93206c66f1d91d0f66c443c9156f8"
         "16deb536e42bf535e413cbf851c0cf336ee62da1c"},
        {kV1,
         "22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab75277cdce025649e957f52426e"
         "dcccd2cdf1a596e5644df18796044376b1fa8931b"},
        {kV1,
         "d775a49df1c3142f83849e82224e4e4b6065a48161dda724e4d18ed986ab22283d806ed3f25e4d20757163f31"
         "be75506f7c5ac74db8d3537e1b26e56490d14bb1b",
         2},
        {"1f5f9b0324e60c668fb214b50b7400086c97b667e648dd7a496af403a9280657",
         "ee830dd975c7b3769b2de7bdee0279c94034ec66826ff65606a8eae211cce5e964b351eb6abe8c7fdea648197"
         "2d67c0ff30ea066e4dbd752d2b839915ec8ad421b"},
        {"b85976350e6c9cfdba0254d1169aa905dba6c5374a00c74c011192447456a8d3",
         "c6466cdbbb19b61f2c6659c07ecefe4cfce925ebbc07b70a0cab36662e7fb50c19ef16f9d3e3bccd5500e0b80"
         "603a8ca46961ff59d040fe37973a260772b61621c"},
    };
    for (const Vector& vector : vectors) {
        EXPECT_EQ(sign(vector.index, word(vector.digest)), vector.signature);
        const auto signature = base::parse_hex(vector.signature).value();
        const auto ring = Keyring::from_mnemonic(kTest).value();
        EXPECT_EQ(recover_address(word(vector.digest), signature).value(),
                  ring.at(vector.index).value()->address());
    }
}

TEST(Sign, envelope_with_and_without_prefix) {
    const auto ring = Keyring::from_mnemonic(kTest).value();
    const EvmSigner& signer = *ring.at(1).value();
    const auto hello = envelope("600aa2f4ead908bdb17c6509293ed567e544428b", "68656c6c6f");
    const auto eip191 = signer.sign(hello, types::kEvmSignatureKind);
    EXPECT_EQ(base::hex(eip191.data).substr(0, 16), "22dc95368fd20bf7");
    EXPECT_EQ(eip191.kind, types::kEvmSignatureKind);
    const auto ordered = envelope("600aa2f4ead908bdb17c6509293ed567e544428b", "68656c6c6f", 7);
    EXPECT_EQ(base::hex(signer.sign(ordered, kRaw).data).substr(0, 16), "4ccba672f92b4201");
}

void check_signatures(const boost::json::object& submission, const types::SignatureKind& kind) {
    const types::Envelope signed_envelope{
        .event_id = types::parse_event_id(text_of(submission.at("event_id"))).value(),
        .ordering =
            base::parse_fixed_hex<types::Ordering>(text_of(submission.at("ordering"))).value(),
        .payload = base::parse_hex(text_of(submission.at("payload"))).value()};
    const auto& signers = submission.at("signers").as_array();
    const auto& signatures = submission.at("signatures").as_array();
    ASSERT_EQ(signers.size(), signatures.size());
    for (std::size_t i = 0; i < signers.size(); ++i) {
        const auto signature = base::parse_hex(text_of(signatures[i])).value();
        const auto signer = recover_address(types::signing_hash(signed_envelope, kind), signature);
        EXPECT_EQ(types::to_string(signer.value()), text_of(signers[i]));
    }
}

TEST(Recover, recorded_submissions) {
    check_signatures(vector_file("two_signature_submission.json").as_object(),
                     types::kEvmSignatureKind);
    const auto recorded = vector_file("evm_submissions.json");
    for (const auto& submission : recorded.at("submissions").as_array()) {
        check_signatures(submission.as_object(), types::kEvmSignatureKind);
    }
}

TEST(Recover, recorded_gossip) {
    const auto recorded = vector_file("gossip_messages.json");
    std::size_t checked = 0;
    for (const auto& message : recorded.at("messages").as_array()) {
        const auto text = text_of(message.at("text"));
        const auto submission = types::parse_submission(text).value();
        EXPECT_EQ(types::to_checksum_string(signer_of(submission).value()),
                  "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        ++checked;
    }
    EXPECT_GT(checked, 0U);
}

/// The other form of the same signature: s replaced by order - s, parity flipped.
base::Bytes high_s_form(base::Bytes signature) {
    const auto order =
        base::parse_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();
    int borrow = 0;
    for (std::size_t i = 32; i-- > 0;) {
        const int difference = order[i] - signature[32 + i] - borrow;
        borrow = difference < 0 ? 1 : 0;
        signature[32 + i] = static_cast<std::uint8_t>(difference + 256 * borrow);
    }
    signature[64] = signature[64] == 27 ? 28 : 27;
    return signature;
}

TEST(Recover, strict_form_only) {
    const auto digest = word("7614406fc2a607412bc5d963f51228a28f67ffdcebd2f74a33c20aaf416c8f90");
    const auto good = base::parse_hex(sign(1, digest)).value();
    const auto code = [&](const base::Bytes& signature) {
        const auto result = recover(digest, signature);
        return result.has_value() ? std::string("ok") : std::string(result.error().code().view());
    };
    EXPECT_EQ(code(good), "ok");
    EXPECT_EQ(code(base::Bytes(good.begin(), good.end() - 1)), "signature_length");
    EXPECT_EQ(code({}), "signature_length");
    EXPECT_EQ(code(high_s_form(good)), "signature_high_s");
    for (const std::uint8_t v : base::Bytes{0, 1, 26, 29, 35, 255}) {
        auto other = good;
        other[64] = v;
        EXPECT_EQ(code(other), "signature_v") << int{v};
    }
    auto zero = good;
    std::fill(zero.begin(), zero.begin() + 32, std::uint8_t{0});
    EXPECT_EQ(code(zero), "signature_no_key");
    auto above = good;
    std::fill(above.begin(), above.begin() + 32, std::uint8_t{0xff});
    EXPECT_EQ(code(above), "signature_range");
}

TEST(Recover, tolerant_form) {
    const auto digest = word("7614406fc2a607412bc5d963f51228a28f67ffdcebd2f74a33c20aaf416c8f90");
    auto signature = base::parse_hex(sign(1, digest)).value();
    const auto expected = recover(digest, signature).value();
    EXPECT_EQ(recover_tolerant(digest, high_s_form(signature)).value(), expected);
    ASSERT_EQ(signature[64], 27);
    for (const std::uint8_t v : base::Bytes{0, 27, 35, 37, 255}) {
        signature[64] = v;
        EXPECT_EQ(recover_tolerant(digest, signature).value(), expected) << int{v};
    }
    for (const std::uint8_t v : base::Bytes{2, 26, 29, 34}) {
        signature[64] = v;
        EXPECT_FALSE(recover_tolerant(digest, signature).has_value()) << int{v};
    }
    for (const std::uint8_t v : base::Bytes{1, 28, 36}) {
        signature[64] = v;
        EXPECT_NE(recover_tolerant(digest, signature).value(), expected) << int{v};
    }
}

}  // namespace
}  // namespace wavs::crypto
