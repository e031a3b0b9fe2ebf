// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"
#include "wavs/types/records.hpp"

namespace wavs::dispatcher {

/// The record, and its place in the index of work moved from where it was in state `before`.
void put_event(storage::Batch& batch, const types::EventRecord& event, types::EventState before);
void put_result(storage::Batch& batch, const types::ResultRecord& result);
/// The event with its places in all indexes.
void erase_event(storage::Batch& batch, const types::EventRecord& event);

/// The index of the events that came from a block, by chain and block (Keyspace::EventBlocks).
base::Bytes event_blocks_prefix(const types::ChainKey& chain);
base::Bytes event_blocks_key(const types::ChainKey& chain, std::uint64_t block,
                             std::uint64_t sequence);
/// Nothing for an event that no block of an EVM chain holds.
void index_block(storage::Batch& batch, const types::EventRecord& event);

}  // namespace wavs::dispatcher
