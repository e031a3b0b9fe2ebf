// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/crypto/secret_key.hpp"
#include "wavs/types/ids.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace wavs::chain_evm {

struct LegacyFee {
    Wei gas_price = 0;
    friend bool operator==(const LegacyFee&, const LegacyFee&) = default;
};
struct Eip1559Fee {
    Wei max_fee = 0;
    Wei max_priority_fee = 0;
    friend bool operator==(const Eip1559Fee&, const Eip1559Fee&) = default;
};
/// Decides the kind of the transaction: legacy with EIP-155, or type 2.
using Fee = std::variant<LegacyFee, Eip1559Fee>;

struct Transaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    Fee fee;
    std::uint64_t gas_limit = 0;
    /// None creates a contract.
    std::optional<types::EvmAddress> to;
    Wei value = 0;
    base::Bytes data;
};

struct SignedTransaction {
    base::Bytes raw;
    types::Bytes32 hash;
    std::uint64_t nonce = 0;
};

/// What is signed.
types::Bytes32 signing_hash(const Transaction& transaction);
SignedTransaction sign(const Transaction& transaction, const crypto::SecretKey& key);

/// A raw signed transaction of one of our two kinds, as from a journal. Checks the shape, not the
/// signature. Error code `tx_invalid`.
base::Result<Transaction> parse_signed(base::ByteView raw);

}  // namespace wavs::chain_evm
