// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Strict check of 65-byte secp256k1 signatures
library Secp256k1 {
    /// @dev Half of the group order. For each signature (r, s, v) the pair (r, n - s, flipped v) verifies too; taking
    /// only the lower s leaves one valid form, so a relay cannot make a second, different-looking signature.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    uint256 private constant SIGNATURE_LENGTH = 65;

    /// @notice True only for the canonical signature of `signer` over `digest`: r, s, v with low s and v 27 or 28.
    function isSignedBy(bytes32 digest, bytes calldata signature, address signer) internal pure returns (bool) {
        if (signature.length != SIGNATURE_LENGTH) return false;
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) return false;
        address recovered = ecrecover(digest, v, r, s);
        // a failed recovery gives the zero address, which must never pass for a signer
        return recovered != address(0) && recovered == signer;
    }
}
