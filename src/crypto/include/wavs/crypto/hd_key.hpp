// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/crypto/mnemonic.hpp"
#include "wavs/crypto/secret_key.hpp"

#include <cstdint>
#include <string_view>

namespace wavs::crypto {

/// A BIP-32 private node: key and chain code.
class HdKey {
public:
    /// Added to an index for a hardened step.
    static constexpr std::uint32_t kHardened = 0x8000'0000U;

    static base::Result<HdKey> master(base::ByteView seed);

    base::Result<HdKey> child(std::uint32_t index) const;
    /// "m/44'/60'/0'/0/1", relative to this node.
    base::Result<HdKey> derive(std::string_view path) const;

    const SecretKey& key() const { return key_; }
    SecretKey take_key() && { return std::move(key_); }
    std::span<const std::uint8_t, 32> chain_code() const { return chain_code_.reveal(); }

private:
    HdKey(SecretKey key, SecretBytes<32> chain_code)
        : key_(std::move(key)), chain_code_(std::move(chain_code)) {}

    SecretKey key_;
    SecretBytes<32> chain_code_;
};

/// The parent of every service key and of the EVM transaction key: the last step is the index.
inline constexpr std::string_view kEthereumPath = "m/44'/60'/0'/0";

}  // namespace wavs::crypto
