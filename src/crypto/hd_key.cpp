// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/hd_key.hpp"

#include "context.hpp"
#include "wavs/base/assert.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>

namespace wavs::crypto {
namespace {

constexpr std::size_t kHalf = 32;

SecretBytes<64> hmac_sha512(base::ByteView key, base::ByteView data) {
    SecretBytes<64> out;
    unsigned int size = 0;
    WAVS_ASSERT(HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), data.data(),
                     data.size(), out.writable().data(), &size) != nullptr);
    return out;
}

SecretBytes<kHalf> right_half(const SecretBytes<64>& from) {
    SecretBytes<kHalf> out;
    const auto half = from.reveal().last<kHalf>();
    std::copy(half.begin(), half.end(), out.writable().begin());
    return out;
}

/// What BIP-32 hashes for a child: the private key for a hardened step, else the public one.
SecretBytes<37> child_input(const SecretKey& key, std::uint32_t index) {
    SecretBytes<37> input;
    const auto out = input.writable();
    if (index >= HdKey::kHardened) {
        std::copy(key.reveal().begin(), key.reveal().end(), out.begin() + 1);
    } else {
        secp256k1_pubkey point;
        WAVS_ASSERT(secp256k1_ec_pubkey_create(curve(), &point, key.reveal().data()) == 1);
        std::size_t size = 33;
        secp256k1_ec_pubkey_serialize(curve(), out.data(), &size, &point, SECP256K1_EC_COMPRESSED);
    }
    for (std::size_t i = 0; i < 4; ++i) {
        out[33 + i] = static_cast<std::uint8_t>(index >> (24 - 8 * i));
    }
    return input;
}

base::Error bad_path(std::string_view path) {
    return base::Error(base::ErrorKind::Invalid, "derivation_path",
                       fmt::format("'{}' is not a derivation path", path),
                       "write it like m/44'/60'/0'/0/1");
}

base::Result<std::uint32_t> parse_step(std::string_view step, std::string_view path) {
    const bool hardened = step.ends_with('\'');
    if (hardened) {
        step.remove_suffix(1);
    }
    std::uint32_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    if (error != std::errc{} || end != step.data() + step.size() || index >= HdKey::kHardened) {
        return bad_path(path);
    }
    return hardened ? index + HdKey::kHardened : index;
}

}  // namespace

base::Result<HdKey> HdKey::master(base::ByteView seed) {
    if (seed.size() < 16 || seed.size() > 64) {
        return base::Error(base::ErrorKind::Invalid, "seed_length",
                           "a BIP-32 seed has 16 to 64 bytes");
    }
    const auto digest = hmac_sha512(base::as_bytes("Bitcoin seed"), seed);
    WAVS_TRY(auto key, SecretKey::from_bytes(digest.reveal().first<kHalf>()));
    return HdKey(std::move(key), right_half(digest));
}

base::Result<HdKey> HdKey::child(std::uint32_t index) const {
    const auto input = child_input(key_, index);
    const auto digest = hmac_sha512(chain_code_.reveal(), input.reveal());
    SecretBytes<kHalf> sum;
    std::copy(key_.reveal().begin(), key_.reveal().end(), sum.writable().begin());
    if (secp256k1_ec_seckey_tweak_add(curve(), sum.writable().data(), digest.reveal().data()) !=
        1) {
        // BIP-32 leaves such an index out; its probability is below 2^-127.
        return base::Error(base::ErrorKind::Invalid, "derivation_index",
                           fmt::format("index {} has no key", index), "use the next index");
    }
    WAVS_TRY(auto key, SecretKey::from_bytes(sum.reveal()));
    return HdKey(std::move(key), right_half(digest));
}

base::Result<HdKey> HdKey::derive(std::string_view path) const {
    if (path != "m" && !path.starts_with("m/")) {
        return bad_path(path);
    }
    WAVS_TRY(auto copy, SecretKey::from_bytes(key_.reveal()));
    SecretBytes<kHalf> code;
    std::copy(chain_code().begin(), chain_code().end(), code.writable().begin());
    HdKey node(std::move(copy), std::move(code));
    std::string_view rest = path == "m" ? std::string_view{} : path.substr(2);
    for (bool more = path != "m"; more;) {
        const std::size_t slash = rest.find('/');
        WAVS_TRY(const auto index, parse_step(rest.substr(0, slash), path));
        WAVS_TRY(auto next, node.child(index));
        node = std::move(next);
        more = slash != std::string_view::npos;
        rest = more ? rest.substr(slash + 1) : std::string_view{};
    }
    return node;
}

}  // namespace wavs::crypto
