// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/crypto/secret_key.hpp"

#include <string_view>

namespace wavs::crypto {

/// The BIP-39 seed of a mnemonic.
using Seed = SecretBytes<64>;

/// English BIP-39 with 12, 15, 18, 21 or 24 words and a valid checksum; blanks around and between
/// words do not matter. The error names the position of a bad word, never the word.
base::Result<void> check_mnemonic(std::string_view phrase);

/// `check_mnemonic`, then the seed. Takes about a millisecond (PBKDF2 with 2048 rounds).
base::Result<Seed> seed_from_mnemonic(std::string_view phrase, std::string_view passphrase = {});

}  // namespace wavs::crypto
