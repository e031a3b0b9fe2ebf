// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/crypto/secret_key.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/submission.hpp"

#include <cstdint>

namespace wavs::crypto {

/// x and y of a curve point, big-endian, without the leading 4.
using PublicKey = base::FixedBytes<64, struct PublicKeyTag>;
/// r, s, v; `v` is 27 or 28 and s is in the lower half. What is signed:
/// docs/protocol/01-values.md 8.
using RecoverableSignature = base::FixedBytes<65, struct RecoverableSignatureTag>;

PublicKey public_key_of(const SecretKey& key);
/// Last 20 bytes of the Keccak-256 of the point.
types::EvmAddress address_of(const PublicKey& key);

/// Deterministic (RFC 6979 with HMAC-SHA-256, no extra entropy), so that the same digest always
/// gives the same bytes.
RecoverableSignature sign_recoverable(const types::Bytes32& digest, const SecretKey& key);

/// Strict: exactly 65 bytes, v 27 or 28, r and s in range, s in the lower half. Anything else is an
/// error, also where a contract would accept it: one signature has one form.
base::Result<PublicKey> recover(const types::Bytes32& digest, base::ByteView signature);
base::Result<types::EvmAddress> recover_address(const types::Bytes32& digest,
                                                base::ByteView signature);

/// The form existing nodes accept: v also 0, 1 and 35 to 255 (odd = parity 0), s in either half.
/// Only for tools that explain foreign signatures.
base::Result<PublicKey> recover_tolerant(const types::Bytes32& digest, base::ByteView signature);

/// Who signed the submission's envelope, by the strict form and the kind it names. Says nothing on
/// whether that signer is registered.
base::Result<types::EvmAddress> signer_of(const types::Submission& submission);

}  // namespace wavs::crypto
