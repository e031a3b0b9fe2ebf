// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::chain_evm {

/// Wei and gas prices: far above any supply that exists.
using Wei = unsigned __int128;

/// An EVM word read as a number, big-endian.
using U256 = base::FixedBytes<32, struct U256Tag>;

std::string to_decimal(const U256& value);
std::string to_decimal(Wei value);
U256 to_u256(std::uint64_t value);
/// None when it does not fit.
std::optional<std::uint64_t> to_u64(const U256& value);

/// Decimal digits only, as in a numeric chain id.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

/// The "quantity" of JSON-RPC: "0x" and the digits without leading zeros; zero is "0x0".
std::string quantity(std::uint64_t value);
std::string quantity(Wei value);
/// Strict: "0x" and 1 to 16 (32) hex digits; leading zeros are accepted, since some chains send
/// them.
base::Result<std::uint64_t> parse_quantity(std::string_view text);
base::Result<Wei> parse_wei(std::string_view text);

}  // namespace wavs::chain_evm
