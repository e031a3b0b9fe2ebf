// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/chain_evm/numbers.hpp"

namespace wavs::chain_evm::rlp {

/// Appends one item; numbers are big-endian without leading zeros.
void append_bytes(base::Bytes& out, base::ByteView value);
void append_number(base::Bytes& out, Wei value);
/// `payload`: items already encoded.
base::Bytes list(base::ByteView payload);

/// Takes one item off the front of `from`, checking every length. Error code `rlp_invalid`.
struct Item {
    bool is_list = false;
    base::ByteView payload;
};
base::Result<Item> take(base::ByteView& from);
/// A string item as a number of at most 16 bytes, without leading zeros.
base::Result<Wei> take_number(base::ByteView& from);

}  // namespace wavs::chain_evm::rlp
