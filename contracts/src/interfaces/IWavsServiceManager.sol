// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IWavsServiceHandler} from "./IWavsServiceHandler.sol";

/// @title The only on-chain surface a WAVS node may assume of a service
/// @dev The errors are shared by all kinds of managers; a given manager raises those that fit its checks.
interface IWavsServiceManager {
    error InvalidSignatureLength();
    error InvalidSignatureBlock();
    error InvalidSignatureOrder();
    error InvalidSignature();
    error InsufficientQuorumZero();
    error InsufficientQuorum(uint256 signerWeight, uint256 thresholdWeight, uint256 totalWeight);
    error InvalidQuorumParameters();

    /// @dev Nodes watch this event to learn of a new manifest; the URI is not indexed so that it can be read.
    event ServiceURIUpdated(string serviceURI);
    event QuorumThresholdUpdated(uint256 indexed numerator, uint256 indexed denominator);

    /// @notice Returns nothing when the signatures carry the quorum, reverts with the reason otherwise.
    function validate(
        IWavsServiceHandler.Envelope calldata envelope,
        IWavsServiceHandler.SignatureData calldata signatureData
    ) external view;

    /// @notice Where the manifest of the service is found.
    function getServiceURI() external view returns (string memory);

    function setServiceURI(string calldata serviceURI) external;

    /// @notice The latest weight of an operator, 0 when unknown.
    function getOperatorWeight(address operator) external view returns (uint256);

    /// @notice The operator that holds a signing key now, the zero address when nobody does.
    function getLatestOperatorForSigningKey(address signingKey) external view returns (address);

    function getAllocationManager() external view returns (address);

    function getDelegationManager() external view returns (address);

    function getStakeRegistry() external view returns (address);
}
