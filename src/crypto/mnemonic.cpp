// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/mnemonic.hpp"

#include "wavs/base/assert.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace wavs::crypto {
namespace {

constexpr std::array<std::string_view, 2048> kWords = {
#include "bip39_english.inc"
};
constexpr std::size_t kMaxWords = 24;
constexpr std::size_t kBitsPerWord = 11;
constexpr int kRounds = 2048;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::vector<std::string_view> split_words(std::string_view phrase) {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < phrase.size();) {
        if (is_blank(phrase[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < phrase.size() && !is_blank(phrase[end])) {
            ++end;
        }
        words.push_back(phrase.substr(at, end - at));
        at = end;
    }
    return words;
}

std::optional<std::uint32_t> word_index(std::string_view word) {
    const auto* const found = std::lower_bound(kWords.begin(), kWords.end(), word);
    if (found == kWords.end() || *found != word) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(found - kWords.begin());
}

/// The words' bits, entropy first and checksum last.
using Bits = SecretBytes<(kMaxWords * kBitsPerWord + 7) / 8>;

void put_word(Bits& bits, std::size_t position, std::uint32_t value) {
    for (std::size_t i = 0; i < kBitsPerWord; ++i) {
        const std::size_t bit = position * kBitsPerWord + i;
        const auto on = static_cast<std::uint8_t>((value >> (kBitsPerWord - 1 - i)) & 1U);
        bits.writable()[bit / 8] |= static_cast<std::uint8_t>(on << (7 - bit % 8));
    }
}

bool checksum_matches(const Bits& bits, std::size_t words) {
    const std::size_t checksum_bits = words / 3;
    const std::size_t entropy_bytes = words / 3 * 4;
    SecretBytes<32> digest;
    unsigned int size = 0;
    WAVS_ASSERT(EVP_Digest(bits.reveal().data(), entropy_bytes, digest.writable().data(), &size,
                           EVP_sha256(), nullptr) == 1);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - checksum_bits));
    return (bits.reveal()[entropy_bytes] & mask) == (digest.reveal()[0] & mask);
}

base::Error bad(std::string message) {
    return base::Error(base::ErrorKind::Invalid, "mnemonic", std::move(message),
                       "write an English BIP-39 phrase");
}

base::Result<void> check_words(const std::vector<std::string_view>& words) {
    if (words.size() < 12 || words.size() > kMaxWords || words.size() % 3 != 0) {
        return bad(fmt::format("the mnemonic has {} words; 12, 15, 18, 21 and 24 are possible",
                               words.size()));
    }
    Bits bits;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto index = word_index(words[i]);
        if (!index.has_value()) {
            return bad(fmt::format("word {} of the mnemonic is not in the English list", i + 1));
        }
        put_word(bits, i, *index);
    }
    if (!checksum_matches(bits, words.size())) {
        return bad("the checksum of the mnemonic is wrong: a word is mistaken or out of place");
    }
    return base::ok();
}

}  // namespace

base::Result<void> check_mnemonic(std::string_view phrase) {
    return check_words(split_words(phrase));
}

base::Result<Seed> seed_from_mnemonic(std::string_view phrase, std::string_view passphrase) {
    const auto words = split_words(phrase);
    WAVS_TRY(check_words(words));
    std::string joined;
    joined.reserve(phrase.size() + words.size());
    for (const std::string_view word : words) {
        joined += joined.empty() ? "" : " ";
        joined += word;
    }
    const std::string salt = std::string("mnemonic") += passphrase;
    Seed seed;
    WAVS_ASSERT(PKCS5_PBKDF2_HMAC(joined.data(), static_cast<int>(joined.size()),
                                  base::as_bytes(salt).data(), static_cast<int>(salt.size()),
                                  kRounds, EVP_sha512(), static_cast<int>(seed.reveal().size()),
                                  seed.writable().data()) == 1);
    wipe({reinterpret_cast<std::uint8_t*>(joined.data()), joined.size()});
    return seed;
}

}  // namespace wavs::crypto
