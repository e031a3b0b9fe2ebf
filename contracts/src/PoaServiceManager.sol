// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IWavsServiceHandler} from "./interfaces/IWavsServiceHandler.sol";
import {IWavsServiceManager} from "./interfaces/IWavsServiceManager.sol";
import {Checkpoints} from "./lib/Checkpoints.sol";
import {Secp256k1} from "./lib/Secp256k1.sol";

/// @title Proof-of-authority service manager
/// @notice Service manager and stake registry in one contract: an owner names the operators and their weights, each
/// operator brings its own signing key, and `validate` answers whether a set of signatures carries the quorum.
/// @dev Not upgradeable on purpose: the rules an operator signs up for cannot change under it.
contract PoaServiceManager is IWavsServiceManager {
    using Checkpoints for Checkpoints.History;

    error NotOwner(address caller);
    error SignerNotRegistered();
    error InsufficientSignedStake();
    error NotSorted();
    error LengthMismatch();
    error InvalidLength();
    error InvalidReferenceBlock();
    error InvalidSignedWeight();
    error OperatorNotRegistered();
    error OperatorAlreadyRegistered();
    error SigningKeyAlreadyAssigned();
    error InvalidQuorum();
    error InvalidWeight();
    error InvalidAddressZero();
    error InvalidThresholdWeight();

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event OperatorRegistered(address indexed operator);
    event OperatorDeregistered(address indexed operator);
    event OperatorWeightUpdated(address indexed operator, uint256 oldWeight, uint256 newWeight);
    event TotalWeightUpdated(uint256 oldWeight, uint256 newWeight);
    event ThresholdWeightUpdated(uint256 thresholdWeight);
    event SigningKeyUpdated(address indexed operator, address indexed newSigningKey, address indexed oldSigningKey);

    /// @dev Stands for "the values of now" wherever a reference block is taken.
    uint32 private constant LATEST = type(uint32).max;

    /// @dev With weights below 2^128 and quorum parts below 2^112 no product in the quorum check can overflow.
    uint256 private constant MAX_WEIGHT = type(uint128).max;
    uint256 private constant MAX_QUORUM_PART = type(uint112).max;

    address private _owner;
    string private _serviceURI;

    mapping(address operator => bool) private _registered;
    mapping(address operator => Checkpoints.History) private _weight;
    mapping(address operator => Checkpoints.History) private _signingKey;
    mapping(address signingKey => Checkpoints.History) private _operatorOfKey;
    Checkpoints.History private _totalWeight;
    Checkpoints.History private _thresholdWeight;
    /// @dev Numerator and denominator share a point, so that no block can see one without the other.
    Checkpoints.History private _quorum;

    modifier onlyOwner() {
        if (msg.sender != _owner) revert NotOwner(msg.sender);
        _;
    }

    constructor(address initialOwner, uint256 thresholdWeight, uint256 quorumNumerator, uint256 quorumDenominator) {
        _setOwner(initialOwner);
        _setThreshold(thresholdWeight);
        _setQuorum(quorumNumerator, quorumDenominator);
    }

    // ---------------------------------------------------------------------------------------------------------
    // Validation

    /// @inheritdoc IWavsServiceManager
    /// @dev Everything is read at `referenceBlock`, which must be over: the state of the running block may still
    /// change, so two nodes could see different answers for it. The "latest" mark opts out of this knowingly.
    function validate(
        IWavsServiceHandler.Envelope calldata envelope,
        IWavsServiceHandler.SignatureData calldata signatureData
    ) external view {
        if (signatureData.signers.length != signatureData.signatures.length) revert LengthMismatch();
        if (signatureData.signers.length == 0) revert InvalidLength();
        uint32 referenceBlock = signatureData.referenceBlock;
        if (referenceBlock != LATEST && referenceBlock >= block.number) revert InvalidReferenceBlock();

        uint256 signedWeight = _signedWeight(_signedDigest(envelope), signatureData);
        _requireQuorum(signedWeight, referenceBlock);
    }

    /// @dev EIP-191 keeps an envelope signature from ever being a valid signature of a transaction.
    function _signedDigest(IWavsServiceHandler.Envelope calldata envelope) private pure returns (bytes32) {
        return keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", keccak256(abi.encode(envelope))));
    }

    /// @dev A key belongs to one operator and an operator holds one key at any block, so distinct signers are distinct
    /// operators and no weight is counted twice.
    function _signedWeight(bytes32 digest, IWavsServiceHandler.SignatureData calldata signatureData)
        private
        view
        returns (uint256 signedWeight)
    {
        address previous = address(0);
        for (uint256 i = 0; i < signatureData.signers.length; ++i) {
            address signer = signatureData.signers[i];
            address operator = _operatorAt(signer, signatureData.referenceBlock);
            if (operator == address(0)) revert SignerNotRegistered();
            if (signer <= previous) revert NotSorted();
            if (!Secp256k1.isSignedBy(digest, signatureData.signatures[i], signer)) revert InvalidSignature();
            signedWeight += _weight[operator].valueAt(signatureData.referenceBlock);
            previous = signer;
        }
    }

    /// @dev The signed weight is compared without division; the threshold told to the caller is rounded up, so it is
    /// exactly the smallest weight that would have passed.
    function _requireQuorum(uint256 signedWeight, uint32 referenceBlock) private view {
        uint256 totalWeight = _totalWeight.valueAt(referenceBlock);
        if (signedWeight < _thresholdWeight.valueAt(referenceBlock)) revert InsufficientSignedStake();
        if (signedWeight > totalWeight) revert InvalidSignedWeight();
        if (totalWeight == 0) revert InsufficientQuorumZero();
        (uint256 numerator, uint256 denominator) = _unpackQuorum(_quorum.valueAt(referenceBlock));
        if (signedWeight * denominator < totalWeight * numerator) {
            uint256 needed = (totalWeight * numerator + denominator - 1) / denominator;
            revert InsufficientQuorum(signedWeight, needed, totalWeight);
        }
    }

    // ---------------------------------------------------------------------------------------------------------
    // Owner

    /// @notice Names a new operator. It counts in the total at once, and can sign once it has set a signing key.
    function registerOperator(address operator, uint256 weight) external onlyOwner {
        if (operator == address(0)) revert InvalidAddressZero();
        if (_registered[operator]) revert OperatorAlreadyRegistered();
        if (weight == 0) revert InvalidWeight();
        _registered[operator] = true;
        emit OperatorRegistered(operator);
        _setWeight(operator, weight);
    }

    /// @notice Takes an operator out and frees its signing key.
    /// @dev Blocks before this one keep their answer: signatures referring to them stay valid.
    function deregisterOperator(address operator) external onlyOwner {
        if (!_registered[operator]) revert OperatorNotRegistered();
        _registered[operator] = false;
        _setWeight(operator, 0);
        _assignSigningKey(operator, address(0));
        emit OperatorDeregistered(operator);
    }

    /// @notice Changes a weight. Zero suspends the operator without taking its key away.
    function updateOperatorWeight(address operator, uint256 weight) external onlyOwner {
        if (!_registered[operator]) revert OperatorNotRegistered();
        _setWeight(operator, weight);
    }

    /// @notice Sets the least signed weight, whatever the quorum share. Zero leaves the decision to the quorum alone.
    function updateStakeThreshold(uint256 thresholdWeight) external onlyOwner {
        _setThreshold(thresholdWeight);
    }

    function updateQuorum(uint256 numerator, uint256 denominator) external onlyOwner {
        _setQuorum(numerator, denominator);
    }

    /// @inheritdoc IWavsServiceManager
    function setServiceURI(string calldata serviceURI) external onlyOwner {
        _serviceURI = serviceURI;
        emit ServiceURIUpdated(serviceURI);
    }

    function transferOwnership(address newOwner) external onlyOwner {
        _setOwner(newOwner);
    }

    // ---------------------------------------------------------------------------------------------------------
    // Operator

    /// @notice Sets the key that signs for the calling operator; the old key is free again.
    /// @param signature made by the new key over keccak256(abi.encode(operator)), without EIP-191 prefix. Without this
    /// proof an operator could claim, and so block, the key of another.
    function updateOperatorSigningKey(address newSigningKey, bytes calldata signature) external {
        if (!_registered[msg.sender]) revert OperatorNotRegistered();
        if (newSigningKey == address(0)) revert InvalidAddressZero();
        address holder = _operatorAt(newSigningKey, LATEST);
        if (holder == msg.sender) return;
        if (holder != address(0)) revert SigningKeyAlreadyAssigned();
        if (!Secp256k1.isSignedBy(keccak256(abi.encode(msg.sender)), signature, newSigningKey)) {
            revert InvalidSignature();
        }
        _assignSigningKey(msg.sender, newSigningKey);
    }

    // ---------------------------------------------------------------------------------------------------------
    // Reads. A block number of 0xffffffff means "latest"; a block before the first change reads zero.

    function owner() external view returns (address) {
        return _owner;
    }

    /// @inheritdoc IWavsServiceManager
    function getServiceURI() external view returns (string memory) {
        return _serviceURI;
    }

    function operatorRegistered(address operator) external view returns (bool) {
        return _registered[operator];
    }

    /// @inheritdoc IWavsServiceManager
    function getOperatorWeight(address operator) external view returns (uint256) {
        return _weight[operator].latest();
    }

    function getOperatorWeightAtBlock(address operator, uint32 blockNumber) external view returns (uint256) {
        return _weight[operator].valueAt(blockNumber);
    }

    /// @inheritdoc IWavsServiceManager
    function getLatestOperatorForSigningKey(address signingKey) external view returns (address) {
        return _operatorAt(signingKey, LATEST);
    }

    function getOperatorForSigningKeyAtBlock(address signingKey, uint32 blockNumber) external view returns (address) {
        return _operatorAt(signingKey, blockNumber);
    }

    function getLatestOperatorSigningKey(address operator) external view returns (address) {
        return _signingKeyAt(operator, LATEST);
    }

    function getOperatorSigningKeyAtBlock(address operator, uint32 blockNumber) external view returns (address) {
        return _signingKeyAt(operator, blockNumber);
    }

    function getLastCheckpointTotalWeight() external view returns (uint256) {
        return _totalWeight.latest();
    }

    function getLastCheckpointTotalWeightAtBlock(uint32 blockNumber) external view returns (uint256) {
        return _totalWeight.valueAt(blockNumber);
    }

    function getLastCheckpointThresholdWeight() external view returns (uint256) {
        return _thresholdWeight.latest();
    }

    function getLastCheckpointThresholdWeightAtBlock(uint32 blockNumber) external view returns (uint256) {
        return _thresholdWeight.valueAt(blockNumber);
    }

    function getLastCheckpointQuorum() external view returns (uint256 numerator, uint256 denominator) {
        return _unpackQuorum(_quorum.latest());
    }

    function getLastCheckpointQuorumAtBlock(uint32 blockNumber)
        external
        view
        returns (uint256 numerator, uint256 denominator)
    {
        return _unpackQuorum(_quorum.valueAt(blockNumber));
    }

    /// @inheritdoc IWavsServiceManager
    /// @dev Zero tells a reader that there is no separate registry: ask this contract.
    function getStakeRegistry() external pure returns (address) {
        return address(0);
    }

    /// @inheritdoc IWavsServiceManager
    function getAllocationManager() external pure returns (address) {
        return address(0);
    }

    /// @inheritdoc IWavsServiceManager
    function getDelegationManager() external pure returns (address) {
        return address(0);
    }

    // ---------------------------------------------------------------------------------------------------------
    // State changes

    function _setOwner(address newOwner) private {
        if (newOwner == address(0)) revert InvalidAddressZero();
        emit OwnershipTransferred(_owner, newOwner);
        _owner = newOwner;
    }

    /// @dev The total moves in the same call as the weight, so at no block can they disagree.
    function _setWeight(address operator, uint256 newWeight) private {
        uint256 oldWeight = _weight[operator].latest();
        uint256 oldTotal = _totalWeight.latest();
        // refused before the sum, which could otherwise overflow and lose the named error
        if (newWeight > MAX_WEIGHT) revert InvalidWeight();
        uint256 newTotal = oldTotal - oldWeight + newWeight;
        if (newTotal > MAX_WEIGHT) revert InvalidWeight();
        _weight[operator].push(uint224(newWeight));
        _totalWeight.push(uint224(newTotal));
        emit OperatorWeightUpdated(operator, oldWeight, newWeight);
        emit TotalWeightUpdated(oldTotal, newTotal);
    }

    function _setThreshold(uint256 thresholdWeight) private {
        if (thresholdWeight > MAX_WEIGHT) revert InvalidThresholdWeight();
        _thresholdWeight.push(uint224(thresholdWeight));
        emit ThresholdWeightUpdated(thresholdWeight);
    }

    /// @dev A numerator of zero is refused: it would let a signature of weight zero pass.
    function _setQuorum(uint256 numerator, uint256 denominator) private {
        if (numerator == 0 || numerator > denominator || denominator > MAX_QUORUM_PART) revert InvalidQuorum();
        _quorum.push(uint224((numerator << 112) | denominator));
        emit QuorumThresholdUpdated(numerator, denominator);
    }

    /// @dev Both directions change together; the zero address as new key only releases the old one.
    function _assignSigningKey(address operator, address newSigningKey) private {
        address oldSigningKey = _signingKeyAt(operator, LATEST);
        if (oldSigningKey == newSigningKey) return;
        if (oldSigningKey != address(0)) _operatorOfKey[oldSigningKey].push(0);
        if (newSigningKey != address(0)) _operatorOfKey[newSigningKey].push(uint160(operator));
        _signingKey[operator].push(uint160(newSigningKey));
        emit SigningKeyUpdated(operator, newSigningKey, oldSigningKey);
    }

    function _operatorAt(address signingKey, uint32 blockNumber) private view returns (address) {
        return address(uint160(_operatorOfKey[signingKey].valueAt(blockNumber)));
    }

    function _signingKeyAt(address operator, uint32 blockNumber) private view returns (address) {
        return address(uint160(_signingKey[operator].valueAt(blockNumber)));
    }

    function _unpackQuorum(uint224 packed) private pure returns (uint256 numerator, uint256 denominator) {
        return (packed >> 112, uint112(packed));
    }
}
