// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Trigger source
/// @notice Anyone may add a trigger; nodes that watch this contract run their component on each NewTrigger log.
/// @dev The bulk functions put many logs in one block or one transaction: log decoding, ordering and back-pressure of
/// a node can only be tried with that.
contract Trigger {
    struct TriggerInfo {
        uint64 triggerId;
        address creator;
        bytes data;
    }

    /// @dev The bytes are abi.encode of one TriggerInfo tuple: a single opaque field keeps the event hash the same
    /// for every kind of trigger.
    event NewTrigger(bytes triggerInfo);

    /// @dev A log that no service asks for.
    event Spam(uint256 index);

    error InvalidTriggerId(uint64 triggerId);

    struct Stored {
        address creator;
        bytes data;
    }

    uint64 private _lastTriggerId;
    mapping(uint64 triggerId => Stored) private _triggers;

    /// @notice Adds one trigger. Ids count from 1.
    function addTrigger(bytes calldata data) external returns (uint64 triggerId) {
        return _add(data);
    }

    /// @notice Adds one trigger per item, in order; their ids are consecutive.
    /// @return firstTriggerId the id of the first item (also when there is none: the id the next trigger will have)
    function addTriggers(bytes[] calldata items) external returns (uint64 firstTriggerId) {
        firstTriggerId = _lastTriggerId + 1;
        for (uint256 i = 0; i < items.length; ++i) {
            _add(items[i]);
        }
    }

    /// @notice Adds `count` triggers with the same data; their ids are consecutive.
    function addTriggerCount(bytes calldata data, uint256 count) external returns (uint64 firstTriggerId) {
        firstTriggerId = _lastTriggerId + 1;
        for (uint256 i = 0; i < count; ++i) {
            _add(data);
        }
    }

    /// @notice Emits `spamCount` other logs, then one trigger, so the trigger has log index `spamCount`.
    function addTriggerWithSpam(bytes calldata data, uint256 spamCount) external returns (uint64 triggerId) {
        for (uint256 i = 0; i < spamCount; ++i) {
            emit Spam(i);
        }
        return _add(data);
    }

    /// @notice Reads a trigger back; components use it to look a trigger up from its id.
    function getTrigger(uint64 triggerId) external view returns (TriggerInfo memory) {
        Stored storage stored = _triggers[triggerId];
        if (stored.creator == address(0)) revert InvalidTriggerId(triggerId);
        return TriggerInfo(triggerId, stored.creator, stored.data);
    }

    function getLastTriggerId() external view returns (uint64) {
        return _lastTriggerId;
    }

    function _add(bytes calldata data) private returns (uint64 triggerId) {
        triggerId = ++_lastTriggerId;
        _triggers[triggerId] = Stored(msg.sender, data);
        emit NewTrigger(abi.encode(TriggerInfo(triggerId, msg.sender, data)));
    }
}
