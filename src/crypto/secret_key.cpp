// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/secret_key.hpp"

#include "context.hpp"
#include "wavs/base/hex.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace wavs::crypto {

void wipe(std::span<std::uint8_t> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

base::Result<SecretKey> SecretKey::from_bytes(base::ByteView bytes) {
    if (bytes.size() != kSize) {
        return base::Error(base::ErrorKind::Invalid, "secret_key_length",
                           "a private key has 32 bytes", "write 0x and 64 hex digits");
    }
    if (secp256k1_ec_seckey_verify(curve(), bytes.data()) != 1) {
        return base::Error(base::ErrorKind::Invalid, "secret_key_range",
                           "the private key is zero or not below the order of the curve",
                           "use another key");
    }
    SecretBytes<kSize> copy;
    std::copy(bytes.begin(), bytes.end(), copy.writable().begin());
    return SecretKey(std::move(copy));
}

base::Result<SecretKey> SecretKey::from_hex(std::string_view text) {
    auto bytes = base::parse_hex(text);
    if (!bytes.has_value()) {
        // The text of `parse_hex` would show a character of the secret.
        return base::Error(base::ErrorKind::Invalid, "secret_key_hex",
                           "the private key is not hexadecimal", "write 0x and 64 hex digits");
    }
    auto key = from_bytes(bytes.value());
    wipe(bytes.value());
    return key;
}

}  // namespace wavs::crypto
