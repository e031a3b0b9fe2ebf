// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title What a WAVS node calls to deliver a result
interface IWavsServiceHandler {
    /// @notice One operator response. Operators sign keccak256(abi.encode(envelope)) under the EIP-191 prefix.
    /// @dev All operators of a service derive the same `eventId` for the same trigger and response salt.
    struct Envelope {
        bytes20 eventId;
        bytes12 ordering;
        bytes payload;
    }

    /// @notice The collected signatures, `signatures[i]` made by `signers[i]`.
    /// @dev Signers ascend strictly: a duplicate is then visible by looking at one neighbour only.
    struct SignatureData {
        address[] signers;
        bytes[] signatures;
        uint32 referenceBlock;
    }

    /// @notice Accepts a signed result, or reverts with the reason of the service manager or of the handler.
    function handleSignedEnvelope(Envelope calldata envelope, SignatureData calldata signatureData) external;

    /// @notice The manager that decides whether the signatures suffice; nodes ask it before they send.
    function getServiceManager() external view returns (address);
}
