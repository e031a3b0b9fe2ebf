// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Values remembered by block
/// @notice Signatures arrive blocks after they were made; a check that read today's weights could accept or refuse
/// the same signatures depending on when they are sent. A history makes the answer a function of the block alone.
library Checkpoints {
    /// @dev One storage slot per point.
    struct Point {
        uint32 fromBlock;
        uint224 value;
    }

    struct History {
        Point[] points;
    }

    /// @notice The block number cannot be told apart from the "latest" mark any more.
    error BlockNumberTooLarge();

    /// @dev Several writes in one block keep the last: within a block only the final state can be referred to.
    function push(History storage self, uint224 value) internal {
        if (block.number >= type(uint32).max) revert BlockNumberTooLarge();
        // casting is safe: the line above bounds the block number
        uint32 current = uint32(block.number);
        uint256 length = self.points.length;
        if (length != 0 && self.points[length - 1].fromBlock == current) {
            self.points[length - 1].value = value;
        } else {
            self.points.push(Point(current, value));
        }
    }

    function latest(History storage self) internal view returns (uint224) {
        uint256 length = self.points.length;
        return length == 0 ? 0 : self.points[length - 1].value;
    }

    /// @notice The value in force at the end of `blockNumber`, 0 before the first point.
    /// @dev The largest uint32 lies behind every point, so it reads the latest value without a special case.
    function valueAt(History storage self, uint32 blockNumber) internal view returns (uint224) {
        uint256 low = 0;
        uint256 high = self.points.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (self.points[middle].fromBlock > blockNumber) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low == 0 ? 0 : self.points[low - 1].value;
    }
}
