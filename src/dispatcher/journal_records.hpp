// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"
#include "wavs/types/pipeline.hpp"
#include "wavs/types/records.hpp"

#include <vector>

namespace wavs::dispatcher {

/// The record, and its place in the index of work moved from where it was in state `before`.
void put_event(storage::Batch& batch, const types::EventRecord& event, types::EventState before);
void put_result(storage::Batch& batch, const types::ResultRecord& result);
/// The event with its places in all indexes.
void erase_event(storage::Batch& batch, const types::EventRecord& event);

/// How far the sources have read. Of what is said about the same only the last counts; an empty
/// value means that nothing is kept of it any more.
void put_positions(storage::Batch& batch, std::vector<types::SourcePosition> positions);

/// The index of the events that came from a block, by chain and block (Keyspace::EventBlocks).
base::Bytes event_blocks_prefix(const types::ChainKey& chain);
base::Bytes event_blocks_key(const types::ChainKey& chain, std::uint64_t block,
                             std::uint64_t sequence);
/// Nothing for an event that no block of an EVM chain holds.
void index_block(storage::Batch& batch, const types::EventRecord& event);

}  // namespace wavs::dispatcher
