// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IWavsServiceHandler} from "./interfaces/IWavsServiceHandler.sol";
import {IWavsServiceManager} from "./interfaces/IWavsServiceManager.sol";

/// @title Result contract
/// @notice Takes an envelope once its service manager finds the quorum in it, and keeps the result by trigger id.
/// @dev The payload is abi.encode of one tuple (uint64 triggerId, bytes data).
contract ServiceHandler is IWavsServiceHandler {
    /// @notice What came back for a trigger, and who vouched for it.
    struct SignedData {
        bytes data;
        SignatureData signatureData;
    }

    struct Result {
        uint64 triggerId;
        bytes data;
    }

    error InvalidServiceManager(address serviceManager);
    error EventAlreadyHandled(bytes20 eventId);
    error UndecodablePayload();
    error InvalidTriggerId(uint64 triggerId);

    event EnvelopeHandled(bytes20 indexed eventId, uint64 indexed triggerId, bytes data);

    IWavsServiceManager private immutable _serviceManager;

    uint256 private _handledCount;
    mapping(bytes20 eventId => bool) private _handled;
    mapping(uint64 triggerId => bool) private _known;
    mapping(uint64 triggerId => SignedData) private _signedData;

    /// @dev A manager without code is a wrong address; found here it costs one deployment, found later every result.
    constructor(address serviceManager) {
        if (serviceManager.code.length == 0) revert InvalidServiceManager(serviceManager);
        _serviceManager = IWavsServiceManager(serviceManager);
    }

    /// @inheritdoc IWavsServiceHandler
    /// @dev Any account may send: the signatures decide. The cheap replay check comes first, because in a race of
    /// several submitters all but one end there. A later event for the same trigger id replaces the result, since
    /// interval and cron triggers have one fixed id; earlier results stay readable in the log.
    function handleSignedEnvelope(Envelope calldata envelope, SignatureData calldata signatureData) external {
        if (_handled[envelope.eventId]) revert EventAlreadyHandled(envelope.eventId);
        _serviceManager.validate(envelope, signatureData);
        Result memory result = _decode(envelope.payload);

        _handled[envelope.eventId] = true;
        ++_handledCount;
        _store(result, signatureData);
        emit EnvelopeHandled(envelope.eventId, result.triggerId, result.data);
    }

    /// @inheritdoc IWavsServiceHandler
    function getServiceManager() external view returns (address) {
        return address(_serviceManager);
    }

    /// @notice True once a result for the trigger has been accepted; ask this before the two reads below.
    function isValidTriggerId(uint64 triggerId) external view returns (bool) {
        return _known[triggerId];
    }

    /// @notice The latest result of a trigger with the signatures it was accepted on.
    function getSignedData(uint64 triggerId) external view returns (SignedData memory) {
        _requireKnown(triggerId);
        return _signedData[triggerId];
    }

    /// @notice The latest result of a trigger.
    function getData(uint64 triggerId) external view returns (bytes memory) {
        _requireKnown(triggerId);
        return _signedData[triggerId].data;
    }

    function isHandled(bytes20 eventId) external view returns (bool) {
        return _handled[eventId];
    }

    function getHandledCount() external view returns (uint256) {
        return _handledCount;
    }

    /// @notice The decoding of a payload as the handler sees it; reverts without a name when it does not fit.
    /// @dev External because only a call can be tried, and only so a malformed payload becomes a named error.
    function decodePayload(bytes calldata payload) external pure returns (Result memory) {
        return abi.decode(payload, (Result));
    }

    function _decode(bytes calldata payload) private view returns (Result memory) {
        try this.decodePayload(payload) returns (Result memory result) {
            return result;
        } catch {
            revert UndecodablePayload();
        }
    }

    function _store(Result memory result, SignatureData calldata signatureData) private {
        // the lists of an earlier result may be longer, so they are cleared rather than overwritten
        delete _signedData[result.triggerId];
        SignedData storage entry = _signedData[result.triggerId];
        _known[result.triggerId] = true;
        entry.data = result.data;
        entry.signatureData.signers = signatureData.signers;
        entry.signatureData.referenceBlock = signatureData.referenceBlock;
        for (uint256 i = 0; i < signatureData.signatures.length; ++i) {
            entry.signatureData.signatures.push(signatureData.signatures[i]);
        }
    }

    function _requireKnown(uint64 triggerId) private view {
        if (!_known[triggerId]) revert InvalidTriggerId(triggerId);
    }
}
