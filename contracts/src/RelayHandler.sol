// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IWavsServiceHandler} from "./interfaces/IWavsServiceHandler.sol";
import {IWavsServiceManager} from "./interfaces/IWavsServiceManager.sol";

/// @title Result contract whose results are triggers
/// @notice Takes an envelope once its service manager finds the quorum in it, and emits its result as a trigger, so
/// that another workflow or service goes on from there.
/// @dev The payload is abi.encode of one tuple (uint64 triggerId, bytes data); the trigger keeps both.
contract RelayHandler is IWavsServiceHandler {
    struct Result {
        uint64 triggerId;
        bytes data;
    }

    struct TriggerInfo {
        uint64 triggerId;
        address creator;
        bytes data;
    }

    error EventAlreadyHandled(bytes20 eventId);

    /// @dev As of `Trigger`, so that the next component needs to know nothing of this contract.
    event NewTrigger(bytes triggerInfo);

    IWavsServiceManager private immutable _serviceManager;

    mapping(bytes20 eventId => bool) private _handled;

    constructor(address serviceManager) {
        _serviceManager = IWavsServiceManager(serviceManager);
    }

    /// @inheritdoc IWavsServiceHandler
    function handleSignedEnvelope(Envelope calldata envelope, SignatureData calldata signatureData) external {
        if (_handled[envelope.eventId]) revert EventAlreadyHandled(envelope.eventId);
        _serviceManager.validate(envelope, signatureData);
        _handled[envelope.eventId] = true;
        Result memory result = abi.decode(envelope.payload, (Result));
        emit NewTrigger(abi.encode(TriggerInfo(result.triggerId, address(this), result.data)));
    }

    /// @inheritdoc IWavsServiceHandler
    function getServiceManager() external view returns (address) {
        return address(_serviceManager);
    }
}
